"""What must still hold when a step's turn comes: a plan is older than its steps."""

from __future__ import annotations

from typing import assert_never

from reconciler.plan import (
    Await,
    Create,
    Destroy,
    DropNetwork,
    PutImage,
    PutNetwork,
    Replace,
    Start,
    Step,
    Stop,
    Update,
)
from reconciler.planner.wires import foreign_in_the_way, plugged_into, segments_in
from reconciler.specs.desired import Machine
from reconciler.state import HostState, InstanceState, Power


def broken_precondition(step: Step, host_state: HostState) -> str | None:
    """Why a step must not be begun on its host as it is now; None where it may."""
    match step.action:
        case PutImage() | Await():
            return None
        case PutNetwork() | DropNetwork():
            return _segment(step.action, host_state)
        case Create(instance=instance):
            found = host_state.instance(instance.uuid)
            is_there = found is not None and found.complete
            return "it is there already" if is_there else _unwired(instance.machine, host_state)
        case Start(before=before):
            changed = _changed(before, host_state) or _power_is_not(Power.STOPPED, before, host_state)
            return changed or _unwired(before.applied, host_state)
        case Update(before=before, instance=instance) | Replace(before=before, instance=instance):
            return _disturbed(before, host_state) or _unwired(instance.machine, host_state)
        case Stop(before=before) | Destroy(before=before):
            return _disturbed(before, host_state)
    assert_never(step.action)


def _segment(action: PutNetwork | DropNetwork, host: HostState) -> str | None:
    """Whether a link of somebody else's is in its place, or something is still plugged into it."""
    if isinstance(action, PutNetwork):
        return foreign_in_the_way(action.segment.bridge, host)
    users = plugged_into(action.segment.bridge, host)
    return f"{users[0].name} is plugged into it" if users else None


def _unwired(machine: Machine, host: HostState) -> str | None:
    """Whether a segment that it needs is missing: the host may have lost its power, and them, meanwhile."""
    missing = sorted(segments_in(machine.nics) - {segment.bridge for segment in host.segments or ()})
    return f"its network {missing[0]} is not on the host" if missing else None


def _disturbed(before: InstanceState, host_state: HostState) -> str | None:
    """Whether it is not there, or not to be touched, any more."""
    return _changed(before, host_state) or _paused(before, host_state)


def _changed(before: InstanceState, host: HostState) -> str | None:
    """Whether somebody else has been at the machine: what was applied to it is the mark of that."""
    found = host.instance(before.uuid)
    if found is None:
        return "it is not there any more"
    if found.applied != before.applied:
        return "something else was applied to it"
    return None


def _power_is_not(power: Power, before: InstanceState, host: HostState) -> str | None:
    found = host.instance(before.uuid)
    return f"it is {found.power}" if found is not None and found.power is not power else None


def _paused(before: InstanceState, host: HostState) -> str | None:
    # Paused is where a migration or a full disk leaves a machine: whoever did it is not done with it.
    found = host.instance(before.uuid)
    return "it is paused" if found is not None and found.power is Power.PAUSED else None
