"""Update: what costs nothing is written into the mark, the rest takes a restart."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace

from reconciler.actuators.libvirt import names
from reconciler.actuators.libvirt.domains import Domain
from reconciler.actuators.libvirt.mark import Mark
from reconciler.actuators.libvirt.order import Desk, Hands
from reconciler.actuators.libvirt.power import stop
from reconciler.actuators.libvirt.telling import tell
from reconciler.errors import ActionFailed
from reconciler.specs.desired import Disk, Instance, InstanceUuid, Machine, OnDelete


async def update_live(desk: Desk, instance: Instance) -> None:
    """Write down what the machine is told to be. Raises ActionFailed where that takes a restart."""

    def check(hands: Hands) -> bool:
        domain = _whole(hands, instance.uuid)
        if _hardware(domain.mark.applied) != _hardware(instance.machine):
            raise ActionFailed(desk.host, f"{instance.name}: these changes take a restart")
        return domain.mark.applied.peers != instance.machine.peers

    def work(hands: Hands) -> None:
        domain = _whole(hands, instance.uuid)
        domain.write_mark(replace(domain.mark, applied=instance.machine))
        domain.start()

    # What a guest is told comes before the mark that says so: cut short, it is told again.
    if await desk.change("checking", check):
        await tell(desk, instance)
    await desk.change("updating", work)


async def update_with_restart(desk: Desk, instance: Instance) -> None:
    """Shut the machine down, make it what it is told to be, start it. No disk ever shrinks."""

    def check(hands: Hands) -> None:
        domain = _whole(hands, instance.uuid)
        pool = hands.pool()
        for disk in instance.machine.disks:
            pool.check_not_shrinking(_volume(domain.mark, disk), disk.size_mib)
        _check_image_stays(desk, domain.mark.applied, instance.machine)

    await desk.change("checking", check)
    await stop(desk, instance.uuid)
    await desk.change("updating", lambda hands: _make_over(hands, instance))


def _make_over(hands: Hands, instance: Instance) -> None:
    domain, pool = _whole(hands, instance.uuid), hands.pool()
    before, machine = domain.mark, instance.machine
    if coming := _coming(before.applied, machine):
        # Owned before they are made: whoever finds the change cut short finds the disks too.
        domain.write_mark(
            replace(before, applied=replace(before.applied, disks=before.applied.disks + coming))
        )
    for disk in machine.disks:
        pool.adopt_or_make(_volume(before, disk), disk.size_mib)
    seed = hands.desk.seed(instance)
    after = replace(before, applied=machine)
    hands.write_seed(after, pool, seed)
    # A disk is deleted once no machine has it plugged in, and owned until it is deleted.
    going = _going(before.applied, machine)
    owning = replace(before, applied=replace(machine, disks=machine.disks + going))
    updated = hands.define(
        owning, pool, seeded=seed is not None, unplugged=frozenset(disk.name for disk in going)
    )
    for disk in going:
        pool.delete(_volume(before, disk))
    if going:
        updated.write_mark(after)
    updated.start()


def _coming(before: Machine, after: Machine) -> tuple[Disk, ...]:
    there = {disk.name for disk in before.disks}
    return tuple(disk for disk in after.disks if disk.name not in there)


def _going(before: Machine, after: Machine) -> tuple[Disk, ...]:
    stays = {disk.name for disk in after.disks}
    gone = (disk for disk in before.disks if disk.name not in stays)
    return tuple(disk for disk in gone if disk.on_delete is OnDelete.DELETE)


def _whole(hands: Hands, uuid: InstanceUuid) -> Domain:
    domain = hands.domains.get(uuid)
    if not domain.mark.complete:
        raise ActionFailed(hands.desk.host, f"{domain.mark.key.name} is only half made")
    return domain


def _check_image_stays(desk: Desk, before: Machine, after: Machine) -> None:
    if before.image.digests != after.image.digests:
        raise ActionFailed(desk.host, "another image takes a replacement, not a restart")


def _volume(mark: Mark, disk: Disk) -> str:
    return names.disk_volume(mark.fleet, mark.key, disk.name)


def _hardware(machine: Machine) -> Hashable:
    """What a running guest would have to be restarted for."""
    disks = tuple((disk.name, disk.size_mib) for disk in machine.disks)
    image = replace(machine.image, name="")
    return (image, machine.cpus, machine.memory_mib, disks, machine.nics, machine.context)
