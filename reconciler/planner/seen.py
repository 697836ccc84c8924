"""One host's answer, changed a little: what the models of all steps are put together from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from reconciler.specs.desired import InstanceKey, Machine
from reconciler.state import HostState, InstanceState, Power, VolumeState


def runs(state: InstanceState) -> bool:
    """Whether it runs and is complete."""
    return state.power is Power.RUNNING and state.complete


def with_instance(host: HostState, state: InstanceState) -> HostState:
    """The host with this machine, in place of what it had of it."""
    others = (each for each in host.instances if each.uuid != state.uuid)
    return replace(host, instances=tuple(sorted((*others, state), key=lambda each: (each.key, each.uuid))))


def with_volumes(
    host: HostState, key: InstanceKey, sizes: Mapping[str, int | None], *machines: Machine
) -> HostState:
    """The host with these disks of one instance, and no others of it: in the pools in which ``machines``
    have them, or else where they are.
    """
    others = (volume for volume in host.volumes if volume.key != key)
    pools = {volume.disk: volume.pool for volume in host.volumes if volume.key == key}
    pools |= {disk.name: disk.pool for machine in machines for disk in machine.disks}
    own = (VolumeState(key, disk, size, pools.get(disk, "")) for disk, size in sizes.items())
    return replace(host, volumes=tuple(sorted((*others, *own), key=lambda volume: (volume.key, volume.disk))))


def detached(host: HostState, key: InstanceKey) -> dict[str, int]:
    """Sizes of an instance's disks that no machine has."""
    own = (volume for volume in host.volumes if volume.key == key)
    return {volume.disk: volume.size_mib for volume in own if volume.size_mib is not None}


def sizes_of(state: InstanceState | None) -> dict[str, int]:
    """Sizes of a machine's disks, as they are or else as they were applied."""
    if state is None:
        return {}
    applied = {disk.name: disk.size_mib for disk in state.applied.disks}
    return {**applied, **{disk.name: disk.size_mib for disk in state.live.disks if disk.size_mib is not None}}
