"""What a step does, and how a second look shows it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.actions import Action, Create, Destroy, Impact, PutImage, Start, Stop, Update
from reconciler.plan import Step, StepId
from reconciler.planner import after, confirmed
from reconciler.specs.desired import Disk, HostName
from reconciler.state import HostState, Observed, Power
from tests.builders import (
    GIB,
    desired_of,
    fleet_of,
    host_state,
    image_of,
    image_use,
    incomplete,
    instance,
    kept,
    machine,
    observed_of,
    running,
    stopped,
    volume,
)

HV1 = HostName("hv1")
DB = instance("shop-db-0", machine(disks=(Disk("root", 10 * GIB), kept("data", 20 * GIB))))


def stepped(action: Action) -> Step:
    return Step(StepId("x"), action, ())


def result(action: Action, before: HostState) -> HostState:
    step = stepped(action)
    found = after(step, Observed("lab", (before,))).host(HV1)
    assert found is not None
    assert not confirmed(step, before)
    assert confirmed(step, found)
    return found


def test_an_image_is_held_afterwards() -> None:
    assert result(PutImage(HV1, image_of(image_use())), host_state("hv1")).images == image_use().digests


def test_a_created_instance_runs_with_the_disks_it_found() -> None:
    found = result(Create(HV1, DB), host_state("hv1", volumes=[volume(DB, "data", 15 * GIB)]))
    assert found.instances == (running(DB, on="hv1"),)
    assert found.volumes == (volume(DB, "data"), volume(DB, "root"))
    assert found.retained == ()


def test_a_destroyed_instance_leaves_only_what_it_was_told_to_retain() -> None:
    state = running(DB, on="hv1")
    found = result(Destroy(HV1, state), host_state("hv1", state))
    assert found.instances == ()
    assert found.retained == (volume(DB, "data", 20 * GIB),)


def test_a_destruction_that_left_a_disk_behind_is_not_done() -> None:
    state = running(DB, on="hv1")
    left = host_state("hv1", volumes=[volume(DB, "root", 10 * GIB)])
    assert not confirmed(stepped(Destroy(HV1, state)), left)


def test_a_start_and_a_stop_change_the_power_only() -> None:
    down, up = stopped(DB, on="hv1", detail=""), running(DB, on="hv1")
    assert result(Start(HV1, down), host_state("hv1", down)).instances == (up,)
    assert result(Stop(HV1, up), host_state("hv1", up)).instances == (down,)


def test_an_update_detaches_the_disks_that_are_no_longer_asked_for() -> None:
    less = replace(DB, machine=replace(DB.machine, disks=(kept("logs", GIB),)))
    state = running(DB, on="hv1")
    found = result(Update(HV1, state, less, Impact.RESTART), host_state("hv1", state))
    assert found.instances == (running(less, on="hv1"),)
    assert found.volumes == (volume(DB, "data", 20 * GIB), volume(DB, "logs"))


@pytest.mark.parametrize(
    "state",
    [
        stopped(DB, on="hv1"),
        incomplete(DB, on="hv1"),
        replace(running(DB, on="hv1"), live=replace(running(DB, on="hv1").live, cpus=9)),
        replace(running(DB, on="hv1"), power=Power.PAUSED),
    ],
    ids=["stopped", "half made", "drifted", "paused"],
)
def test_a_creation_is_not_done_while_the_machine_is_not_as_asked(state: object) -> None:
    assert not confirmed(stepped(Create(HV1, DB)), host_state("hv1", state))  # type: ignore[arg-type]


def test_a_disk_size_the_hypervisor_keeps_to_itself_confirms_too() -> None:
    state = running(DB, on="hv1")
    vague = replace(
        state,
        live=replace(state.live, disks=tuple(replace(disk, size_mib=None) for disk in state.live.disks)),
    )
    assert confirmed(stepped(Create(HV1, DB)), host_state("hv1", vague))


def test_a_step_on_a_host_that_was_not_seen_is_a_broken_promise() -> None:
    fleet = fleet_of(hv1=GIB)
    assert desired_of(fleet).instances == ()
    with pytest.raises(LookupError, match="hv1 was not seen"):
        after(stepped(Create(HV1, DB)), observed_of(fleet, silent=("hv1",)))
