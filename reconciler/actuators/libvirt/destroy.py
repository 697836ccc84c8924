"""Destroy: stop, delete what is not to be kept, and forget the domain last of all."""

from __future__ import annotations

from reconciler.actuators.libvirt import names
from reconciler.actuators.libvirt.order import Desk, Hands
from reconciler.actuators.libvirt.power import stop
from reconciler.specs.desired import Disk, OnDelete
from reconciler.state import InstanceState


async def destroy(desk: Desk, before: InstanceState) -> None:
    """Undo a machine. Its disks say themselves, in its mark, which of them are retained."""

    def begin(hands: Hands) -> bool:
        domain = hands.domains.unprotected(before)
        domain.check_at_home(hands.pool())
        domain.begin_taking_apart(domain.mark.former)
        if any(not _goes(disk) for disk in domain.mark.applied.disks):
            return domain.is_active()
        domain.destroy()
        return False

    # Gently only if something on its disks will be kept.
    if await desk.change("destroying", begin):
        await stop(desk, before.uuid, before)
    await desk.change("destroying", lambda hands: _remove(hands, before))


def _remove(hands: Hands, before: InstanceState) -> None:
    domain, pool = hands.domains.unprotected(before), hands.pool()
    mark = domain.mark
    domain.check_at_home(pool)
    for disk in mark.applied.disks:
        if _goes(disk):
            pool.of(disk).delete(names.disk_volume(mark.fleet, mark.key, disk.name))
    pool.delete(names.seed_volume(mark.fleet, mark.key))
    pool.delete(names.former_seed_volume(mark.fleet, mark.key))
    domain.undefine()


def _goes(disk: Disk) -> bool:
    return disk.name == names.ROOT or disk.on_delete is OnDelete.DELETE
