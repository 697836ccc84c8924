"""Who stands in for whom while a component is changed start-first."""

from __future__ import annotations

from dataclasses import replace

from reconciler.actions import Await, Destroy
from reconciler.plan import BlockKind, Plan
from reconciler.planner import after, make_plan
from reconciler.planner.explain import explain
from reconciler.specs.desired import Disk, Instance, Nic, NicKind, OnDelete, Segment
from reconciler.specs.guest import GuestContext
from reconciler.specs.health import HealthCheck, Order, TcpCheck, UpdatePolicy
from reconciler.specs.identity import bridge_of
from reconciler.specs.placement import Affinity, Placement
from reconciler.state import InstanceState, Observed, VolumeState
from tests.builders import (
    GIB,
    desired_of,
    fleet_of,
    image_use,
    instance,
    machine,
    observed_of,
    paused,
    replicas,
    running,
    stopped,
)

FLEET = fleet_of(hv1=64 * GIB)
CHECK = HealthCheck(TcpCheck(80))


def start_first(*instances: Instance, most: int = 1, monitor: int = 0) -> tuple[Instance, ...]:
    policy = UpdatePolicy(most, monitor, Order.START_FIRST)
    return tuple(replace(each, health=CHECK, update=policy) for each in instances)


def changed(*instances: Instance, image: str = "other") -> tuple[Instance, ...]:
    return tuple(replace(each, machine=replace(each.machine, image=image_use(image))) for each in instances)


WEB = start_first(*replicas(3, "shop-web"))
NEW = changed(*WEB)


def plan(wanted: tuple[Instance, ...], *seen: InstanceState) -> Plan:
    return make_plan(desired_of(FLEET, *wanted), observed_of(FLEET, *seen))


def up(*instances: Instance) -> list[InstanceState]:
    return [running(each, on="hv1") for each in instances]


def needs(made: Plan) -> dict[str, tuple[str, ...]]:
    return {
        step.id: tuple(each for each in step.needs if not each.startswith("image/"))
        for step in made.steps
        if not step.id.startswith("image/")
    }


def folded(wanted: tuple[Instance, ...], observed: Observed, until: str) -> Observed:
    """The fleet once the plan was carried out up to that step, and not that."""
    for step in make_plan(desired_of(FLEET, *wanted), observed).steps:
        if step.id == until:
            return observed
        observed = after(step, observed)
    raise AssertionError(f"{until} is not in the plan")


ROLL = {
    "create/shop-web-3": (),
    "wait/shop-web-3": ("create/shop-web-3",),
    "replace/shop-web-0": ("wait/shop-web-3",),
    "wait/shop-web-0": ("replace/shop-web-0",),
    "replace/shop-web-1": ("wait/shop-web-0",),
    "wait/shop-web-1": ("replace/shop-web-1",),
    "replace/shop-web-2": ("wait/shop-web-1",),
    "wait/shop-web-2": ("replace/shop-web-2",),
    "destroy/shop-web-3": ("create/shop-web-3", "wait/shop-web-0", "wait/shop-web-1", "wait/shop-web-2"),
}


def test_one_more_is_healthy_before_the_first_is_taken_and_goes_after_the_last_is_back() -> None:
    made = plan(NEW, *up(*WEB))
    assert needs(made) == ROLL
    assert made.blocked == ()
    assert made.summary["destroy"] == 1


def test_a_plan_that_stopped_goes_on_with_the_stand_in_that_it_finds() -> None:
    seen = folded(NEW, observed_of(FLEET, *up(*WEB)), "replace/shop-web-1")
    assert needs(make_plan(desired_of(FLEET, *NEW), seen)) == {
        "wait/shop-web-3": (),
        "wait/shop-web-0": (),
        "replace/shop-web-1": ("wait/shop-web-3", "wait/shop-web-0"),
        "wait/shop-web-1": ("replace/shop-web-1",),
        "replace/shop-web-2": ("wait/shop-web-1",),
        "wait/shop-web-2": ("replace/shop-web-2",),
        "destroy/shop-web-3": ("wait/shop-web-0", "wait/shop-web-1", "wait/shop-web-2"),
    }


def test_a_stand_in_that_is_left_over_goes_once_everybody_is_seen_healthy() -> None:
    seen = folded(NEW, observed_of(FLEET, *up(*WEB)), "destroy/shop-web-3")
    made = make_plan(desired_of(FLEET, *NEW), seen)
    assert needs(made) == {
        "wait/shop-web-0": (),
        "wait/shop-web-1": (),
        "wait/shop-web-2": (),
        "destroy/shop-web-3": ("wait/shop-web-0", "wait/shop-web-1", "wait/shop-web-2"),
    }
    assert make_plan(desired_of(FLEET, *NEW), after(made.steps[-1], seen)).steps == ()


