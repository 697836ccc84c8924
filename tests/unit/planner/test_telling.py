"""Who is told of a changed service, when, and what that costs it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from reconciler.actions import Create, Impact, Update
from reconciler.plan import Plan
from reconciler.planner import make_plan
from reconciler.planner.citing import cited
from reconciler.planner.prepare import prepared
from reconciler.planner.simulate import after
from reconciler.specs.desired import Desired, HostName, Instance, Nic, NicKind, Segment
from reconciler.specs.guest import GuestContext
from reconciler.state import InstanceState, Observed
from tests.builders import desired_of, fleet_of, instance, machine, observed_of, sha

FLEET = fleet_of(hv1=64 * 1024, hv2=64 * 1024)
BACK = Segment("shop", "back", "10.42.0.0/24", 7, "rc000007", 1450)


def guest(
    name: str, *, address: str | None = None, cpus: int = 1, depends_on: Iterable[str] = ()
) -> Instance:
    made = instance(
        name,
        replace(machine(cpus=cpus), nics=(Nic(NicKind.BRIDGE, BACK.bridge, address),), context=sha(name)),
        depends_on=tuple(depends_on),
    )
    return replace(made, context=GuestContext(name))


def look(*states: InstanceState, silent: Iterable[str] = ()) -> Observed:
    """A look at hosts that reach each other."""
    seen = observed_of(FLEET, *states, silent=silent)
    hosts = (replace(each, address=f"192.0.2.{number}") for number, each in enumerate(seen.hosts, start=1))
    return replace(seen, hosts=tuple(hosts))


def service(*instances: Instance) -> Desired:
    return replace(desired_of(FLEET, *instances), segments=(BACK,))


def settled(desired: Desired) -> Observed:
    """The fleet once everything that is desired is there."""
    observed = look()
    for step in make_plan(desired, observed).steps:
        observed = after(step, observed)
    assert make_plan(desired, observed).steps == ()
    assert sum(len(host.instances) for host in observed.hosts) == len(desired.instances)
    return observed


def needs(plan: Plan) -> dict[str, tuple[str, ...]]:
    """What each step on an instance needs, networks left out."""
    steps = [step for step in plan.steps if not step.id.startswith("network")]
    return {
        step.id: tuple(each for each in step.needs if not each.startswith(("image", "network")))
        for step in steps
    }


def follows(plan: Plan) -> dict[str, tuple[str, ...]]:
    """Whom each step on an instance waits for, however that ends."""
    return {step.id: step.follows for step in plan.steps if not step.id.startswith(("image", "network"))}


def update_of(plan: Plan, name: str) -> Update:
    action = next(step.action for step in plan.steps if step.id == f"update/{name}")
    assert isinstance(action, Update)
    return action


DB = (guest("shop-db-0"), guest("shop-db-1"))
APP = guest("shop-app-0", depends_on=["db"])


def test_everybody_is_told_of_a_new_replica_once_it_is_over_with_it() -> None:
    plan = make_plan(service(*DB, guest("shop-db-2"), APP), settled(service(*DB, APP)))
    made = follows(plan)
    assert list(made) == ["create/shop-db-2", "update/shop-db-0", "update/shop-db-1", "update/shop-app-0"]
    assert {made[name] for name in list(made)[1:]} == {("create/shop-db-2",)}
    assert set(needs(plan).values()) == {()}
    assert update_of(plan, "shop-app-0").impact is Impact.LIVE


def test_citing_the_lines_of_a_plan_leaves_its_steps_as_they_are() -> None:
    desired = service(*DB, APP, guest("shop-db-2"))
    plan = make_plan(desired, settled(service(*DB, APP)))
    assert any(step.follows for step in plan.steps)
    assert cited(plan, desired) == plan


def test_nothing_waits_for_those_who_are_told() -> None:
    more = guest("shop-app-1", depends_on=["db"])
    made = needs(make_plan(service(*DB, APP, more), settled(service(*DB, APP))))
    assert made["create/shop-app-1"] == ()
    assert not any(step.startswith("update") for needed in made.values() for step in needed)


def test_own_address_costs_a_restart_and_the_peers_nothing() -> None:
    moved = guest("shop-db-0", address="10.42.0.77")
    plan = make_plan(service(moved, DB[1], APP), settled(service(*DB, APP)))
    assert update_of(plan, "shop-db-0").impact is Impact.RESTART
    assert update_of(plan, "shop-db-1").impact is Impact.LIVE
    assert update_of(plan, "shop-app-0").impact is Impact.LIVE


def test_who_has_gone_is_no_longer_told_of() -> None:
    plan = make_plan(service(DB[0], APP), settled(service(*DB, APP)))
    made = needs(plan)
    assert list(made) == ["update/shop-db-0", "update/shop-app-0", "destroy/shop-db-1"]
    assert set(made["destroy/shop-db-1"]) == {"update/shop-app-0", "update/shop-db-0"}


def without_last_db() -> Observed:
    """The second database is on a host that does not answer; all else was seen on the other."""
    states = [state for host in settled(service(*DB, APP)).hosts for state in host.instances]
    seen = (replace(each, host=HostName("hv1")) for each in states if each.name != "shop-db-1")
    return look(*seen, silent=("hv2",))


def test_silent_host_makes_no_work_for_the_others() -> None:
    plan = make_plan(service(*DB, APP), without_last_db())
    assert [step.id for step in plan.steps if step.id.startswith("update/")] == []
    assert [each.instance for each in plan.blocked] == ["shop-db-1"]


def test_guest_that_must_be_told_of_the_unseen_is_not_restarted() -> None:
    bigger = guest("shop-app-0", cpus=4, depends_on=["db"])
    plan = make_plan(service(*DB, bigger), without_last_db())
    assert [step.id for step in plan.steps if step.id.startswith("update/")] == []
    assert sorted(each.instance for each in plan.blocked) == ["shop-app-0", "shop-db-1"]


def test_guests_of_a_large_service_share_what_they_are_told() -> None:
    crowd = [guest(f"shop-web-{number}") for number in range(200)]
    ready = prepared(service(*crowd), look())
    told = [each.context for each in map(ready.told.in_full, ready.desired.instances)]
    assert len({id(each.peers) for each in told if each}) == 1  # they share one list


def test_whoever_is_made_or_changed_is_told_its_cards_and_its_peers() -> None:
    bigger = replace(DB[0], machine=replace(DB[0].machine, cpus=4))
    plan = make_plan(service(bigger, DB[1], guest("shop-db-2"), APP), settled(service(*DB, APP)))
    actions = (step.action for step in plan.steps)
    told = [each.instance.context for each in actions if isinstance(each, Create | Update)]
    assert len(told) == 4
    assert all(each and each.interfaces[0].address and len(each.peers) == 4 for each in told)


def test_everybody_on_a_segment_is_told_of_its_changed_mtu_once_it_has_it() -> None:
    small = replace(service(*DB, APP), segments=(replace(BACK, mtu=1400),))
    plan = make_plan(small, settled(service(*DB, APP)))
    told = [step for step in plan.steps if step.id.startswith("update/")]
    assert [step.id for step in told] == ["update/shop-db-0", "update/shop-db-1", "update/shop-app-0"]
    assert {update_of(plan, step.id.partition("/")[2]).impact for step in told} == {Impact.LIVE}
    assert all(f"network/shop.back@{step.host}" in step.needs for step in told)
    back = make_plan(service(*DB, APP), settled(small))
    assert len([step for step in back.steps if step.id.startswith("update/")]) == 3
