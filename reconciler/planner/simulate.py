"""What a step does: the one model of it, for the engine's second look, the laws and the tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import assert_never

from reconciler.plan import (
    Action,
    Await,
    Create,
    Destroy,
    DropNetwork,
    Impact,
    PutImage,
    PutNetwork,
    Replace,
    Start,
    Step,
    Stop,
    Update,
)
from reconciler.planner.diff import differences
from reconciler.specs.desired import Instance, InstanceKey, InstanceUuid, OnDelete
from reconciler.state import (
    HostState,
    InstanceState,
    Live,
    LiveDisk,
    Observed,
    Power,
    SegmentState,
    VolumeState,
)


def after(step: Step, observed: Observed) -> Observed:
    """The fleet after a step has succeeded. Raises LookupError where its host was not seen."""
    if observed.host(step.host) is None:
        raise LookupError(f"{step.id}: {step.host} was not seen")
    hosts = (_changed(step.action, host) if host.host == step.host else host for host in observed.hosts)
    return replace(observed, hosts=tuple(hosts), sick=_still_sick(step.action, observed.sick))


def _still_sick(action: Action, sick: tuple[InstanceUuid, ...]) -> tuple[InstanceUuid, ...]:
    """Whoever was waited for is well; of whom was made anew nobody knows."""
    match action:
        case Create(instance=instance) | Replace(instance=instance) | Await(instance=instance):
            uuid = instance.uuid
        case Update(instance=instance, impact=Impact.RESTART):
            uuid = instance.uuid
        case Start(before=before) | Stop(before=before) | Destroy(before=before):
            uuid = before.uuid
        case _:
            return sick
    return tuple(each for each in sick if each != uuid)


def confirmed(step: Step, host_state: HostState) -> bool:
    """Whether a fresh look at the step's host shows it done; of health no look tells."""
    match step.action:
        case PutImage(image=image):
            return set(image.use.digests) <= set(host_state.images)
        case PutNetwork(segment=segment) | DropNetwork(segment=segment):
            return host_state.segment(segment.bridge) == _left_of(step.action)
        case Create(instance=instance) | Update(instance=instance) | Replace(instance=instance):
            found = host_state.instance(instance.uuid)
            return found is not None and _runs(found) and not differences(instance.machine, found)
        case Start(before=InstanceState(uuid=uuid)) | Await(instance=Instance(uuid=uuid)):
            found = host_state.instance(uuid)
            return found is not None and _runs(found)
        case Stop(before=before):
            found = host_state.instance(before.uuid)
            return found is not None and found.power is Power.STOPPED
        case Destroy(before=before):
            return host_state.instance(before.uuid) is None and not _leftovers(before, host_state)
    assert_never(step.action)


def _left_of(action: PutNetwork | DropNetwork) -> SegmentState | None:
    """What is there of a segment afterwards."""
    return action.wanted if isinstance(action, PutNetwork) else None


def _runs(state: InstanceState) -> bool:
    return state.power is Power.RUNNING and state.complete


def _leftovers(before: InstanceState, host: HostState) -> set[str]:
    """Disks that were to be deleted with their machine, and are still there."""
    doomed = {disk.name for disk in before.applied.disks if disk.on_delete is OnDelete.DELETE}
    return doomed & {volume.disk for volume in host.volumes if volume.key == before.key}


def _changed(action: Action, host: HostState) -> HostState:
    match action:
        case PutImage(image=image):
            return replace(host, images=tuple(sorted({*host.images, *image.use.digests})))
        case PutNetwork(segment=segment) | DropNetwork(segment=segment):
            return _with_segment(host, segment.bridge, _left_of(action))
        case Create(instance=instance) | Update(instance=instance) | Replace(instance=instance):
            return _built(host, instance)
        case Start(before=before) | Stop(before=before):
            power = Power.RUNNING if isinstance(action, Start) else Power.STOPPED
            return _with(host, replace(before, power=power, detail=""))
        case Destroy(before=before):
            return _without(host, before)
        case Await():
            return host
    assert_never(action)


def _built(host: HostState, instance: Instance) -> HostState:
    """The instance runs as it is asked for; disks found are adopted, disks no longer asked for are
    deleted or kept as they were told.
    """
    before = host.instance(instance.uuid)
    # Disks of a machine that was never finished may be made anew, and smaller.
    finished = before if before and before.complete else None
    sizes = {**_detached(host, instance.key), **_sizes(finished)}
    disks = tuple(
        LiveDisk(disk.name, max(disk.size_mib, sizes.get(disk.name, 0))) for disk in instance.machine.disks
    )
    state = InstanceState(
        host=host.host,
        key=instance.key,
        fleet=instance.fleet,
        uuid=instance.uuid,
        power=Power.RUNNING,
        applied=instance.machine,
        live=Live(instance.machine.cpus, instance.machine.memory_mib, disks, instance.machine.plugs),
    )
    left = {**_detached(host, instance.key), **_kept(before)}
    attached: dict[str, int | None] = dict.fromkeys(disk.name for disk in disks)
    return _with(_with_volumes(host, instance.key, {**left, **attached}), state)


def _with_segment(host: HostState, bridge: str, segment: SegmentState | None) -> HostState:
    others = (each for each in host.segments or () if each.bridge != bridge)
    there = (*others, segment) if segment else tuple(others)
    return replace(host, segments=tuple(sorted(there, key=lambda each: each.bridge)))


def _without(host: HostState, before: InstanceState) -> HostState:
    left = {**_detached(host, before.key), **_kept(before)}
    gone = replace(host, instances=tuple(each for each in host.instances if each.uuid != before.uuid))
    return _with_volumes(gone, before.key, left)


def _with(host: HostState, state: InstanceState) -> HostState:
    others = (each for each in host.instances if each.uuid != state.uuid)
    return replace(host, instances=tuple(sorted((*others, state), key=lambda each: (each.key, each.uuid))))


def _with_volumes(host: HostState, key: InstanceKey, sizes: Mapping[str, int | None]) -> HostState:
    """The host with these disks of one instance, and no others of it."""
    others = (volume for volume in host.volumes if volume.key != key)
    own = (VolumeState(key, disk, size) for disk, size in sizes.items())
    return replace(host, volumes=tuple(sorted((*others, *own), key=lambda volume: (volume.key, volume.disk))))


def _detached(host: HostState, key: InstanceKey) -> dict[str, int]:
    """Sizes of an instance's disks that no machine has."""
    own = (volume for volume in host.volumes if volume.key == key)
    return {volume.disk: volume.size_mib for volume in own if volume.size_mib is not None}


def _sizes(state: InstanceState | None) -> dict[str, int]:
    """Sizes of a machine's disks, as they are or else as they were applied."""
    if state is None:
        return {}
    applied = {disk.name: disk.size_mib for disk in state.applied.disks}
    return {**applied, **{disk.name: disk.size_mib for disk in state.live.disks if disk.size_mib is not None}}


def _kept(before: InstanceState | None) -> dict[str, int]:
    """Sizes of the disks that outlive their machine."""
    if before is None:
        return {}
    sizes = _sizes(before)
    kept = (disk.name for disk in before.applied.disks if disk.on_delete is OnDelete.RETAIN)
    return {name: sizes[name] for name in kept}
