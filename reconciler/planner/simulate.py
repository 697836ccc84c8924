"""What a step does: the one model of it, for the engine's second look, the laws and the tests."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from reconciler.actions import (
    Accept,
    Action,
    Await,
    Create,
    Destroy,
    DropCordon,
    DropImage,
    DropNetwork,
    GiveUp,
    Impact,
    Migrate,
    PutCordon,
    PutImage,
    PutNetwork,
    Replace,
    Resume,
    Settle,
    Start,
    Stop,
    Terms,
    Update,
)
from reconciler.plan import Step
from reconciler.planner import objects, passage, remembered
from reconciler.planner.diff import differences
from reconciler.planner.seen import detached, runs, sizes_of, with_instance, with_volumes
from reconciler.specs.desired import Form, Instance, InstanceUuid, OnDelete
from reconciler.specs.formerly import kept
from reconciler.state import (
    HostState,
    InstanceState,
    Live,
    LiveDisk,
    Observed,
    Power,
)


def after(step: Step, observed: Observed) -> Observed:
    """The fleet after a step has succeeded. Raises LookupError where a host of it was not seen."""
    for name in step.hosts:
        if observed.host(name) is None:
            raise LookupError(f"{step.id}: {name} was not seen")
    hosts = (_changed(step.action, host) if host.host in step.hosts else host for host in observed.hosts)
    sick, failed = (_still(step.action, uuids) for uuids in (observed.sick, observed.failed))
    return replace(observed, hosts=tuple(hosts), sick=sick, failed=failed)


def _still(action: Action, sick: tuple[InstanceUuid, ...]) -> tuple[InstanceUuid, ...]:
    """Who of these is not well: whoever was waited for is; of whom was made anew nobody knows."""
    match action:
        case Create(instance=instance) | Replace(instance=instance) | Await(instance=instance):
            uuid = instance.uuid
        case Update(instance=instance, impact=Impact.RESTART):
            uuid = instance.uuid
        case Start(before=before) | Stop(before=before) | Destroy(before=before):
            uuid = before.uuid
        case Migrate(before=before, terms=Terms(cold=True)):
            uuid = before.uuid
        case _:
            return sick
    return tuple(each for each in sick if each != uuid)


def confirmed(step: Step, host_state: HostState, peer: HostState | None = None) -> bool:
    """Whether a fresh look at the step's host shows it done; ``peer`` is the second host, if it has one.

    Of health no look tells.
    """
    match step.action:
        case PutImage() | DropImage() | PutNetwork() | DropNetwork() | PutCordon() | DropCordon():
            return objects.confirmed(step.action, host_state)
        case Create(instance=instance) | Update(instance=instance) | Replace(instance=instance):
            found = host_state.instance(instance.uuid)
            return found is not None and runs(found) and not differences(instance.machine, found)
        case Start(before=InstanceState(uuid=uuid)) | Await(instance=Instance(uuid=uuid)):
            found = host_state.instance(uuid)
            return found is not None and runs(found)
        case Stop(before=before) | Destroy(before=before):
            found = host_state.instance(before.uuid)
            off = found is not None and found.power is Power.STOPPED
            gone = found is None and not _leftovers(before, host_state)
            return off if isinstance(step.action, Stop) else gone
        case GiveUp() | Accept():
            return remembered.confirmed(step.action, host_state)
        case Migrate() | Resume() | Settle():
            return passage.confirmed(step.action, host_state, peer)
    assert_never(step.action)


def _leftovers(before: InstanceState, host: HostState) -> set[str]:
    """Disks that were to be deleted with their machine, and are still there."""
    doomed = {disk.name for disk in before.applied.disks if disk.on_delete is OnDelete.DELETE}
    return doomed & {volume.disk for volume in host.volumes if volume.key == before.key}


def _changed(action: Action, host: HostState) -> HostState:
    match action:
        case PutImage() | DropImage() | PutNetwork() | DropNetwork() | PutCordon() | DropCordon():
            return objects.after(action, host)
        case Create(instance=instance) | Update(instance=instance) | Replace(instance=instance):
            live = isinstance(action, Update) and action.impact is Impact.LIVE
            return _built(host, instance, live=live)
        case Start(before=before) | Stop(before=before):
            power = Power.RUNNING if isinstance(action, Start) else Power.STOPPED
            now = host.instance(before.uuid) or before  # as earlier steps have left it
            return with_instance(host, replace(now, power=power, detail=""))
        case Destroy(before=before):
            return _without(host, before)
        case Migrate() | Resume() | Settle():
            return passage.after(action, host)
        case GiveUp() | Accept() | Await():
            return host if isinstance(action, Await) else remembered.after(action, host)
    assert_never(action)


def _built(host: HostState, instance: Instance, *, live: bool) -> HostState:
    """The instance runs as it is asked for; disks found are adopted, disks no longer asked for are
    deleted or kept as they were told.
    """
    before = host.instance(instance.uuid)
    # Disks of a machine that was never finished may be made anew, and smaller.
    finished = before if before and before.complete else None
    sizes = {**detached(host, instance.key), **sizes_of(finished)}
    sources = {disk.name: disk.source for disk in finished.live.disks} if finished else {}
    disks = tuple(
        LiveDisk(disk.name, max(disk.size_mib, sizes.get(disk.name, 0)), sources.get(disk.name, ""))
        for disk in instance.machine.disks
    )
    state = InstanceState(
        host=host.host,
        key=instance.key,
        fleet=instance.fleet,
        uuid=instance.uuid,
        power=Power.RUNNING,
        applied=instance.machine,
        live=Live(instance.machine.cpus, instance.machine.memory_mib, disks, instance.machine.plugs),
        journey=None if before is None else before.journey,
        home=None if before is None else before.home,
    )
    if before is not None:
        # What runs on was not changed in a way that could be given back.
        former = before.former if live else kept(before.record, instance)
        refused = before.refused if live or instance.form is not Form.WRITTEN else None
        state = replace(state, former=former, refused=refused)
    left = {**detached(host, instance.key), **_kept(before)}
    attached: dict[str, int | None] = dict.fromkeys(disk.name for disk in disks)
    return with_instance(with_volumes(host, instance.key, {**left, **attached}, instance.machine), state)


def _without(host: HostState, before: InstanceState) -> HostState:
    left = {**detached(host, before.key), **_kept(before)}
    gone = replace(host, instances=tuple(each for each in host.instances if each.uuid != before.uuid))
    return with_volumes(gone, before.key, left)


def _kept(before: InstanceState | None) -> dict[str, int]:
    """Sizes of the disks that outlive their machine."""
    if before is None:
        return {}
    sizes = sizes_of(before)
    kept = (disk.name for disk in before.applied.disks if disk.on_delete is OnDelete.RETAIN)
    return {name: sizes[name] for name in kept}
