"""Put right what a migration left: never let go on what may run elsewhere, never remove what may be all.

Both hosts are asked in the same thread, right before each effect, under the locks of both.
"""

from __future__ import annotations

from dataclasses import replace

import libvirt

from reconciler.actions import Resume, Settle
from reconciler.actuators.libvirt import names
from reconciler.actuators.libvirt.domains import Domain
from reconciler.actuators.libvirt.errors import is_gone
from reconciler.actuators.libvirt.order import Desk, Hands
from reconciler.actuators.libvirt.sense import Sense, is_moving, sense
from reconciler.errors import ActionFailed
from reconciler.specs.desired import HostName, InstanceUuid
from reconciler.state import FAILED, MIGRATING, Power


async def resume(action: Resume, home: Desk, peer: Desk) -> None:
    """Let a machine go on that its migration left standing still. Raises ActionFailed where it may not."""

    def work(here: Hands, there: Hands) -> None:
        domain, state = _found(here, action.before.uuid)
        journey = domain.mark.journey
        if journey is None or journey.source != home.host or journey.destination != peer.host:
            raise ActionFailed(home.host, f"{_name(domain)} is not on its way from here to {peer.host}")
        if state.power is Power.RUNNING:
            return
        if state.power is not Power.PAUSED or state.detail != MIGRATING:
            raise ActionFailed(home.host, f"{_name(domain)} is {state.power} ({state.detail})")
        _refuse_while_moving(home, domain)
        twin = there.domains.find(action.before.uuid)
        _refuse_gone_on(there, twin)
        domain.handle.resume()

    await home.change_with(peer, "letting it go on", work)


def _refuse_gone_on(there: Hands, twin: Domain | None) -> None:
    """Nobody goes on whose twin did: only one that libvirt says has failed never ran."""
    if twin is not None:
        state = _sensed(twin)
        if twin.is_active() or state.detail != FAILED:
            what = f"{_name(twin)} is {state.power} ({state.detail}) here"
            raise ActionFailed(there.desk.host, f"{what}: it stays paused where it was to leave")


async def settle(action: Settle, home: Desk, peer: Desk | None) -> None:
    """Remove what the other end has of a machine that lives here, then forget the journey."""
    uuid = action.before.uuid
    if peer is not None:
        await home.change_with(peer, "tidying up", lambda here, there: _sweep(here, there, uuid))
    other = None if peer is None else peer.session.host
    await home.change("forgetting the journey", lambda hands: _forget(hands, uuid, other))


def _sweep(here: Hands, there: Hands, uuid: InstanceUuid) -> None:
    domain, state = _found(here, uuid)
    journey = domain.mark.journey
    ends = set() if journey is None else {journey.source, journey.destination}
    is_ours = ends == {here.desk.session.host, there.desk.session.host}
    twin = there.domains.find(uuid)
    if state.power is Power.PAUSED:
        raise ActionFailed(here.desk.host, f"{_name(domain)} is paused ({state.detail}): nothing is removed")
    if state.power is Power.RUNNING:
        _refuse_while_moving(here.desk, domain)
    if twin is not None and twin.is_active():
        has_left = is_ours and journey is not None and journey.source == there.desk.session.host
        _end_paused(there, twin, may=has_left and state.power is Power.RUNNING)
    if is_ours and journey is not None and journey.copies:
        pool = there.pool()
        # The twin may know of disks that the machine has lost since; so it goes after them.
        marks = [domain.mark] if twin is None else [domain.mark, twin.mark]
        for disk in sorted({disk.name for mark in marks for disk in mark.applied.disks}):
            pool.delete(names.disk_volume(domain.mark.fleet, domain.mark.key, disk))
        pool.delete(names.seed_volume(domain.mark.fleet, domain.mark.key))
        pool.delete(names.former_seed_volume(domain.mark.fleet, domain.mark.key))
    if twin is not None:
        _undefine(twin)


def _end_paused(there: Hands, twin: Domain, *, may: bool) -> None:
    """End a twin that stands still where the machine has left from."""
    state = _sensed(twin)
    if not may or state.power is not Power.PAUSED or state.detail != MIGRATING:
        raise ActionFailed(there.desk.host, f"{_name(twin)} is {state.power} here too: it is left alone")
    _refuse_while_moving(there.desk, twin)
    twin.destroy()


def _undefine(twin: Domain) -> None:
    try:
        twin.undefine()
    except libvirt.libvirtError as error:
        if not is_gone(error):  # what had no definition went with its end
            raise


def _forget(hands: Hands, uuid: InstanceUuid, other: HostName | None) -> None:
    domain = hands.domains.get(uuid)
    if not domain.handle.isPersistent():
        hands.connection.defineXML(domain.handle.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))
        domain = hands.domains.get(uuid)
    journey, host = domain.mark.journey, hands.desk.session.host
    if journey is not None and (other is None or other == journey.other_end(host)):
        home = None if domain.mark.home == host else domain.mark.home
        domain.write_mark(replace(domain.mark, journey=None, home=home))


def _found(hands: Hands, uuid: InstanceUuid) -> tuple[Domain, Sense]:
    domain = hands.domains.get(uuid)
    return domain, _sensed(domain)


def _sensed(domain: Domain) -> Sense:
    return sense(*domain.handle.state())


def _refuse_while_moving(desk: Desk, domain: Domain) -> None:
    if is_moving(domain.handle):
        raise ActionFailed(desk.host, f"{_name(domain)} is being migrated right now")


def _name(domain: Domain) -> str:
    return domain.mark.key.name
