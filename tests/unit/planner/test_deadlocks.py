"""Why no host will do: hosts counted by rule, the rules that conflict, and the nearest way out."""

from __future__ import annotations

from reconciler.plan import Count, Deadlock
from reconciler.planner import make_plan
from reconciler.specs.desired import Fleet, Instance
from reconciler.specs.placement import Affinity, Placement, Spread
from reconciler.state import InstanceState
from tests.builders import (
    GIB,
    desired_of,
    fleet_of,
    host,
    instance,
    machine,
    observed_of,
    replicas,
    running,
    size,
)

SSD = 'host.labels.disk == "ssd"'
FLEET = fleet_of(
    host("h1", size(memory_mib=4 * GIB), labels={"disk": "ssd", "zone": "z1"}),
    host("h2", size(memory_mib=2 * GIB), labels={"disk": "ssd", "zone": "z1"}),
    host("h3", size(memory_mib=16 * GIB), labels={"disk": "hdd", "zone": "z2"}),
)


def deadlock(*wanted: Instance, fleet: Fleet = FLEET, seen: tuple[InstanceState, ...] = ()) -> Deadlock:
    plan = make_plan(desired_of(fleet, *wanted), observed_of(fleet, *seen))
    (blocked,) = plan.blocked
    assert blocked.deadlock is not None
    return blocked.deadlock


def test_hosts_are_counted_by_rule_and_the_nearest_way_out_is_named() -> None:
    db = instance("shop-db-0", machine(memory_mib=6 * GIB), placement=Placement(require=(SSD,)))
    assert deadlock(db) == Deadlock(
        counts=(Count("memory", 2), Count(f"require {SSD}", 1)),
        conflict=("memory", f"require {SSD}"),
        nearest=(
            "with 2 GiB less memory it would fit on h1",
            f"without require {SSD} it would fit on h3",
        ),
    )


def test_a_rule_that_is_not_needed_for_it_is_no_part_of_the_conflict() -> None:
    placement = Placement(cluster="nowhere", require=(SSD,))
    found = deadlock(instance("shop-db-0", placement=placement))
    assert found.conflict == ("cluster",)
    assert found.nearest == ("in cluster default it would fit on h1, h2",)


def test_replicas_that_keep_apart_over_too_few_zones_say_so() -> None:
    apart = Placement(anti_affinity=(Affinity("db", "zone"),))
    trio = replicas(3, "shop-db", machine(memory_mib=GIB), placement=apart)
    found = deadlock(*trio, seen=(running(trio[0], on="h1"), running(trio[1], on="h3")))
    assert found.conflict == ("anti_affinity to db over zone",)
    assert found.nearest == ("without anti_affinity to db over zone it would fit on h1, h2, h3",)


def test_a_spread_says_which_skew_would_do() -> None:
    even = Placement(spread=(Spread("zone"),))
    fleet = fleet_of(
        host("h1", size(memory_mib=16 * GIB), labels={"zone": "z1"}),
        host("h2", size(memory_mib=GIB), labels={"zone": "z2"}),
    )
    two = replicas(2, "shop-db", machine(memory_mib=2 * GIB), placement=even)
    found = deadlock(*two, fleet=fleet, seen=(running(two[0], on="h1"),))
    assert found.conflict == ("memory", "spread over zone")
    assert found.nearest == (
        "with 1 GiB less memory it would fit on h2",
        "with max_skew 2 over zone it would fit on h1",
    )


def test_where_two_things_are_in_the_way_both_are_named() -> None:
    db = instance("shop-db-0", machine(20, 20 * GIB), placement=Placement(require=('host.name == "h3"',)))
    assert deadlock(db).nearest == ("with 4 GiB less memory and with 4 CPUs less it would fit on h3",)


def test_of_a_host_that_does_not_answer_nothing_is_promised() -> None:
    db = instance("shop-db-0", machine(memory_mib=64 * GIB))
    plan = make_plan(desired_of(FLEET, db), observed_of(FLEET, silent=["h3"]))
    (blocked,) = plan.blocked
    found = blocked.deadlock
    assert found is None or "h3" not in " ".join(found.nearest)


def test_who_is_left_out_for_others_is_in_no_deadlock() -> None:
    fleet = fleet_of(a=8 * GIB)
    large = instance("blog-app-0", machine(memory_mib=8 * GIB))
    wanted = (large, *replicas(2, "shop-db", machine(memory_mib=4 * GIB)))
    (blocked,) = make_plan(desired_of(fleet, *wanted), observed_of(fleet)).blocked
    assert blocked.deadlock is None
