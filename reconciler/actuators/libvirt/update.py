"""Update: what costs the guest nothing is done while it runs, the rest takes a restart."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace

from reconciler.actions import Impact, Update
from reconciler.actuators.libvirt import formerly, names, plugging
from reconciler.actuators.libvirt.domains import Domain
from reconciler.actuators.libvirt.mark import Mark
from reconciler.actuators.libvirt.order import Desk, Hands
from reconciler.actuators.libvirt.power import stop
from reconciler.actuators.libvirt.telling import tell
from reconciler.errors import ActionFailed
from reconciler.specs.desired import Disk, Instance, Machine, OnDelete
from reconciler.specs.unsettled import unsettled
from reconciler.state import InstanceState


async def update(desk: Desk, action: Update) -> None:
    """Make a machine what it is told to be, in the way that was planned. Raises ActionFailed."""
    way = update_live if action.impact is Impact.LIVE else update_with_restart
    await way(desk, action.before, action.instance)


async def update_live(desk: Desk, before: InstanceState, instance: Instance) -> None:
    """Write down what the machine is told to be, and make its disks so while it runs.

    Raises ActionFailed where the rest takes a restart, and where the guest does not let go of a disk.
    """

    def check(hands: Hands) -> bool:
        domain = _whole(hands, before)
        if _hardware(domain.mark.applied) != _hardware(instance.machine):
            raise ActionFailed(desk.host, f"{instance.name}: these changes take a restart")
        return domain.mark.applied.peers != instance.machine.peers

    def begin(hands: Hands) -> bool:
        domain = _whole(hands, before)
        if not _touches_disks(domain, instance.machine):
            _write_down(domain, before, instance)
            return False
        _check_disks(hands, domain, instance)
        if not domain.is_active():
            _make_over(hands, before, instance)
            return False
        _own(domain, instance.machine)
        plugging.plug(hands, domain, instance.machine)
        return True

    # What a guest is told comes before the mark that says so: cut short, it is told again.
    if await desk.change("checking", check):
        await tell(desk, instance)
    if await desk.change("updating", begin):
        await plugging.unplug(desk, instance.uuid, instance.machine)
        await desk.change("updating", lambda hands: _finish(hands, before, instance))


def _touches_disks(domain: Domain, machine: Machine) -> bool:
    """Whether disks differ from what was applied, or what is there differs from that."""
    if _sizes(domain.mark.applied) != _sizes(machine):
        return True
    there = plugging.Sockets.of(domain)
    found = (there.configured, there.running) if domain.is_active() else (there.configured,)
    return any(disk.name not in sockets for disk in machine.disks for sockets in found)


def _finish(hands: Hands, before: InstanceState, instance: Instance) -> None:
    """Delete what nothing has plugged in any more, and then give it up."""
    domain, pool = _whole(hands, before), hands.pool()
    for disk in _going(domain.mark.applied, instance.machine):
        pool.of(disk).delete(_volume(domain.mark, disk))
    _write_down(domain, before, instance)


def _write_down(domain: Domain, before: InstanceState, instance: Instance) -> None:
    domain.write_mark(replace(domain.mark, applied=instance.machine))
    domain.start(before)


async def update_with_restart(desk: Desk, before: InstanceState, instance: Instance) -> None:
    """Shut the machine down, make it what it is told to be, start it. No disk ever shrinks."""

    def check(hands: Hands) -> None:
        domain = _whole(hands, before)
        _check_disks(hands, domain, instance)
        _check_image_stays(desk, domain.mark.applied, instance.machine)
        formerly.check_kept(domain.mark, instance, hands.pool())

    await desk.change("checking", check)
    await stop(desk, instance.uuid, before)
    await desk.change("updating", lambda hands: _make_over(hands, before, instance))


def _check_disks(hands: Hands, domain: Domain, instance: Instance) -> None:
    pool = hands.pool()
    domain.check_at_home(pool)
    pools = {disk.name: disk.pool for disk in domain.mark.applied.disks}
    for disk in instance.machine.disks:
        if pools.get(disk.name, disk.pool) != disk.pool:
            raise ActionFailed(hands.desk.host, f"disk {disk.name} stays in the pool in which it is")
        pool.of(disk).check_not_shrinking(_volume(domain.mark, disk), disk.size_mib)


def _own(domain: Domain, machine: Machine) -> Mark:
    """Write down the disks that are about to come, and that the guest is about to be told something else:
    whoever finds the change cut short finds them too. Returns the mark as it was.
    """
    before = domain.mark
    applied = unsettled(before.applied, machine)
    applied = replace(applied, disks=before.applied.disks + _coming(before.applied, machine))
    if applied != before.applied:
        domain.write_mark(replace(before, applied=applied))
    return before


def _make_over(hands: Hands, before: InstanceState, instance: Instance) -> None:
    domain, pool = _whole(hands, before), hands.pool()
    domain.check_at_home(pool)
    domain = formerly.keep(domain, instance, pool)
    mark, machine = _own(domain, instance.machine), instance.machine
    for disk in machine.disks:
        pool.of(disk).adopt_or_make(_volume(mark, disk), disk.size_mib)
    after, seeded = formerly.next_mark(mark, instance), formerly.write_seed(hands, mark, instance, pool)
    # A disk is deleted once no machine has it plugged in, and owned until it is deleted.
    going = _going(mark.applied, machine)
    owning = replace(after, former=mark.former, applied=replace(machine, disks=machine.disks + going))
    updated = hands.define(owning, pool, seeded=seeded, unplugged=frozenset(disk.name for disk in going))
    for disk in going:
        pool.of(disk).delete(_volume(mark, disk))
    formerly.finish(updated, after, pool)
    updated.start(before)


def _coming(before: Machine, after: Machine) -> tuple[Disk, ...]:
    there = {disk.name for disk in before.disks}
    return tuple(disk for disk in after.disks if disk.name not in there)


def _going(before: Machine, after: Machine) -> tuple[Disk, ...]:
    stays = {disk.name for disk in after.disks}
    gone = (disk for disk in before.disks if disk.name not in stays)
    return tuple(disk for disk in gone if disk.on_delete is OnDelete.DELETE)


def _whole(hands: Hands, before: InstanceState) -> Domain:
    domain = hands.domains.stayed(before)
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
    image, has_root = replace(machine.image, name=""), any(disk.name == names.ROOT for disk in machine.disks)
    return (image, machine.cpus, machine.memory_mib, has_root, machine.nics, machine.context)


def _sizes(machine: Machine) -> Hashable:
    return frozenset((disk.name, disk.size_mib, disk.pool) for disk in machine.disks)
