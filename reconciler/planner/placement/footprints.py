"""What machines, and disks without one, take of a host."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reconciler.specs.desired import Disk, Machine, OnDelete, Resources
from reconciler.state import HostState, InstanceState, LiveDisk, VolumeState


def footprint(state: InstanceState) -> Resources:
    """What a machine takes of its host now: as applied or as it is, whichever is more."""
    applied, live = state.applied, state.live
    cpus, memory_mib = max(applied.cpus, live.cpus), max(applied.memory_mib, live.memory_mib)
    if any(disk.pool for disk in applied.disks) or any(disk.size_mib for disk in live.disks):
        return all_of(applied.disks, live.disks) + Resources(cpus, memory_mib, 0, applied.devices)
    # Nearly always, and of every machine again and again.
    return Resources(cpus, memory_mib, sum([disk.size_mib for disk in applied.disks]), applied.devices)


def kept_disks(state: HostState) -> Resources:
    """What the disks take of a host that no machine has."""
    # A disk has a size of its own here only where no machine has it: the others are in footprints.
    return Resources.on_disk((volume.pool, volume.size_mib or 0) for volume in state.volumes)


def given_back(state: InstanceState) -> Resources:
    """What a host has again when a machine is destroyed."""
    kept = (disk for disk in state.applied.disks if disk.on_delete is OnDelete.RETAIN)
    return footprint(state) - Resources.on_disk((disk.pool, disk.size_mib) for disk in kept)


def all_of(*several: Iterable[Disk | LiveDisk]) -> Resources:
    """What all these disks take side by side."""
    return Resources.on_disk([(pool, mib) for (_, pool), mib in sizes_of(*several).items()])


def sizes_of(*several: Iterable[Disk | LiveDisk]) -> dict[tuple[str, str], int]:
    """MiB of all these disks by name and pool: of those of one name in one pool, the largest.

    A hypervisor says nothing of pools: what it has of a name lies where the disk lies that comes before.
    """
    sizes: dict[tuple[str, str], int] = {}
    pools: dict[str, str] = {}
    for disks in several:
        for disk in disks:
            pool = disk.pool if isinstance(disk, Disk) else pools.get(disk.name, "")
            pools[disk.name] = pool
            sizes[disk.name, pool] = max(sizes.get((disk.name, pool), 0), disk.size_mib or 0)
    return sizes


def adopted(machine: Machine, left: Iterable[VolumeState]) -> Resources:
    """What of a machine's disks is there already, without a machine, and counted as taken."""
    wanted = {(disk.name, disk.pool): disk.size_mib for disk in machine.disks}
    own = [(each, wanted[each.disk, each.pool]) for each in left if (each.disk, each.pool) in wanted]
    return Resources.on_disk((each.pool, min(each.size_mib or 0, size)) for each, size in own)


def least(amounts: Sequence[Resources]) -> Resources:
    """Of each pool the least of all that these have of it."""
    if not amounts:
        return Resources()
    kinds = sorted({kind for each in amounts for kind, _ in each.pooled})
    lowest = ((kind, min(dict(each.pooled).get(kind, 0) for each in amounts)) for kind in kinds)
    return Resources(
        disk_mib=min(each.disk_mib for each in amounts), devices=tuple(each for each in lowest if each[1])
    )
