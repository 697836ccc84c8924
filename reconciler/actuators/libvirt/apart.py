"""Prove that two hosts' pools are not one: what goes from one of them must not be all there is.

Nothing that a host says of its pool tells: two may mount the same thing by other words, or other things by
the same. So a file of a name that was never there before is made in one; where that is in the other's way,
the two are one. Nobody has asked for that name before, so nobody remembers that it is not there.
"""

from __future__ import annotations

import contextlib
from uuid import uuid4

import libvirt

from reconciler.actuators.libvirt import names
from reconciler.actuators.libvirt.order import Desk, Hands
from reconciler.actuators.libvirt.pool import Pool
from reconciler.errors import ActionFailed
from reconciler.specs.desired import InstanceKey
from reconciler.state import InstanceState


async def tell_apart(here: Desk, there: Desk, before: InstanceState) -> None:
    """As ``check_apart``, before anything of a machine is copied from the one to the other."""
    # What it is told lies where images lie, whether a disk does or not.
    names_of = {"", *(disk.pool for disk in before.applied.disks)}

    def check(mine: Hands, its: Hands) -> None:
        for name in sorted(names_of):
            check_apart(mine.pool().named(name), its.pool().named(name), before.fleet, before.key)

    await here.change_with(there, "telling the pools apart", check)


def check_apart(ours: Pool, its: Pool, fleet: str, key: InstanceKey) -> None:
    """Raise ActionFailed, on behalf of the second host, unless the pools of the two are seen to be two.

    ``key`` is the machine for whose sake that matters: what a killed controller leaves of it goes here.
    """
    for pool in (ours, its):
        _sweep(pool, fleet, key)
    name = names.probe_volume(fleet, key, uuid4().hex)
    its.make_empty(name)
    try:
        ours.make_empty(name)
    except libvirt.libvirtError as error:
        raise ActionFailed(
            its.host,
            f"its pool and that of {ours.host} are not seen to be two ({error.get_error_message()}): a "
            f"disk of {key.name} in one may be the only one. Nothing is copied or removed; if the two hosts "
            "share their pool, say so (hosts.<name>.storage)",
        ) from error
    finally:
        with contextlib.suppress(libvirt.libvirtError):  # the next one sweeps it
            its.delete(name)
            ours.delete(name)


def _sweep(pool: Pool, fleet: str, key: InstanceKey) -> None:
    for name in pool.handle.listVolumes():
        if names.is_probe(name, fleet, key):
            pool.delete(name)
