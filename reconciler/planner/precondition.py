"""What must still hold when a step's turn comes: a plan is older than its steps."""

from __future__ import annotations

from typing import assert_never

from reconciler.plan import Await, Create, Destroy, PutImage, Replace, Start, Step, Stop, Update
from reconciler.state import HostState, InstanceState, Power


def broken_precondition(step: Step, host_state: HostState) -> str | None:
    """Why a step must not be begun on its host as it is now; None where it may."""
    match step.action:
        case PutImage() | Await():
            return None
        case Create(instance=instance):
            found = host_state.instance(instance.uuid)
            return "it is there already" if found is not None and found.complete else None
        case Start(before=before):
            return _changed(before, host_state) or _power_is_not(Power.STOPPED, before, host_state)
        case Stop(before=before) | Update(before=before) | Replace(before=before) | Destroy(before=before):
            return _changed(before, host_state) or _paused(before, host_state)
        case _:
            assert_never(step.action)


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
