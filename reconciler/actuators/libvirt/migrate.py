"""Live migration: pack, write the journey down, make what is needed over there, move, tidy up.

Unless the fleet names a peer URI, we carry the talk between the two daemons ourselves and their hosts
need not trust each other. libvirt's own client then decides at the end which of the two goes on, and
takes a lost connection to the destination for a destination that does not run. It may run all the
same. So both connections are this migration's own, and whenever the one to the destination is lost
the one to the source is cut first: what then stands still at the source waits for the next look.
"""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial

import libvirt

from reconciler.actions import Migrate, Settle
from reconciler.actuators.libvirt.apart import tell_apart
from reconciler.actuators.libvirt.luggage import check_in, pack, set_out, unpack
from reconciler.actuators.libvirt.order import Desk
from reconciler.actuators.libvirt.reunite import settle
from reconciler.actuators.libvirt.session import Link
from reconciler.errors import ActionFailed, HostError, HostUnreachable

_ASK_EVERY = 2.0
_ANSWER_WITHIN = 15.0
_ABORT_WITHIN = 20.0


async def migrate(action: Migrate, here: Desk, there: Desk) -> None:
    """Move a running machine. Raises ActionFailed (it stays, or so it was said), HostUnreachable."""
    copies = action.terms.copies
    luggage = await here.change("packing", lambda hands: pack(hands, action))
    await there.change("looking for room", lambda hands: check_in(hands, action, luggage))
    there.lock.check()
    if copies:
        await tell_apart(here, there, action.before)
    await here.change("writing the journey down", lambda hands: set_out(hands, action))
    try:
        if copies:
            await there.change("making its disks", lambda hands: unpack(hands, action, luggage))
        await _move(action, here, there)
    except ActionFailed:
        # It goes on where it was, so what was made over there is left over; or the next plan says otherwise.
        with contextlib.suppress(HostError):
            await settle(Settle(here.session.host, there.session.host, action.before), here, there)
        raise
    await settle(Settle(there.session.host, here.session.host, action.before), there, here)


async def _move(action: Migrate, here: Desk, there: Desk) -> None:
    address = "" if there.wires is None else there.wires.address
    async with (
        here.session.link_of_its_own() as source,
        there.session.link_of_its_own(before_cut=source.cut) as destination,
    ):
        links = (source, destination)
        work = partial(_call, action, address, links)
        limit = action.terms.timeout_s
        job = asyncio.create_task(
            here.session.run_over(links, "migrating", work, deadline=limit + 2 * _ABORT_WITHIN)
        )
        watch = asyncio.create_task(_watch(here, there))
        try:
            await asyncio.wait({job, watch}, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
            if not job.done() and not watch.done():
                await _call_off(action, here)
                await asyncio.wait({job, watch}, timeout=_ABORT_WITHIN, return_when=asyncio.FIRST_COMPLETED)
                if job.done() and job.exception() is not None:
                    raise ActionFailed(here.host, f"called off: not done within {limit} s")
            if not job.done():
                await _given_up(watch, here)
            job.result()
        finally:
            watch.cancel()
            for link in links:
                link.cut()
            await asyncio.gather(job, watch, return_exceptions=True)


def _call(action: Migrate, address: str, links: tuple[Link, Link]) -> None:
    source, destination = (link.connection for link in links)
    assert source is not None, "the links are open"
    domain = source.lookupByUUIDString(action.before.uuid)
    terms = action.terms
    flags = (
        libvirt.VIR_MIGRATE_LIVE
        | libvirt.VIR_MIGRATE_PERSIST_DEST
        | libvirt.VIR_MIGRATE_UNDEFINE_SOURCE
        | libvirt.VIR_MIGRATE_AUTO_CONVERGE
        | libvirt.VIR_MIGRATE_ABORT_ON_ERROR
    )
    parameters: dict[str, str | int] = {}
    if address:
        host = f"[{address}]" if ":" in address else address
        parameters[libvirt.VIR_MIGRATE_PARAM_URI] = f"tcp://{host}"
    if terms.bandwidth_mib is not None:
        parameters[libvirt.VIR_MIGRATE_PARAM_BANDWIDTH] = terms.bandwidth_mib
    if terms.downtime_ms is not None:
        domain.migrateSetMaxDowntime(terms.downtime_ms, 0)
    if terms.copies:
        flags |= libvirt.VIR_MIGRATE_NON_SHARED_INC
    elif terms.peer is not None:
        domain.migrateToURI3(terms.peer, parameters, flags | libvirt.VIR_MIGRATE_PEER2PEER)
        return
    domain.migrate3(destination, parameters, flags)


async def _watch(here: Desk, there: Desk) -> None:
    """Return never; raise HostUnreachable when one of the two daemons no longer answers."""
    while True:
        await asyncio.sleep(_ASK_EVERY)
        await asyncio.gather(
            *(
                desk.session.call(
                    "asking whether it is there",
                    lambda connection: connection.getLibVersion(),
                    deadline=_ANSWER_WITHIN,
                )
                for desk in (here, there)
            )
        )


async def _call_off(action: Migrate, here: Desk) -> None:
    def abort(connection: libvirt.virConnect) -> None:
        connection.lookupByUUIDString(action.before.uuid).abortJob()

    with contextlib.suppress(HostError):
        await here.session.call("calling the migration off", abort)


async def _given_up(watch: asyncio.Task[None], here: Desk) -> None:
    if watch.done():
        watch.result()
    raise HostUnreachable(here.host, "the migration was neither done nor called off in time")
