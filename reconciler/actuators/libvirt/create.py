"""Create and replace: the domain first, so that everything always has an owner; then its disks."""

from __future__ import annotations

from dataclasses import replace

from reconciler.actuators.libvirt import formerly, names
from reconciler.actuators.libvirt.domains import Domain
from reconciler.actuators.libvirt.images import refresh
from reconciler.actuators.libvirt.mark import Mark
from reconciler.actuators.libvirt.order import Desk, Hands
from reconciler.actuators.libvirt.pool import Pool
from reconciler.actuators.libvirt.power import stop
from reconciler.errors import AlreadyExists
from reconciler.specs.desired import Form, Instance, InstanceUuid, Machine, OnDelete
from reconciler.specs.formerly import meanwhile
from reconciler.state import InstanceState


async def create(desk: Desk, instance: Instance, left: InstanceState | None) -> None:
    """Make a machine that is absent, or finish one that was ``left`` half made; start it."""
    await _see_what_others_made(desk)

    def check(hands: Hands) -> bool:
        found = hands.domains.find(instance.uuid)
        if found is None:
            hands.domains.check_name_is_free(instance.name)
        elif found.mark.complete:
            raise AlreadyExists(desk.host, f"{instance.name} is there already, and complete")
        else:
            found.check_stayed(left)
            found.check_at_home(hands.pool())
            formerly.check_kept(found.mark, instance, hands.pool())
        _check(hands.pool(), desk.fleet, instance)
        return found is not None

    if await desk.change("checking", check):
        await _end(desk, instance.uuid, left)
    await desk.change("creating", lambda hands: _make(hands, instance, left))


async def rebuild(desk: Desk, before: InstanceState, instance: Instance) -> None:
    """Make a machine anew from its image; its data disks stay."""
    await _see_what_others_made(desk)

    def begin(hands: Hands) -> None:
        domain = hands.domains.unprotected(before)
        domain.check_at_home(hands.pool())
        _check(hands.pool(), desk.fleet, instance)
        formerly.check_kept(domain.mark, instance, hands.pool())
        domain.begin_taking_apart(meanwhile(domain.mark.record, instance))

    await desk.change("replacing", begin)
    await _end(desk, instance.uuid, before)
    await desk.change("creating", lambda hands: _make(hands, instance, before))


async def _see_what_others_made(desk: Desk) -> None:
    """Of a pool that it shares, a host lists what it saw last: a disk that was kept may have come since."""
    if desk.platform.shares_pool:
        await refresh(desk)


async def _end(desk: Desk, uuid: InstanceUuid, before: InstanceState | None) -> None:
    """Stop a machine that is taken apart: gently only if something on its disks will be kept."""

    def work(hands: Hands) -> bool:
        domain = hands.domains.get(uuid)
        domain.check_stayed(before)
        if has_data(domain.mark.applied):
            return domain.is_active()
        domain.destroy()
        return False

    if await desk.change("stopping", work):
        await stop(desk, uuid, before)


def has_data(machine: Machine) -> bool:
    """Whether a machine has disks that outlive its root disk."""
    return any(disk.name != names.ROOT for disk in machine.disks)


def _check(pool: Pool, fleet: str, instance: Instance) -> None:
    """Refuse what cannot be done before anything is made."""
    machine = instance.machine
    root = next((disk.size_mib for disk in machine.disks if disk.name == names.ROOT), None)
    pool.check_image(machine.image, root)
    for disk in machine.disks:
        if disk.name != names.ROOT:
            volume = names.disk_volume(fleet, instance.key, disk.name)
            pool.of(disk).check_not_shrinking(volume, disk.size_mib)


def _make(hands: Hands, instance: Instance, before: InstanceState | None) -> None:
    fleet, key, machine = hands.desk.fleet, instance.key, instance.machine
    pool = hands.pool()
    left = hands.domains.find(instance.uuid) if before is None else hands.domains.stayed(before)
    mark, seeded = Mark(fleet, key, machine, complete=False), instance.context is not None
    if left is not None:
        left.check_at_home(pool)
        left = formerly.keep(left, instance, pool)
        if instance.form is not Form.WRITTEN:
            # While the mark says yet that something else is there.
            seeded = formerly.write_seed(hands, left.mark, instance, pool)
        _clear(left, machine, pool)
        mark = left.mark
    finished = formerly.next_mark(mark, instance)
    domain = hands.define(replace(finished, complete=False, former=mark.former), pool, seeded=seeded)
    for disk in machine.disks:
        name = names.disk_volume(fleet, key, disk.name)
        if disk.name == names.ROOT and machine.image.disk is not None:
            pool.of(disk).delete(name)
            pool.clone(machine.image, name, disk)
        else:
            pool.of(disk).adopt_or_make(name, disk.size_mib)
    if instance.form is Form.WRITTEN:
        formerly.write_seed(hands, mark, instance, pool)
    formerly.finish(domain, finished, pool)
    domain.start(before)


def _clear(left: Domain, machine: Machine, pool: Pool) -> None:
    """Delete what a half made machine had and the new one has not, before its owner is forgotten."""
    stays = {(disk.name, disk.pool) for disk in machine.disks}
    for disk in left.mark.applied.disks:
        goes = (disk.name, disk.pool) not in stays and disk.on_delete is OnDelete.DELETE
        if disk.name == names.ROOT or goes:
            pool.of(disk).delete(names.disk_volume(left.mark.fleet, left.mark.key, disk.name))
