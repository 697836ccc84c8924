"""Where an instance may run, where it would rather run, and why not elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from reconciler.actions import Create
from reconciler.plan import BlockKind, Plan
from reconciler.planner import make_plan
from reconciler.specs.desired import Fleet, Instance
from reconciler.specs.placement import Affinity, Placement, Spread
from reconciler.state import InstanceState, Observed
from tests.builders import (
    GIB,
    bridge,
    desired_of,
    fleet_of,
    host,
    host_state,
    incomplete,
    instance,
    kept,
    machine,
    network,
    observed_of,
    replicas,
    running,
    size,
    volume,
    with_host,
)

RACKS = fleet_of(
    host("hv1", size(), labels={"rack": "r1", "disk": "ssd"}),
    host("hv2", size(), labels={"rack": "r1"}),
    host("hv3", size(), labels={"rack": "r2"}),
    host("hv4", size()),
)


def made(fleet: Fleet, wanted: Iterable[Instance], *seen: InstanceState) -> Plan:
    return make_plan(desired_of(fleet, *wanted), observed_of(fleet, *seen))


def places(plan: Plan) -> dict[str, str]:
    return {step.action.instance.name: step.host for step in plan.steps if isinstance(step.action, Create)}


def refusals(plan: Plan) -> dict[str, str]:
    (blocked,) = plan.blocked
    assert blocked.kind is BlockKind.NO_PLACE
    return {refusal.host: refusal.reason for refusal in blocked.refusals}


def one(placement: Placement) -> tuple[Instance, ...]:
    return (instance("shop-db-0", placement=placement),)


# Hard rules


def test_instances_stay_in_their_cluster() -> None:
    fleet = fleet_of(host("hv1", cluster="blue"), host("hv2", cluster="green"))
    assert places(made(fleet, one(Placement(cluster="green")))) == {"shop-db-0": "hv2"}
    assert refusals(made(fleet, one(Placement(cluster="red")))) == {
        "hv1": "is in cluster blue, not in red",
        "hv2": "is in cluster green, not in red",
    }


def test_a_requirement_that_is_false_or_lacks_its_label_refuses_a_host() -> None:
    assert places(made(RACKS, one(Placement(require=('host.labels.disk == "ssd"',))))) == {"shop-db-0": "hv1"}
    plan = made(RACKS, one(Placement(require=('host.labels.disk == "hdd"',))))
    assert refusals(plan) == {
        "hv1": 'is not host.labels.disk == "hdd"',
        "hv2": 'has no label disk: host.labels.disk == "hdd"',
        "hv3": 'has no label disk: host.labels.disk == "hdd"',
        "hv4": 'has no label disk: host.labels.disk == "hdd"',
    }


def test_a_requirement_without_an_answer_refuses_a_host() -> None:
    (reason,) = refusals(made(fleet_of(hv1=GIB), one(Placement(require=("host.name > 1.0",))))).values()
    assert reason.startswith("has no answer to host.name > 1.0")


def test_a_requirement_sees_what_this_plan_has_given_away() -> None:
    fleet = fleet_of(hv1=8 * GIB)
    fussy = Placement(require=("host.free.memory_gib > 5.0",))
    plan = made(fleet, replicas(2, "shop-db", machine(memory_mib=3 * GIB), placement=fussy))
    assert places(plan) == {"shop-db-0": "hv1"}
    assert refusals(plan) == {"hv1": "is not host.free.memory_gib > 5.0"}


def test_a_host_needs_the_bridges_and_networks() -> None:
    fleet = fleet_of(hv1=GIB, hv2=GIB, hv3=GIB)
    plugged = instance("shop-db-0", machine(nics=(bridge("br0"), network("back"))))
    observed = Observed(
        fleet.name,
        (
            replace(host_state("hv1"), bridges=(), networks=("back",)),
            replace(host_state("hv2"), bridges=("br0",), networks=()),
            replace(host_state("hv3"), bridges=("br0",), networks=("other",)),
        ),
    )
    assert refusals(make_plan(desired_of(fleet, plugged), observed)) == {
        "hv1": "has no bridge br0",
        "hv2": "has no network back",
        "hv3": "has no network back",
    }
    cannot_tell = with_host(observed, replace(host_state("hv3"), bridges=None, networks=None))
    assert places(make_plan(desired_of(fleet, plugged), cannot_tell)) == {"shop-db-0": "hv3"}


def test_replicas_that_repel_each_other_take_a_host_each() -> None:
    apart = Placement(anti_affinity=(Affinity("db", "host"),))
    plan = made(fleet_of(a=GIB * 8, b=GIB * 8), replicas(3, "shop-db", placement=apart))
    assert sorted(places(plan).values()) == ["a", "b"]
    assert refusals(plan) == {"a": "db is already on a", "b": "db is already on b"}


def test_repulsion_works_in_both_directions() -> None:
    apart = Placement(anti_affinity=(Affinity("app", "host"),))
    db, app = instance("shop-db-0", placement=apart), instance("shop-app-0")
    fleet = fleet_of(a=GIB * 8)
    assert refusals(made(fleet, [db, app], running(app, on="a"))) == {"a": "app is already on a"}
    assert refusals(made(fleet, [db, app], running(db, on="a"))) == {"a": "db is already on a"}


def test_the_same_component_of_another_service_repels_nobody() -> None:
    apart = Placement(anti_affinity=(Affinity("db", "host"),))
    other = instance("blog-db-0")
    plan = made(
        fleet_of(a=GIB * 8), [*replicas(1, "shop-db", placement=apart), other], running(other, on="a")
    )
    assert places(plan) == {"shop-db-0": "a"}


def test_what_is_about_to_be_removed_still_repels() -> None:
    apart = Placement(anti_affinity=(Affinity("db", "host"),))
    plan = made(
        fleet_of(a=GIB * 8), replicas(1, "shop-db", placement=apart), running(instance("shop-db-5"), on="a")
    )
    assert refusals(plan) == {"a": "db is already on a; this plan's removals come first"}
    assert [step.id for step in plan.steps] == ["destroy/shop-db-5"]


def test_a_component_follows_the_one_it_wants_to_be_near() -> None:
    near = Placement(affinity=(Affinity("db", "rack"),))
    db = instance("shop-db-0", placement=Placement(require=('host.name == "hv3"',)))
    app = instance("shop-app-0", placement=near)
    assert places(made(RACKS, [app, db])) == {"shop-db-0": "hv3", "shop-app-0": "hv3"}


def test_a_component_whose_neighbour_has_no_place_has_none() -> None:
    near = Placement(affinity=(Affinity("db", "rack"),))
    db = instance("shop-db-0", placement=Placement(cluster="red"))
    plan = made(RACKS, [instance("shop-app-0", placement=near), db])
    app = next(blocked for blocked in plan.blocked if blocked.instance == "shop-app-0")
    assert {refusal.host: refusal.reason for refusal in app.refusals} == {
        "hv1": "no db is in rack r1",
        "hv2": "no db is in rack r1",
        "hv3": "no db is in rack r2",
        "hv4": "has no label rack",
    }


def test_replicas_that_want_to_be_together_are() -> None:
    together = Placement(affinity=(Affinity("db", "host"),))
    assert len(set(places(made(RACKS, replicas(3, "shop-db", placement=together))).values())) == 1


def test_two_components_that_want_to_be_near_each_other_are() -> None:
    app = instance("shop-app-0", placement=Placement(affinity=(Affinity("db", "host"),)))
    db = instance("shop-db-0", placement=Placement(affinity=(Affinity("app", "host"),)))
    assert len(set(places(made(RACKS, [app, db])).values())) == 1


def test_replicas_are_spread_evenly() -> None:
    even = Placement(spread=(Spread("rack", 1),))
    plan = made(RACKS, replicas(4, "shop-db", placement=even))
    racks = [RACKS.host(name).label("rack") for name in places(plan).values()]  # type: ignore[union-attr]
    assert sorted(map(str, racks)) == ["r1", "r1", "r2", "r2"]


def test_what_would_be_uneven_is_refused() -> None:
    even = Placement(spread=(Spread("rack", 1),))
    small = fleet_of(
        host("hv1", size(), labels={"rack": "r1"}), host("hv2", size(memory_mib=1), labels={"rack": "r2"})
    )
    plan = made(small, replicas(2, "shop-db", placement=even))
    assert refusals(plan) == {
        "hv1": "1 of db are in rack r1 and 0 elsewhere: more than max_skew 1",
        "hv2": "needs 1 GiB of memory, 1 MiB free",
    }


def test_racks_where_it_may_not_run_do_not_count() -> None:
    even = Placement(spread=(Spread("rack", 1),), require=('host.labels.rack == "r1"',))
    assert len(places(made(RACKS, replicas(3, "shop-db", placement=even)))) == 3


def test_an_instance_returns_to_the_disk_it_left() -> None:
    fleet = fleet_of(hv1=64 * GIB, hv2=8 * GIB)
    db = instance("shop-db-0", machine(disks=(kept("data", 10 * GIB),)))
    there = host_state("hv2", volumes=[volume(db, "data", 10 * GIB)], capacity=size(memory_mib=8 * GIB))
    observed = with_host(observed_of(fleet), there)
    assert places(make_plan(desired_of(fleet, db), observed)) == {"shop-db-0": "hv2"}
    big = replace(db, machine=replace(db.machine, memory_mib=9 * GIB))
    assert refusals(make_plan(desired_of(fleet, big), observed)) == {
        "hv1": "does not have its disks: data is kept on hv2",
        "hv2": "needs 9 GiB of memory, 8 GiB free",
    }


def test_a_disk_that_was_left_is_not_shrunk() -> None:
    fleet = fleet_of(hv1=8 * GIB)
    db = instance("shop-db-0", machine(disks=(kept("data", 10 * GIB),)))
    observed = with_host(observed_of(fleet), host_state("hv1", volumes=[volume(db, "data", 20 * GIB)]))
    assert refusals(make_plan(desired_of(fleet, db), observed)) == {
        "hv1": "keeps its disk data of 20 GiB, and shrinking is refused"
    }


def test_a_fleet_without_hosts_says_so() -> None:
    assert refusals(made(Fleet("lab", ()), one(Placement()))) == {"*": "the fleet has no hosts"}


# Preferences


@pytest.mark.parametrize(
    ("placement", "chosen"),
    [
        (Placement(), "b"),
        (Placement(rank="0.0 - host.free.memory_gib"), "c"),
        (Placement(rank="host.labels.nothing.size()"), "b"),
        (Placement(anti_affinity=(Affinity("app", "host", strict=False),)), "c"),
        (Placement(affinity=(Affinity("web", "host", strict=False),), rank="host.free.memory_gib"), "a"),
    ],
    ids=["most memory free", "rank", "no rank to be had", "soft anti-affinity", "soft affinity before rank"],
)
def test_the_best_of_the_hosts_that_would_do_is_chosen(placement: Placement, chosen: str) -> None:
    fleet = fleet_of(a=12 * GIB, b=16 * GIB, c=8 * GIB)
    app, web = instance("shop-app-0"), instance("shop-web-0")
    plan = made(fleet, [*one(placement), app, web], running(app, on="b"), running(web, on="a"))
    assert places(plan) == {"shop-db-0": chosen}


@pytest.mark.parametrize(
    "rank",
    [
        "host.free.cpus",
        "host.free['cpus']",
        "host['free'].cpus",
        "host.free['c' + 'pus']",
        "host.free.exists(name, host.free[name] == 12.0) ? 1.0 : 0.0",
    ],
)
def test_a_rank_may_ask_for_what_is_free_in_any_way(rank: str) -> None:
    fleet = fleet_of(
        host("a", size(8, 16 * GIB)), host("b", size(16, 16 * GIB)), host("c", size(16, 8 * GIB))
    )
    app = instance("shop-app-0", machine(cpus=10))
    web = instance("shop-web-0", machine(cpus=4))
    plan = made(fleet, [*one(Placement(rank=rank)), app, web], running(app, on="b"), running(web, on="c"))
    assert places(plan) == {"shop-db-0": "c"}


def test_equal_hosts_are_taken_by_name() -> None:
    assert places(made(fleet_of(b=GIB, a=GIB), one(Placement()))) == {"shop-db-0": "a"}


def test_what_runs_leaves_no_cluster_for_a_rule_that_came_later() -> None:
    pair = replicas(2, "shop-db", placement=Placement(cluster="elsewhere"))
    plan = made(RACKS, pair, *(running(each, on="hv1") for each in pair))
    assert plan.steps == ()
    assert [blocked.instance for blocked in plan.blocked] == ["shop-db-0", "shop-db-1"]
    assert {refusal.reason for blocked in plan.blocked for refusal in blocked.refusals} == {
        "is in cluster default, not in elsewhere"
    }


def test_a_half_made_machine_is_a_load_already() -> None:
    fleet = fleet_of(a=64 * GIB, b=8 * GIB)
    pair = replicas(2, "shop-db", placement=Placement(rank="0.0 - host.load"))
    plan = made(fleet, pair, incomplete(pair[0], on="a"))
    assert {step.id: step.host for step in plan.steps if step.id == "create/shop-db-1"} == {
        "create/shop-db-1": "b"
    }


# Who comes first, and who may have to sit elsewhere for it


def test_a_larger_priority_has_its_place_before_a_smaller_one() -> None:
    fleet = fleet_of(a=4 * GIB)
    small = instance("blog-app-0", machine(memory_mib=3 * GIB))
    large = instance("shop-db-0", machine(memory_mib=3 * GIB), placement=Placement(priority=5))
    plan = made(fleet, [small, large])
    assert places(plan) == {"shop-db-0": "a"}
    assert refusals(plan) == {"a": "needs 3 GiB of memory, 1 GiB free"}


def test_what_others_need_counts_as_much_as_they_do() -> None:
    fleet = fleet_of(a=4 * GIB)
    needed = instance("shop-db-0", machine(memory_mib=2 * GIB))
    needing = instance(
        "shop-app-0", machine(memory_mib=2 * GIB), placement=Placement(priority=5), depends_on=["db"]
    )
    other = instance("blog-app-0", machine(memory_mib=2 * GIB), placement=Placement(priority=3))
    assert set(places(made(fleet, [needed, needing, other]))) == {"shop-db-0", "shop-app-0"}


def test_nothing_that_runs_goes_for_a_larger_priority() -> None:
    fleet = fleet_of(a=4 * GIB)
    small = instance("blog-app-0", machine(memory_mib=3 * GIB))
    large = instance("shop-db-0", machine(memory_mib=3 * GIB), placement=Placement(priority=5))
    plan = made(fleet, [small, large], running(small, on="a"))
    assert plan.steps == ()
    assert refusals(plan) == {"a": "needs 3 GiB of memory, 1 GiB free"}


def test_who_could_sit_anywhere_leaves_a_host_to_who_cannot() -> None:
    fleet = fleet_of(host("big", size(memory_mib=8 * GIB)), host("small", size(memory_mib=4 * GIB)))
    anywhere = instance("blog-app-0", machine(memory_mib=4 * GIB))
    only_big = instance("shop-db-0", machine(memory_mib=6 * GIB))
    assert places(made(fleet, [anywhere, only_big])) == {"blog-app-0": "small", "shop-db-0": "big"}


def test_the_most_have_a_place() -> None:
    fleet = fleet_of(a=8 * GIB)
    large = instance("blog-app-0", machine(memory_mib=8 * GIB))
    plan = made(fleet, [large, *replicas(2, "shop-db", machine(memory_mib=4 * GIB))])
    assert set(places(plan)) == {"shop-db-0", "shop-db-1"}
    assert refusals(plan) == {"a": "would do, but then others would have no place"}
