"""What may not stay where it runs is moved, with few and cheap moves, and what cannot be is told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from reconciler.actions import Migrate
from reconciler.plan import BlockKind, Cause, Plan
from reconciler.planner import make_plan
from reconciler.planner.decide import board_of
from reconciler.planner.placement.problem import Answer, Ask, Problem
from reconciler.planner.scope import sorted_desired, sorted_observed
from reconciler.planner.settle import settle
from reconciler.planner.surging import staffed
from reconciler.planner.verdicts import Act
from reconciler.specs.desired import Fleet, HostName, Instance, Resources
from reconciler.specs.health import HealthCheck, TcpCheck
from reconciler.specs.placement import Affinity, Placement, Spread
from reconciler.state import InstanceState, Journey
from tests.builders import (
    GIB,
    desired_of,
    fleet_of,
    host,
    host_state,
    instance,
    kept,
    machine,
    observed_of,
    replicas,
    running,
    size,
    stopped,
    volume,
    with_host,
)


def made(fleet: Fleet, wanted: Iterable[Instance], *seen: InstanceState) -> Plan:
    return make_plan(desired_of(fleet, *wanted), observed_of(fleet, *seen))


def moves(plan: Plan) -> dict[str, str]:
    return {step.action.before.name: step.host for step in plan.steps if isinstance(step.action, Migrate)}


def because(plan: Plan) -> dict[str, str]:
    return {
        step.action.before.name: step.because[0].message
        for step in plan.steps
        if isinstance(step.action, Migrate) and isinstance(step.because[0], Cause)
    }


def resting(fleet: Fleet, *names: str) -> Fleet:
    """The same fleet with these hosts in maintenance."""
    return replace(fleet, hosts=tuple(replace(each, maintenance=each.name in names) for each in fleet.hosts))


THREE = fleet_of(a=8 * GIB, b=16 * GIB, c=4 * GIB)
RACKS = fleet_of(*(host(f"h{n}", size(), labels={"rack": f"r{n % 2}"}) for n in range(4)))


def test_a_host_in_maintenance_empties_and_gets_nothing_new() -> None:
    pair = replicas(2, "shop-db")
    plan = made(resting(THREE, "b"), replicas(3, "shop-db"), *(running(each, on="b") for each in pair))
    assert moves(plan) == {"shop-db-0": "a", "shop-db-1": "a"}
    assert because(plan) == dict.fromkeys(
        ("shop-db-0", "shop-db-1"), "b: is in maintenance: hosts.b.maintenance"
    )
    assert [step.host for step in plan.steps if step.id == "create/shop-db-2"] == ["c"]
    assert plan.blocked == ()


def test_a_migration_of_the_plan_brings_its_image_first() -> None:
    (db,) = replicas(1, "shop-db")
    plan = made(resting(THREE, "b"), [db], running(db, on="b"))
    assert [(step.id, step.needs) for step in plan.steps] == [
        ("image/debian-12@a", ()),
        ("migrate/shop-db-0", ("image/debian-12@a",)),
    ]


def test_one_of_two_that_must_not_meet_moves() -> None:
    apart = Placement(anti_affinity=(Affinity("db", "host"),))
    big, small = (
        instance("shop-db-0", machine(memory_mib=4 * GIB), placement=apart),
        instance("shop-db-1", placement=apart),
    )
    plan = made(THREE, [big, small], running(big, on="a"), running(small, on="a"))
    # The one with less to carry.
    assert (moves(plan), because(plan)) == ({"shop-db-1": "b"}, {"shop-db-1": "a: db is already on a"})


def test_replicas_are_spread_again_with_the_fewest_moves() -> None:
    even = replicas(4, "shop-db", placement=Placement(spread=(Spread("rack"),)))
    plan = made(RACKS, even, *(running(each, on="h0") for each in even[:3]), running(even[3], on="h2"))
    assert sorted(moves(plan).values()) == ["h1", "h3"]


def test_what_is_to_be_near_follows() -> None:
    near = Placement(affinity=(Affinity("db", "rack"),))
    db, app = instance("shop-db-0"), instance("shop-app-0", placement=near)
    plan = made(RACKS, [db, app], running(db, on="h1"), running(app, on="h0"))
    assert moves(plan) == {"shop-app-0": "h3"}


def test_a_label_that_has_gone_makes_its_machines_leave() -> None:
    fleet = fleet_of(host("a", size()), host("b", size(), labels={"disk": "ssd"}))
    db = instance("shop-db-0", placement=Placement(require=('host.labels.disk == "ssd"',)))
    plan = made(fleet, [db], running(db, on="a"))
    assert because(plan) == {"shop-db-0": 'a: has no label disk: host.labels.disk == "ssd"'}


def test_a_requirement_about_load_or_room_makes_nobody_leave() -> None:
    fussy = Placement(require=("host.free.memory_gib > 7.5", "host.load < 0.01"))
    db = instance("shop-db-0", placement=fussy)
    assert made(THREE, [db], running(db, on="a")).steps == ()


def test_a_host_that_has_given_out_too_much_gives_one_away() -> None:
    trio = [instance(f"shop-db-{n}", machine(memory_mib=n * GIB)) for n in (1, 2, 4)]
    fleet = fleet_of(a=5 * GIB, b=8 * GIB)
    plan = made(fleet, trio, *(running(each, on="a") for each in trio))
    assert moves(plan) == {"shop-db-2": "b"}
    assert because(plan) == {"shop-db-2": "a: has given out 2 GiB of memory that it does not have"}


def test_a_machine_in_the_way_moves_out_first() -> None:
    # The big one fits nowhere; only b can have it, once the small one has left for c.
    fleet = resting(fleet_of(a=8 * GIB, b=8 * GIB, c=4 * GIB), "a")
    big = instance("shop-db-0", machine(memory_mib=7 * GIB))
    small = instance("shop-app-0", machine(memory_mib=3 * GIB))
    plan = made(fleet, [big, small], running(big, on="a"), running(small, on="b"))
    assert moves(plan) == {"shop-app-0": "c", "shop-db-0": "b"}
    (step,) = (step for step in plan.steps if step.id == "migrate/shop-db-0")
    assert "migrate/shop-app-0" in step.needs
    assert because(plan)["shop-app-0"] == "makes room for shop-db-0"


def test_what_has_no_other_place_stays_and_is_told() -> None:
    db = instance("shop-db-0", machine(memory_mib=8 * GIB))
    plan = made(resting(fleet_of(a=8 * GIB, b=4 * GIB), "a"), [db], running(db, on="a"))
    assert plan.steps == ()
    (held,) = plan.blocked
    assert held.kind is BlockKind.NO_PLACE
    assert [(each.host, each.reason) for each in held.refusals] == [
        ("a", "is in maintenance: hosts.a.maintenance"),
        ("b", "needs 8 GiB of memory, 4 GiB free"),
    ]


def test_a_change_in_place_comes_before_the_move() -> None:
    db = instance("shop-db-0")
    was = replace(db, machine=machine(2))
    plan = made(resting(THREE, "b"), [db], running(was, on="b"))
    assert [step.id for step in plan.steps] == ["update/shop-db-0"]


def test_what_does_not_run_is_not_moved() -> None:
    db = instance("shop-db-0")
    plan = made(resting(THREE, "b"), [db], stopped(db, on="b"))
    assert [step.id for step in plan.steps] == ["start/shop-db-0"]


def test_a_migration_never_meets_an_old_disk_of_its_own() -> None:
    db = instance("shop-db-0", machine(disks=(kept("data", 10 * GIB),)))
    observed = observed_of(resting(THREE, "b"), running(db, on="b"))
    stale = host_state("a", volumes=[volume(db, "data", 10 * GIB)], capacity=size(memory_mib=8 * GIB))
    plan = make_plan(desired_of(resting(THREE, "b"), db), with_host(observed, stale))
    assert moves(plan) == {"shop-db-0": "c"}


def test_a_silent_rack_makes_nobody_move_for_evenness() -> None:
    even = replicas(4, "shop-db", placement=Placement(spread=(Spread("rack"),)))
    observed = observed_of(
        RACKS, *(running(each, on=f"h{n}") for n, each in enumerate(even)), silent=("h1", "h3")
    )
    assert moves(make_plan(desired_of(RACKS, *even), observed)) == {}


def test_nobody_moves_for_evenness_while_one_is_missing() -> None:
    even = replicas(3, "shop-db", placement=Placement(spread=(Spread("rack"),)))
    plan = made(RACKS, even, running(even[0], on="h0"), running(even[1], on="h2"))
    assert moves(plan) == {}
    assert [step.host for step in plan.steps if step.id == "create/shop-db-2"] == ["h1"]


def test_a_foreign_machine_may_push_ours_away() -> None:
    db = instance("shop-db-0", machine(memory_mib=2 * GIB))
    observed = observed_of(THREE, running(db, on="a"))
    crowded = replace(observed.hosts[0], foreign=Resources(memory_mib=7 * GIB))
    plan = make_plan(desired_of(THREE, db), with_host(observed, crowded))
    assert moves(plan) == {"shop-db-0": "b"}


def test_a_scheduler_that_lets_two_full_hosts_swap_gets_a_way_round() -> None:
    fleet = fleet_of(a=8 * GIB, b=8 * GIB, c=8 * GIB)
    one, two = (instance(f"shop-db-{n}", machine(memory_mib=7 * GIB)) for n in (0, 1))
    desired = sorted_desired(desired_of(fleet, one, two))
    observed = sorted_observed(observed_of(fleet, running(one, on="a"), running(two, on="b")))

    def swap(problem: Problem, ask: Ask) -> Answer:
        moves = {0: 1, 1: 0}
        return Answer(np.array([moves.get(int(host), host) for host in problem.home], np.int64), "swap")

    staff = staffed(desired, observed)
    board = board_of(staff.ready.desired, staff.ready.observed, staff.judged)
    acts = [
        each.verdict
        for each in settle(staff.ready.desired, staff.judged, board, swap)
        if isinstance(each.verdict, Act)
    ]
    assert [(act.action.host, [str(key) for key in act.after]) for act in acts] == [
        ("c", []),
        ("a", [str(one.key)]),
    ]
    assert [act.forecast.wave for act in acts if act.forecast] == [1, 2]


def test_one_that_has_no_place_keeps_nobody_whose_health_it_needs_on_a_host_in_maintenance() -> None:
    db = replace(instance("shop-db-0"), health=HealthCheck(TcpCheck(5432)))
    big = (instance(f"shop-app-{n}", machine(memory_mib=30 * GIB)) for n in range(2))
    app = [replace(each, depends_on=("db",), healthy_first=("db",)) for each in big]
    plan = made(resting(THREE, "b"), [db, *app], running(db, on="b"))
    assert moves(plan) == {"shop-db-0": "a"}
    assert {each.instance for each in plan.blocked} == {each.name for each in app}


def test_who_needs_another_one_healthy_waits_for_that_where_it_goes() -> None:
    db = replace(instance("shop-db-0"), health=HealthCheck(TcpCheck(5432)))
    app = replace(instance("shop-app-0"), depends_on=("db",), healthy_first=("db",))
    plan = made(resting(THREE, "b"), [db, app], running(db, on="b"))
    needs = {str(step.id): step.needs for step in plan.steps}
    assert "migrate/shop-db-0" in needs["wait/shop-db-0"]
    assert "wait/shop-db-0" in needs["create/shop-app-0"]
    (wait,) = (step for step in plan.steps if step.id == "wait/shop-db-0")
    assert wait.host == "a"


def test_who_leaves_only_in_a_later_plan_is_told() -> None:
    db = instance("shop-db-0")
    was = replace(db, machine=machine(2))
    plan = made(resting(THREE, "b"), [db], running(was, on="b"))
    assert plan.hints == (
        "b: is in maintenance: hosts.b.maintenance: "
        "shop-db-0 is to leave later, for something else is done first",
    )


def test_a_host_that_cannot_get_rid_of_what_it_has_given_out_too_much_is_told() -> None:
    db = instance("shop-db-0", machine(memory_mib=8 * GIB))
    plan = made(fleet_of(a=6 * GIB, b=4 * GIB), [db], running(db, on="a"))
    assert plan.steps == ()
    assert plan.hints == (
        "a has given out 2 GiB of memory that it does not have, and nobody there can be moved elsewhere",
    )


def test_who_cannot_leave_before_its_last_migration_is_tidied_up_is_told() -> None:
    db = instance("shop-db-0")
    journey = Journey(HostName("c"), HostName("b"))
    observed = observed_of(resting(THREE, "b"), replace(running(db, on="b"), journey=journey), silent=("c",))
    plan = make_plan(desired_of(resting(THREE, "b"), db), observed)
    (held,) = plan.blocked
    assert held.refusals[-1].reason == (
        "it is not moved: its last migration cannot be tidied up: c does not answer"
    )


def test_whoever_cannot_leave_is_told_which_rules_leave_no_host_between_them() -> None:
    ssd = Placement(require=('host.labels.disk == "ssd"',))
    db = instance("shop-db-0", machine(memory_mib=8 * GIB), placement=ssd)
    disk = {"disk": "ssd"}
    fleet = fleet_of(
        host("a", size(), labels=disk),
        host("b", size(memory_mib=6 * GIB), labels=disk),
        host("c", size()),
    )
    plan = made(resting(fleet, "a"), [db], running(db, on="a"))
    (held,) = plan.blocked
    assert held.deadlock is not None
    assert sorted(held.deadlock.conflict) == ["memory", "open", 'require host.labels.disk == "ssd"']
    assert [str(each) for each in held.deadlock.nearest] == [
        "were a open to new instances it would fit on a",
        "with 2 GiB less memory it would fit on b",
        'without require host.labels.disk == "ssd" it would fit on c',
    ]
