"""Which effects give a machine the disks that it is told to have, off and running."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from reconciler.actuators.sim.effects import AddVolume, Define, DropVolume, Effect, GrowVolume, Unplug
from reconciler.actuators.sim.things import Box, Domain, Mark, VolumeId
from reconciler.errors import ActionFailed
from reconciler.specs.desired import Disk, Machine, OnDelete
from reconciler.state import Live, LiveDisk

ROOT = "root"


def check_at_home(box: Box, domain: Domain) -> None:
    """Raise ActionFailed where a disk of ours is read from anything but its own volume."""
    for live in (domain.live, domain.configured or domain.live):
        for disk in live.astray:
            message = f"{domain.name}: disk {disk.name} is read from {disk.source}: merge that back first"
            raise ActionFailed(box.host, message)


def touches_disks(domain: Domain, mark: Mark, new: Machine) -> bool:
    """Whether disks differ from what was applied, or what is there differs from that."""
    sizes = [{(each.name, each.size_mib, each.pool) for each in of.disks} for of in (mark.applied, new)]
    there = ({disk.name for disk in live.disks} for live in (domain.live, domain.configured or domain.live))
    return sizes[0] != sizes[1] or any(not plugged.issuperset(names(new)) for plugged in there)


def replug(box: Box, domain: Domain, mark: Mark, new: Machine) -> Iterator[Effect]:
    """Disks of a machine that runs: those that come, then those that go, if the guest lets go of them."""
    owned = joined(mark, new)
    if owned != mark:
        yield Define(domain := replace(domain, mark=owned))
    yield from fit_disks(box, mark, new)
    leaving = tuple(disk.name for disk in domain.live.disks if _goes(disk, owned, new))
    plugged, kept = _with(domain.live, new), domain.configured or domain.live
    configured = _without(_with(kept, new), (*leaving, *(d.name for d in kept.disks if _goes(d, owned, new))))
    after = configured if leaving or domain.configured else None
    if (domain.live, domain.configured) != (plugged, after):
        yield Define(domain := replace(domain, live=plugged, configured=after))
    yield from (Unplug(domain.uuid, disk) for disk in leaving)
    yield from (DropVolume(volume) for volume in gone_for_good(box, owned, keep=new.disks))
    gone = _without(domain.live, leaving)
    finished = replace(
        domain,
        mark=replace(owned, applied=new),
        live=gone,
        configured=None if configured == gone else domain.configured,
    )
    if finished != replace(domain, live=gone):
        yield Define(finished)


def joined(mark: Mark, new: Machine) -> Mark:
    """The mark with the disks that are about to come: whoever finds the machine half done finds them too."""
    there = {disk.name for disk in mark.applied.disks}
    coming = tuple(disk for disk in new.disks if disk.name not in there)
    return replace(mark, applied=replace(mark.applied, disks=(*mark.applied.disks, *coming)))


def fit_disks(box: Box, old: Mark, new: Machine) -> Iterator[Effect]:
    """Volumes as ``new`` wants them; one that is there already is adopted, and grown if need be."""
    for disk in new.disks:
        volume = old.volume_of(disk)
        if volume not in box.volumes:
            yield AddVolume(volume, disk.size_mib)
        elif box.volumes[volume] < disk.size_mib:
            yield GrowVolume(volume, disk.size_mib)


def gone_for_good(box: Box, old: Mark, *, keep: Iterable[Disk]) -> tuple[VolumeId, ...]:
    """Volumes that nothing wants and that were not to be retained when they were last applied."""
    wanted = {old.volume_of(disk) for disk in keep}
    return tuple(
        old.volume_of(disk)
        for disk in old.applied.disks
        if (disk.name == ROOT or disk.on_delete is OnDelete.DELETE)
        and old.volume_of(disk) not in wanted
        and old.volume_of(disk) in box.volumes
    )


def names(machine: Machine) -> tuple[str, ...]:
    """Names of its disks, in order."""
    return tuple(disk.name for disk in machine.disks)


def _goes(disk: LiveDisk, mark: Mark, new: Machine) -> bool:
    """Whether it is one of ours that is wanted no more."""
    return disk.name in names(mark.applied) and disk.name not in names(new)


def _with(live: Live, machine: Machine) -> Live:
    there = {disk.name for disk in live.disks}
    missing = tuple(LiveDisk(name) for name in names(machine) if name not in there)
    return replace(live, disks=(*live.disks, *missing))


def _without(live: Live, leaving: tuple[str, ...]) -> Live:
    return replace(live, disks=tuple(disk for disk in live.disks if disk.name not in leaving))
