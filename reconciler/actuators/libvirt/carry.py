"""Cold migration: own it over there, switch it off, carry its disks, hand it over, start it, tidy up.

The disks are read from one host and written to the other by us, over the SSH connections that we have
anyway. What has arrived is read again over there, and is on its disk, before anything says that it counts.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace

from reconciler.actions import Migrate, Resume, Settle
from reconciler.actuators.hostfiles import HostFiles, head
from reconciler.actuators.libvirt import names
from reconciler.actuators.libvirt.apart import tell_apart
from reconciler.actuators.libvirt.images import refresh
from reconciler.actuators.libvirt.luggage import Luggage, check_in, pack, set_out, unpack
from reconciler.actuators.libvirt.mark import Mark
from reconciler.actuators.libvirt.order import Desk, Hands
from reconciler.actuators.libvirt.power import stop
from reconciler.actuators.libvirt.reunite import resume, settle, take_back
from reconciler.actuators.libvirt.sense import sense
from reconciler.carrying import was_handed_over
from reconciler.errors import ActionFailed, HostError, Unsupported
from reconciler.state import Power


async def carry(action: Migrate, here: Desk, there: Desk) -> None:
    """Move a machine that is off meanwhile. Raises ActionFailed (it runs where it was, or so it was tried),
    HostUnreachable.
    """
    ends = _files(here), _files(there)
    luggage = await here.change("packing", lambda hands: pack(hands, action))
    await there.change("looking for room", lambda hands: check_in(hands, action, luggage))
    if action.terms.copies:
        for disk in luggage.disks:
            await head(ends[0], disk.path, 1)  # while it still runs
    there.lock.check()
    if action.terms.copies:
        await tell_apart(here, there, action.before)
    mark = await here.change("writing the journey down", lambda hands: set_out(hands, action))
    try:
        async with _in_time(action, here):
            await there.change("owning its disks", lambda hands: _own(hands, mark, luggage))
            if action.terms.copies:
                await there.change("making its disks", lambda hands: unpack(hands, action, luggage))
            await stop(here, action.before.uuid, action.before)
            if action.terms.copies:
                await _copy(luggage, here, there)
        await here.change("seeing that it is off", lambda hands: _off(hands, action))
        await there.change("completing it", lambda hands: _complete(hands, action))
        await here.change("handing it over", lambda hands: _hand_over(hands, action))
        await there.change("starting", lambda hands: hands.domains.get(action.before.uuid).start(None))
    except ActionFailed:
        # Nobody has started it over there: it goes on where it was, or the next plan says otherwise.
        with contextlib.suppress(HostError):
            await take_back(action.before.uuid, here, there)
            await resume(Resume(here.session.host, there.session.host, action.before), here, there)
            await settle(Settle(here.session.host, there.session.host, action.before), here, there)
        raise
    await settle(Settle(there.session.host, here.session.host, action.before), there, here)


def _files(desk: Desk) -> HostFiles:
    if desk.files is None:
        raise Unsupported(desk.host, "libvirt's test driver has no disks that could be carried")
    return desk.files


@contextlib.asynccontextmanager
async def _in_time(action: Migrate, here: Desk) -> AsyncIterator[None]:
    """Raise ActionFailed when what is done takes longer than it may."""
    try:
        async with asyncio.timeout(action.terms.timeout_s):
            yield
    except TimeoutError:
        raise ActionFailed(here.host, f"called off: not done within {action.terms.timeout_s} s") from None


def _own(hands: Hands, mark: Mark, luggage: Luggage) -> None:
    """What owns everything over there from before it is there, and does not count yet."""
    hands.define(replace(mark, complete=False), hands.pool(), seeded=luggage.seeded)


async def _copy(luggage: Luggage, here: Desk, there: Desk) -> None:
    for disk in luggage.disks:
        await _copy_one(disk.path, here, there)
    await _files(there).flush(list(luggage.paths))
    for pool in sorted({disk.disk.pool for disk in luggage.disks}):
        await refresh(there, pool)


async def _copy_one(path: str, here: Desk, there: Desk) -> None:
    files, digest = _files(there), hashlib.sha256()

    async def read(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for chunk in chunks:
            here.lock.check()
            there.lock.check()
            digest.update(chunk)
            yield chunk

    async with _files(here).reading(path) as stream:
        await files.write(read(stream.chunks), path, private=True)
    if await files.sha256(path) != digest.hexdigest():
        raise ActionFailed(there.host, f"{path} arrived as something else: is its disk sound?")


def _off(hands: Hands, action: Migrate) -> None:
    domain = hands.domains.get(action.before.uuid)
    if sense(*domain.handle.state()).power is not Power.STOPPED:
        raise ActionFailed(hands.desk.host, f"{action.before.name} was started while it was carried")


def _complete(hands: Hands, action: Migrate) -> None:
    domain, pool = hands.domains.get(action.before.uuid), hands.pool()
    for disk in domain.mark.applied.disks:
        pool.of(disk).size_bytes(names.disk_volume(domain.mark.fleet, domain.mark.key, disk.name))
    domain.write_mark(replace(domain.mark, complete=True))


def _hand_over(hands: Hands, action: Migrate) -> None:
    """From now on it counts over there: here nothing must start it, not even the host itself."""
    domain = hands.domains.get(action.before.uuid)
    journey = domain.mark.journey
    if journey is None or not journey.cold or was_handed_over(domain.mark):
        raise ActionFailed(hands.desk.host, f"{action.before.name} is on another journey")
    _off(hands, action)
    if domain.handle.autostart():
        domain.handle.setAutostart(0)
    domain.write_mark(replace(domain.mark, journey=replace(journey, handed_over=True)))
