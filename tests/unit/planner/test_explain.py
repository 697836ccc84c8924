"""Why an instance is where it is, or nowhere."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.errors import InvalidInput
from reconciler.plan import BlockKind, Cause, Change, Refusal
from reconciler.planner.explain import Explanation, Standing, explain
from reconciler.specs.desired import Instance
from reconciler.specs.placement import Affinity, Placement
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

FLEET = fleet_of(a=8 * GIB, b=16 * GIB, c=2 * GIB)
DB = instance("shop-db-0", machine(memory_mib=4 * GIB))


def told(*wanted: Instance, name: str = "shop-db-0", seen: tuple[InstanceState, ...] = ()) -> Explanation:
    return explain(desired_of(FLEET, *wanted), observed_of(FLEET, *seen), name)


def test_a_new_instance_has_a_host_and_every_other_host_a_reason() -> None:
    assert told(DB) == Explanation(
        instance=DB.name,
        standing=Standing.CHOSEN,
        host=FLEET.hosts[1].name,
        verdict="create",
        because=(Cause("not on any host"),),
        others=(
            Refusal("a", "would do, but b has a larger share of its memory free"),
            Refusal("c", "needs 4 GiB of memory, 2 GiB free"),
        ),
    )


def test_what_is_placed_before_it_counts_and_what_comes_after_does_not() -> None:
    apart = Placement(anti_affinity=(Affinity("db", "host"),))
    trio = replicas(3, "shop-db", placement=apart)
    assert told(*trio).others == (
        Refusal("a", "would do, but b has a larger share of its memory free"),
        Refusal("c", "would do, but b has a larger share of its memory free"),
    )
    assert told(*trio, name="shop-db-1").others[0] == Refusal("b", "db is already on b")


def test_an_instance_that_runs_says_why_it_is_not_moved() -> None:
    found = told(DB, seen=(running(DB, on="a"),))
    assert (found.standing, found.host, found.verdict) == (Standing.HERE, "a", "keep")
    assert found.broken == ()
    assert found.others == (
        Refusal("b", "would do, but it is on a and is not moved"),
        Refusal("c", "needs 4 GiB of memory, 2 GiB free"),
    )


def test_an_instance_is_not_in_its_own_way() -> None:
    alone = instance(
        "shop-db-0", machine(memory_mib=8 * GIB), placement=Placement(anti_affinity=(Affinity("db", "host"),))
    )
    assert told(alone, seen=(running(alone, on="a"),)).broken == ()
    small = replace(alone, machine=machine(memory_mib=2 * GIB))
    assert told(alone, seen=(running(small, on="a"),)).broken == ()


def test_a_rule_that_does_not_hold_any_more_is_told() -> None:
    apart = Placement(anti_affinity=(Affinity("db", "host"),))
    pair = replicas(2, "shop-db", placement=apart)
    found = told(*pair, seen=tuple(running(each, on="a") for each in pair))
    assert (found.verdict, found.because) == ("migrate", (Cause("a: db is already on a"),))
    assert found.broken == (Refusal("a", "db is already on a"),)


def test_a_change_is_told_with_its_fields() -> None:
    bigger = replace(DB, machine=replace(DB.machine, cpus=2))
    found = told(bigger, seen=(running(DB, on="a"),))
    assert (found.verdict, found.because) == ("update_restart", (Change("cpus", "1", "2"),))


def test_an_instance_without_a_place_has_every_hosts_refusal() -> None:
    huge = instance("shop-db-0", machine(memory_mib=32 * GIB))
    found = told(huge)
    assert (found.standing, found.host, found.verdict) == (Standing.NOWHERE, None, "hold")
    assert found.kind is BlockKind.NO_PLACE
    assert found.held == found.others
    assert [refusal.host for refusal in found.others] == ["a", "b", "c"]


def test_a_silent_host_is_named() -> None:
    found = explain(desired_of(FLEET, DB), observed_of(FLEET, silent=("c",)), "shop-db-0")
    assert (found.standing, found.kind) == (Standing.NOWHERE, BlockKind.UNKNOWN)
    assert [refusal.host for refusal in found.held] == ["c"]
    assert found.others == (
        Refusal("a", "would do"),
        Refusal("b", "would do"),
        Refusal("c", "did not answer: no answer within 5 s"),
    )


def test_what_is_no_longer_declared_can_be_asked_about() -> None:
    found = told(seen=(running(DB, on="a"),))
    assert (found.standing, found.host, found.verdict) == (Standing.HERE, "a", "destroy")
    assert (found.because, found.others) == ((Cause("no longer declared"),), ())


def test_soft_rules_and_rank_are_compared() -> None:
    fleet = fleet_of(host("a", size()), host("b", size()), host("c", size()))
    near = Placement(affinity=(Affinity("app", "host", strict=False),), rank="host.free.cpus")
    db, app = instance("shop-db-0", placement=near), instance("shop-app-0")
    found = explain(desired_of(fleet, db, app), observed_of(fleet, running(app, on="b")), "shop-db-0")
    assert found.host == "b"
    assert {refusal.reason for refusal in found.others} == {
        "would do, but keeps 0 of the soft rules, and b 1"
    }
    ranked = replace(db, placement=Placement(rank="host.free.cpus"))
    found = explain(desired_of(fleet, ranked, app), observed_of(fleet, running(app, on="b")), "shop-db-0")
    assert found.others == (
        Refusal("b", "would do, but ranks 15, and a 16"),
        Refusal("c", "would do as well as a"),
    )


def test_a_name_that_is_nobodys_suggests_one() -> None:
    with pytest.raises(InvalidInput) as caught:
        told(DB, name="shop-bd-0")
    (fault,) = caught.value.faults
    assert (fault.message, fault.hint) == ("no instance is called 'shop-bd-0'", "did you mean 'shop-db-0'?")