def test_another_change_begins_with_the_stand_in() -> None:
    seen = folded(NEW, observed_of(FLEET, *up(*WEB)), "replace/shop-web-1")
    made = needs(make_plan(desired_of(FLEET, *changed(*WEB, image="third")), seen))
    assert made["replace/shop-web-3"] == ()
    assert made["replace/shop-web-0"] == ("wait/shop-web-3",)
    assert made["replace/shop-web-2"] == ("wait/shop-web-1",)
    assert made["destroy/shop-web-3"][-3:] == ("wait/shop-web-0", "wait/shop-web-1", "wait/shop-web-2")


def test_so_many_stand_in_as_may_be_taken_at_a_time() -> None:
    web = start_first(*WEB, most=2)
    made = needs(plan(changed(*web), *up(*web)))
    assert made["replace/shop-web-0"] == ("wait/shop-web-3",)
    assert made["replace/shop-web-1"] == ("wait/shop-web-3", "wait/shop-web-4")
    assert {"destroy/shop-web-3", "destroy/shop-web-4"} <= made.keys()
    everybody = needs(plan(changed(*start_first(*WEB, most=0)), *up(*WEB)))
    assert len([each for each in everybody if each.startswith("create/")]) == 3
    one = start_first(*replicas(1, "shop-web"), most=2)
    assert "create/shop-web-2" not in needs(plan(changed(*one), *up(*one)))


def test_without_a_place_for_a_stand_in_nobody_is_taken_away() -> None:
    apart = Placement(anti_affinity=(Affinity("web", "host"),))
    web = start_first(*replicas(1, "shop-web", placement=apart))
    made = plan(changed(*web), *up(*web))
    assert made.steps == ()
    told = {str(entry.instance): entry for entry in made.blocked}
    assert told["shop-web-0"].kind is told["shop-web-1"].kind is BlockKind.NO_PLACE
    assert "shop-web-1 is blocked" in told["shop-web-0"].refusals[0].reason
    assert told["shop-web-1"].refusals[0].host == "hv1"
    look = observed_of(FLEET, *up(*web))
    assert explain(desired_of(FLEET, *changed(*web)), look, "shop-web-0").verdict == "hold"


def test_a_stand_in_never_waits_in_the_way_of_those_that_stay() -> None:
    web = start_first(*replicas(2, "shop-web", machine(memory_mib=30 * GIB)))
    made = plan(changed(*web), running(web[0], on="hv1"))
    assert "create/shop-web-1" in needs(made)
    assert {str(entry.instance) for entry in made.blocked} == {"shop-web-0", "shop-web-2"}


def test_nothing_of_a_stand_in_is_kept_or_protected() -> None:
    disks = (Disk("root", GIB), Disk("data", GIB, OnDelete.RETAIN))
    of = replace(machine(disks=disks), protect=True)
    web = start_first(*replicas(1, "shop-web", of))
    more = tuple(replace(each, machine=replace(each.machine, cpus=2)) for each in web)
    made = plan(more, *up(*web))
    (gone,) = [step.action for step in made.steps if isinstance(step.action, Destroy)]
    assert gone.before.applied.surge
    assert not gone.before.applied.protect
    assert {disk.on_delete for disk in gone.before.applied.disks} == {OnDelete.DELETE}


def test_a_disk_or_a_machine_that_is_there_already_is_no_stand_ins() -> None:
    look = observed_of(FLEET, *up(*WEB, *replicas(4, "shop-web")[3:]))
    kept = VolumeState(instance("shop-web-4").key, "data", GIB)
    look = replace(look, hosts=tuple(replace(each, volumes=(*each.volumes, kept)) for each in look.hosts))
    made = needs(make_plan(desired_of(FLEET, *NEW), look))
    assert made["replace/shop-web-0"] == ("wait/shop-web-5",)
    assert {"destroy/shop-web-3", "destroy/shop-web-5"} <= made.keys()


def test_a_stand_in_stays_while_a_replica_is_away_for_good() -> None:
    seen = folded(NEW, observed_of(FLEET, *up(*WEB)), "destroy/shop-web-3")
    states = [
        each if each.name != "shop-web-2" else paused(NEW[2], on="hv1") for each in seen.hosts[0].instances
    ]
    made = plan(NEW, *states)
    assert made.steps == ()
    held = {str(entry.instance): entry for entry in made.blocked}
    assert held["shop-web-3"].kind is BlockKind.IN_DOUBT
    assert "stands in while shop-web-2 is away" in held["shop-web-3"].refusals[0].reason


def test_a_replica_more_takes_the_stand_in_over_as_it_is() -> None:
    seen = folded(NEW, observed_of(FLEET, *up(*WEB)), "destroy/shop-web-3")
    four = changed(*start_first(*replicas(4, "shop-web")))
    assert needs(make_plan(desired_of(FLEET, *four), seen)) == {"update/shop-web-3": ()}


