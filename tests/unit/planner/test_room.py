"""What fits on a host, and what takes its room."""

from __future__ import annotations

from dataclasses import replace

from reconciler.planner import make_plan
from reconciler.specs.desired import (
    Overcommit,
    Resources,
)
from reconciler.state import Observed
from tests.builders import (
    GIB,
    desired_of,
    fleet_of,
    host,
    host_state,
    instance,
    kept,
    live_of,
    machine,
    observed_of,
    running,
    size,
    volume,
    with_host,
)
from tests.unit.planner.test_placement import made, places, refusals


def test_a_refusal_for_room_tells_the_amounts() -> None:
    fleet = fleet_of(
        host("cpu", size(cpus=1)),
        host("disk", size(disk_mib=5 * GIB)),
        host("memory", size(memory_mib=3 * GIB)),
    )
    assert refusals(made(fleet, [instance("shop-db-0", machine(2, 8 * GIB))])) == {
        "cpu": "needs 2 CPUs, 1 free",
        "disk": "needs 10 GiB of disk, 5 GiB free",
        "memory": "needs 8 GiB of memory, 3 GiB free",
    }


def test_room_is_capacity_times_overcommit_less_the_reserve_and_what_is_foreign() -> None:
    box = replace(
        host("hv1", size(2, 16 * GIB, 100 * GIB)),
        overcommit=Overcommit(cpu=2.0),
        reserve=Resources(0, 4 * GIB, 10 * GIB),
    )
    fleet = fleet_of(box)
    taken = host_state("hv1", foreign=Resources(1, 2 * GIB, 20 * GIB), capacity=size())
    observed = with_host(observed_of(fleet), taken)
    fits = instance("shop-db-0", machine(3, 10 * GIB, disks=(kept("data", 70 * GIB),)))
    assert places(make_plan(desired_of(fleet, fits), observed)) == {"shop-db-0": "hv1"}
    for more in ({"cpus": 4}, {"memory_mib": 10 * GIB + 1}, {"disks": (kept("data", 70 * GIB + 1),)}):
        big = replace(fits, machine=replace(fits.machine, **more))
        assert list(refusals(make_plan(desired_of(fleet, big), observed))) == ["hv1"]


def test_capacity_is_discovered_where_it_is_not_declared() -> None:
    fleet = fleet_of(host("hv1"))
    observed = Observed(fleet.name, (host_state("hv1", capacity=size(memory_mib=GIB)),))
    plan = make_plan(desired_of(fleet, instance("shop-db-0", machine(memory_mib=2 * GIB))), observed)
    assert refusals(plan) == {"hv1": "needs 2 GiB of memory, 1 GiB free"}


def test_room_of_what_is_to_be_removed_is_not_given_away_yet() -> None:
    old, new = (
        instance("old-db-0", machine(memory_mib=6 * GIB)),
        instance("shop-db-0", machine(memory_mib=6 * GIB)),
    )
    fleet = fleet_of(hv1=8 * GIB)
    plan = made(fleet, [new], running(old, on="hv1"))
    assert [step.id for step in plan.steps] == ["destroy/old-db-0"]
    assert refusals(plan) == {"hv1": "needs 6 GiB of memory, 2 GiB free; this plan's removals come first"}


def test_kept_disks_take_room() -> None:
    fleet = fleet_of(host("hv1", size(disk_mib=100 * GIB)))
    left = host_state("hv1", volumes=[volume(instance("old-db-0"), "data", 95 * GIB)])
    plan = make_plan(desired_of(fleet, instance("shop-db-0")), with_host(observed_of(fleet), left))
    assert refusals(plan) == {"hv1": "needs 10 GiB of disk, 5 GiB free"}


def test_a_machine_grows_only_into_room() -> None:
    fleet = fleet_of(hv1=8 * GIB, hv2=64 * GIB)
    small, big = instance("shop-db-0", machine()), instance("shop-db-0", machine(memory_mib=9 * GIB))
    plan = made(fleet, [big], running(small, on="hv1"))
    assert plan.steps == ()
    assert refusals(plan) == {"hv1": "no room to grow: needs 8 GiB of memory, 7 GiB free"}
    eight = instance("shop-db-0", machine(memory_mib=8 * GIB))
    assert [step.id for step in made(fleet, [eight], running(small, on="hv1")).steps] == ["update/shop-db-0"]


def test_what_grows_comes_before_what_is_new() -> None:
    fleet = fleet_of(hv1=8 * GIB)
    small, big = instance("shop-db-0", machine()), instance("shop-db-0", machine(memory_mib=6 * GIB))
    new = instance("blog-db-0", machine(memory_mib=4 * GIB))
    plan = made(fleet, [big, new], running(small, on="hv1"))
    assert [step.id for step in plan.steps] == ["update/shop-db-0"]
    assert refusals(plan) == {"hv1": "needs 4 GiB of memory, 2 GiB free"}


def test_a_host_that_is_over_full_is_no_reason_not_to_shrink() -> None:
    fleet = fleet_of(hv1=4 * GIB)
    big, less = instance("shop-db-0", machine(memory_mib=8 * GIB)), instance("shop-db-0", machine(2, 6 * GIB))
    assert [step.id for step in made(fleet, [less], running(big, on="hv1")).steps] == ["update/shop-db-0"]


def test_a_resource_of_which_no_more_is_needed_may_be_over_full() -> None:
    fleet = fleet_of(host("hv1", size(cpus=2)))
    small, more = instance("shop-db-0", machine(8)), instance("shop-db-0", machine(8, 2 * GIB))
    assert [step.id for step in made(fleet, [more], running(small, on="hv1")).steps] == ["update/shop-db-0"]


def test_what_somebody_gave_a_machine_by_hand_is_no_consent_to_more_than_the_host_has() -> None:
    fleet = fleet_of(host("hv1", size(cpus=2)))
    db, app, more = instance("shop-db-0"), instance("shop-app-0"), instance("shop-app-0", machine(2))
    by_hand = replace(running(app, on="hv1"), live=live_of(machine(2)))
    plan = made(fleet, [db, more], running(db, on="hv1"), by_hand)
    assert plan.steps == ()
    assert refusals(plan) == {"hv1": "no room to grow: 1 CPUs are given out that it does not have"}
    roomy = fleet_of(host("hv1", size(cpus=3)))
    plan = made(roomy, [db, more], running(db, on="hv1"), by_hand)
    assert [step.id for step in plan.steps] == ["update/shop-app-0"]
