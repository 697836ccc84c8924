"""What lies in the storage pools of a host, and how much room they have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import libvirt

from reconciler.actuators.libvirt import names
from reconciler.actuators.libvirt.errors import is_gone
from reconciler.actuators.libvirt.names import DiskName
from reconciler.actuators.libvirt.parse import read_pool_directory
from reconciler.actuators.libvirt.pool import MIB, find_pool, main_pool
from reconciler.specs.desired import HostName, Resources, Sha256
from reconciler.state import InstanceState, VolumeState


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks at which host; ``is_test`` for libvirt's test driver."""

    host: HostName
    fleet: str
    is_test: bool


Lying = tuple[str, DiskName]
"""A disk and the pool it lies in, named as in ``Disk``."""


@dataclass(frozen=True, slots=True)
class Storage:
    """The pools of files that are active: how much there is of each, and how much of that is written.

    ``path`` is the directory of the one in which images lie, ``others`` those of the others, by name.
    """

    capacity: Resources = Resources()
    written: Resources = Resources()
    path: str = ""
    others: tuple[tuple[str, str], ...] = ()
    images: tuple[Sha256, ...] = ()
    disks: tuple[Lying, ...] = ()
    cordoned: bool = False


def take_stock(connection: libvirt.virConnect, viewer: Viewer) -> Storage:
    """Everything that the pools say."""
    listed = connection.listAllStoragePools(libvirt.VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE)
    pools, main = {pool.name(): pool for pool in listed}, main_pool(is_test=viewer.is_test)
    found = {name: path for name in sorted(pools) if (path := read_pool_directory(pools[name].XMLDesc(0)))}
    if main not in found:
        return Storage()
    # One that only has another name for the same directory holds nothing of its own.
    others = {name: path for name, path in found.items() if path != found[main]}
    capacity, written = Resources(), Resources()
    for name in (main, *others):
        _, size, _, available = pools[name].info()
        pool = "" if name == main else name
        capacity += Resources.on_disk([(pool, size // MIB)])
        written += Resources.on_disk([(pool, (size - available) // MIB)])
    # Last, right before the domains are listed: whoever looks during a change sees both as of one time.
    elsewhere = [(name, volume.name()) for name in others for volume in pools[name].listAllVolumes()]
    volumes = [volume.name() for volume in pools[main].listAllVolumes()]
    return Storage(
        capacity,
        written,
        found[main],
        tuple(others.items()),
        images=tuple(sorted({image for volume in volumes if (image := names.read_image(volume))})),
        disks=tuple(_ours([*(("", volume) for volume in volumes), *elsewhere], viewer.fleet)),
        cordoned=names.cordon_file(viewer.fleet, viewer.host) in volumes,
    )


def _ours(volumes: Iterable[tuple[str, str]], fleet: str) -> Iterable[Lying]:
    for pool, volume in volumes:
        if (disk := names.read_disk(volume)) is not None and disk.fleet == fleet:
            yield pool, disk


def is_torn(storage: Storage, instances: Iterable[InstanceState]) -> bool:
    """Whether a machine was finished between the pools' listing and its own: its disks are not in that."""
    there = {(disk.key, disk.disk, pool) for pool, disk in storage.disks}
    active = {"", *(name for name, _ in storage.others)}
    return any(
        state.complete and disk.pool in active and (state.key, disk.name, disk.pool) not in there
        for state in instances
        for disk in state.applied.disks
    )


def orphans(storage: Storage, instances: Iterable[InstanceState]) -> tuple[Lying, ...]:
    """The disks that no machine has."""
    in_use = {(state.key, disk.name, disk.pool) for state in instances for disk in state.applied.disks}
    return tuple((pool, disk) for pool, disk in storage.disks if (disk.key, disk.disk, pool) not in in_use)


def sizes(connection: libvirt.virConnect, viewer: Viewer, disks: Sequence[Lying]) -> Mapping[Lying, int]:
    """MiB of these disks; what has gone meanwhile is left out."""
    main = main_pool(is_test=viewer.is_test)
    pools = {pool: find_pool(connection, pool or main) for pool in {pool for pool, _ in disks}}
    found: dict[Lying, int] = {}
    for pool, disk in disks:
        if (handle := pools[pool]) is None:
            continue
        try:
            volume = handle.storageVolLookupByName(names.disk_volume(disk.fleet, disk.key, disk.disk))
            found[pool, disk] = int(volume.info()[1]) // MIB
        except libvirt.libvirtError as error:
            if not is_gone(error):
                raise
    return found


def volumes_in(storage: Storage, sized: Mapping[Lying, int]) -> tuple[VolumeState, ...]:
    """Every disk of ours, with the sizes that were asked for."""
    volumes = (
        VolumeState(disk.key, disk.disk, sized.get((pool, disk)), pool) for pool, disk in storage.disks
    )
    return tuple(sorted(volumes, key=lambda volume: (volume.key, volume.disk)))


def foreign_disks(
    storage: Storage, instances: Iterable[InstanceState], volumes: Iterable[VolumeState]
) -> Resources:
    """What others take of the pools, so that capacity − ours − foreign is at most what is free.

    Our disks count in full, though they grow only as they are written.
    """
    ours = ((disk.pool, disk.size_mib) for state in instances for disk in state.applied.disks)
    kept = ((volume.pool, volume.size_mib or 0) for volume in volumes)
    left = storage.written - Resources.on_disk([*ours, *kept])
    taken = ((kind, max(0, mib)) for kind, mib in left.devices)
    return Resources(disk_mib=max(0, left.disk_mib), devices=tuple(each for each in taken if each[1]))
