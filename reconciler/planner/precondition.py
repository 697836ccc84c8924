"""What must still hold when a step's turn comes: a plan is older than its steps."""

from __future__ import annotations

from typing import assert_never

from reconciler.actions import (
    Accept,
    Await,
    Create,
    Destroy,
    DropCordon,
    DropImage,
    DropNetwork,
    GiveUp,
    Impact,
    MachineAction,
    Migrate,
    PutCordon,
    PutImage,
    PutNetwork,
    Replace,
    Resume,
    Settle,
    Start,
    Stop,
    Update,
)
from reconciler.plan import Step
from reconciler.planner import objects, passage, remembered
from reconciler.planner.wires import segments_in
from reconciler.specs.desired import Machine
from reconciler.state import HostState, InstanceState, LiveDisk, Power


def broken_precondition(step: Step, host_state: HostState, peer: HostState | None = None) -> str | None:
    """Why a step must not be begun on its host as it is now; None where it may.

    ``peer`` is the second host of a step that concerns two.
    """
    match step.action:
        case PutImage() | DropImage() | PutNetwork() | DropNetwork() | PutCordon() | DropCordon():
            return objects.broken(step.action, host_state)
        case Await():
            return None
        case GiveUp() | Accept():
            return remembered.broken(step.action, host_state)
        case Migrate() | Resume() | Settle():
            return passage.broken(step.action, host_state, peer)
        case _:
            return _of_machine(step.action, host_state)


def _of_machine(action: MachineAction, host_state: HostState) -> str | None:
    match action:
        case Create(instance=instance, left=left):
            found = host_state.instance(instance.uuid)
            if found is not None and found.complete:
                return "it is there already"
            meddled = _meddled_with(left, host_state) if left is not None else None
            return meddled or _unwired(instance.machine, host_state)
        case Start(before=before):
            changed = _changed(before, host_state) or _power_is_not(Power.STOPPED, before, host_state)
            return changed or _unwired(before.applied, host_state)
        case Stop(before=before):
            return _meddled_with(before, host_state)
        case Update(before=before, instance=instance) | Replace(before=before, instance=instance):
            redefined = not (isinstance(action, Update) and action.impact is Impact.LIVE)
            strayed = _astray(before, host_state) if redefined else None
            return _meddled_with(before, host_state) or strayed or _unwired(instance.machine, host_state)
        case Destroy(before=before):
            return _meddled_with(before, host_state) or _astray(before, host_state)
    assert_never(action)


def _unwired(machine: Machine, host: HostState) -> str | None:
    """Whether a segment that it needs is missing: the host may have lost its power, and them, meanwhile."""
    missing = sorted(segments_in(machine.nics) - {segment.bridge for segment in host.segments or ()})
    return f"its network {missing[0]} is not on the host" if missing else None


def astray_reason(disk: LiveDisk) -> str:
    """Why a machine with that disk is neither redefined nor taken apart."""
    return (
        f"disk {disk.name} is not read from its own volume but from {disk.source} (a snapshot?): "
        # Without --shallow it would be merged into the base image, which others read too.
        "it is left alone until that is merged back (virsh blockcommit --shallow --active --pivot)"
    )


def _changed(before: InstanceState, host: HostState) -> str | None:
    """Whether somebody else has been at the machine: what was applied to it is the mark of that."""
    found = host.instance(before.uuid)
    if found is None:
        return "it is not there any more"
    if found.applied != before.applied:
        return "something else was applied to it"
    if before.has_left(found.power, found.detail):
        return "it was migrated away"
    return None


def _meddled_with(before: InstanceState, host_state: HostState) -> str | None:
    return _changed(before, host_state) or _paused(before, host_state)


def _power_is_not(power: Power, before: InstanceState, host: HostState) -> str | None:
    found = host.instance(before.uuid)
    return f"it is {found.power}" if found is not None and found.power is not power else None


def _astray(before: InstanceState, host: HostState) -> str | None:
    found = host.instance(before.uuid)
    return next((astray_reason(disk) for disk in found.live.astray), None) if found is not None else None


def _paused(before: InstanceState, host: HostState) -> str | None:
    # Paused is where a migration or a full disk leaves a machine: whoever did it is not done with it.
    found = host.instance(before.uuid)
    return "it is paused" if found is not None and found.power is Power.PAUSED else None