def test_nobody_stands_in_where_nobody_is_taken_away() -> None:
    assert plan(WEB, *up(*WEB)).steps == ()
    assert needs(plan(WEB, *up(*WEB[:2]), stopped(WEB[2], on="hv1"))) == {"start/shop-web-2": ()}


def test_dependants_and_whoever_asks_for_everybody_wait_for_no_stand_in() -> None:
    app = [replace(each, healthy_first=("web",)) for each in replicas(1, "shop-app", depends_on=["web"])]
    look = observed_of(FLEET, *up(*WEB))
    made = make_plan(desired_of(FLEET, *NEW, *app), look, wait=True)
    assert needs(made)["create/shop-app-0"] == ("wait/shop-web-0", "wait/shop-web-1", "wait/shop-web-2")
    waited = [step.action.instance.name for step in made.steps if isinstance(step.action, Await)]
    assert waited.count(WEB[0].name) == 1


BACK = Segment("shop", "back", "10.42.0.0/24", 7, bridge_of(7), 1450)


def test_a_stand_in_gets_an_address_of_the_cidr_and_nobody_is_told_of_it() -> None:
    def on_segment(each: Instance, address: str) -> Instance:
        nic = Nic(NicKind.BRIDGE, BACK.bridge, address)
        told = GuestContext(each.name, environment=(("ALL", "${{ components.web.addresses[2] }}"),))
        return replace(each, machine=replace(each.machine, nics=(nic,)), context=told)

    web = tuple(on_segment(each, f"10.42.0.{10 + each.key.ordinal}") for each in WEB)
    desired = replace(desired_of(FLEET, *web), segments=(BACK,))
    seen = observed_of(FLEET)
    for step in make_plan(desired, seen).steps:
        seen = after(step, seen)
    assert make_plan(desired, seen).steps == ()
    changes = replace(desired_of(FLEET, *changed(*web)), segments=(BACK,))
    made = make_plan(changes, seen)
    assert needs(made) == ROLL | {"create/shop-web-3": ()}
    for step in made.steps[:-1]:
        seen = after(step, seen)
    extra = seen.by_uuid[made.steps[-1].action.before.uuid][0]  # type: ignore[union-attr]
    assert extra.applied.nics[0].address == "10.42.0.1"
    assert extra.applied.peers == seen.by_uuid[web[0].uuid][0].applied.peers
    assert make_plan(changes, after(made.steps[-1], seen)).steps == ()


def test_a_network_is_there_for_a_stand_in_and_goes_with_it() -> None:
    fleet = fleet_of(hv1=2 * GIB, hv2=64 * GIB)
    nic = Nic(NicKind.BRIDGE, BACK.bridge)
    of = replace(machine(memory_mib=2 * GIB), nics=(nic,))
    web = [
        replace(each, context=GuestContext(each.name)) for each in start_first(*replicas(1, "shop-web", of))
    ]
    desired = replace(desired_of(fleet, *web), segments=(BACK,))
    seen = observed_of(fleet)
    hosts = (replace(each, address=f"192.0.2.{number}") for number, each in enumerate(seen.hosts, start=1))
    seen = replace(seen, hosts=tuple(hosts))
    pinned = replace(
        desired, instances=(replace(web[0], placement=Placement(require=('host.name == "hv1"',))),)
    )
    for step in make_plan(pinned, seen).steps:
        seen = after(step, seen)
    changes = replace(desired_of(fleet, *changed(*web)), segments=(BACK,))
    made = make_plan(changes, seen)
    ids = needs(made)
    assert ids["create/shop-web-1"] == ("network/shop.back@hv2",)
    assert ids["network-drop/shop.back@hv2"] == ("destroy/shop-web-1",)
    for step in made.steps:
        seen = after(step, seen)
    assert make_plan(changes, seen).steps == ()


def test_a_stand_in_on_a_host_that_is_to_be_empty_moves_stands_in_and_goes() -> None:
    home, closed = fleet_of(hv1=64 * GIB, hv2=64 * GIB).hosts
    wanted = desired_of(fleet_of(home, replace(closed, maintenance=True)), *NEW)
    spare = replace(instance("shop-web-3"), machine=replace(NEW[0].machine, surge=True))
    seen = observed_of(wanted.fleet, *up(*WEB), running(spare, on="hv2"))
    made = make_plan(wanted, seen)
    assert {"migrate/shop-web-3", "replace/shop-web-0", "destroy/shop-web-3"} <= {*needs(made)}
    for step in made.steps:
        seen = after(step, seen)
    assert seen.by_uuid.get(spare.uuid, ()) == ()
    assert make_plan(wanted, seen).steps == ()
