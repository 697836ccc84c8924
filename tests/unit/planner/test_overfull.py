"""Room is counted again when a step's turn comes: a human may have brought a machine since."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.plan import Step
from reconciler.planner import lacking_room, make_plan
from reconciler.specs.desired import Fleet, Instance, Overcommit, Resources
from reconciler.state import HostState, InstanceState
from tests.builders import (
    GIB,
    desired_of,
    fleet_of,
    host,
    host_state,
    instance,
    machine,
    observed_of,
    running,
    size,
    with_host,
)

HV1 = host("hv1", size(cpus=8, memory_mib=8 * GIB))
NONE = Resources()
NEW = instance("shop-db-0", machine(4, 6 * GIB))


def planned(fleet: Fleet, *instances: Instance) -> Step:
    return make_plan(desired_of(fleet, *instances), observed_of(fleet)).steps[-1]


def seen(*there: InstanceState, foreign: Resources = NONE) -> HostState:
    return replace(host_state("hv1"), instances=there, foreign=foreign)


def test_there_is_room_as_long_as_nobody_comes() -> None:
    assert lacking_room(planned(fleet_of(HV1), NEW), HV1, seen()) is None


@pytest.mark.parametrize(
    ("foreign", "reason"),
    [
        (Resources(1, 4 * GIB), "it needs 6 GiB of memory, 4 GiB free"),
        (Resources(1, 9 * GIB), "it needs 6 GiB of memory, 0 MiB free"),
        (Resources(6, 1 * GIB), "it needs 4 CPUs, 2 free"),
    ],
)
def test_a_machine_that_came_meanwhile_takes_the_room(foreign: Resources, reason: str) -> None:
    assert lacking_room(planned(fleet_of(HV1), NEW), HV1, seen(foreign=foreign)) == reason


def test_a_step_that_takes_no_more_minds_no_host_that_is_over_its_capacity() -> None:
    fleet = fleet_of(HV1)
    there = running(NEW, on="hv1")
    step = make_plan(desired_of(fleet), with_host(observed_of(fleet), seen(there))).steps[0]
    assert lacking_room(step, HV1, seen(there, foreign=size())) is None


def test_overcommit_counts_as_it_does_in_the_plan() -> None:
    roomy = replace(HV1, overcommit=Overcommit(memory=2.0))
    assert lacking_room(planned(fleet_of(roomy), NEW), roomy, seen(foreign=Resources(1, 4 * GIB))) is None
