"""Put right what a migration left: never let go on what may run elsewhere, never remove what may be all.

Both hosts are asked in the same thread, right before each effect, under the locks of both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import libvirt

from reconciler.actions import Resume, Settle
from reconciler.actuators.libvirt import names
from reconciler.actuators.libvirt.apart import check_apart
from reconciler.actuators.libvirt.domains import Domain
from reconciler.actuators.libvirt.errors import is_gone
from reconciler.actuators.libvirt.mark import Mark
from reconciler.actuators.libvirt.order import Desk, Hands
from reconciler.actuators.libvirt.pool import Pool
from reconciler.actuators.libvirt.sense import Sense, is_moving, sense
from reconciler.carrying import counts, is_carried, may_be_tidied, was_handed_over
from reconciler.errors import ActionFailed
from reconciler.specs.desired import HostName, InstanceUuid
from reconciler.state import FAILED, MIGRATING, Power


class _Left(NamedTuple):
    """A volume that is left over, and the pool that it is in, which a disk calls ``name``."""

    name: str
    pool: Pool
    volume: str


async def resume(action: Resume, home: Desk, peer: Desk) -> None:
    """Let a machine go on that its migration left standing still. Raises ActionFailed where it may not."""

    def work(here: Hands, there: Hands) -> None:
        domain, state = _found(here, action.before.uuid)
        journey = domain.mark.journey
        if is_carried(domain.mark):
            _go_on(here, there, domain, state)
            return
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


def _go_on(here: Hands, there: Hands, domain: Domain, state: Sense) -> None:
    """Start who is off at the end of a cold migration that counts."""
    home, peer = here.desk, there.desk
    if state.power is Power.RUNNING:
        return
    twin = there.domains.find(domain.mark.uuid)
    if not _is_between(here, there, domain) or state.power is not Power.STOPPED:
        raise ActionFailed(home.host, f"{_name(domain)} is {state.power}, or on another journey")
    if not counts(home.session.host, domain.mark, None if twin is None else twin.mark):
        raise ActionFailed(home.host, f"{_name(domain)}: its disks on {peer.host} are those that count")
    if twin is not None and twin.is_active():
        raise ActionFailed(peer.host, f"{_name(domain)} is {_sensed(twin).power} here: it stays off")
    domain.start(None)


async def take_back(uuid: InstanceUuid, home: Desk, peer: Desk) -> None:
    """Let a machine count here again that was handed over and could not be started there."""

    def work(here: Hands, there: Hands) -> None:
        domain, twin = here.domains.get(uuid), there.domains.find(uuid)
        journey = domain.mark.journey
        if twin is None or journey is None or not was_handed_over(domain.mark):
            return
        if twin.is_active():
            raise ActionFailed(peer.host, f"{_name(twin)} runs here")
        _outdate(domain, home, twin)
        domain.write_mark(replace(domain.mark, journey=replace(journey, handed_over=False)))

    await home.change_with(peer, "taking it back", work)


def _outdate(domain: Domain, home: Desk, twin: Domain) -> None:
    """A destination that came to nothing has not everything any more."""
    journey = domain.mark.journey
    if is_carried(domain.mark) and journey is not None and journey.source == home.session.host:
        twin.write_mark(replace(twin.mark, complete=False))


def _is_between(here: Hands, there: Hands, domain: Domain) -> bool:
    """Whether these two hosts are the ends of its journey."""
    journey = domain.mark.journey
    ends = set() if journey is None else {journey.source, journey.destination}
    return ends == {here.desk.session.host, there.desk.session.host}


async def settle(action: Settle, home: Desk, peer: Desk | None) -> None:
    """Remove what the other end has of a machine that lives here, then forget the journey."""
    uuid = action.before.uuid
    if peer is not None:
        await home.change_with(peer, "tidying up", lambda here, there: _sweep(here, there, action))
    other = None if peer is None else peer.session.host
    await home.change("forgetting the journey", lambda hands: _forget(hands, uuid, other))


def _sweep(here: Hands, there: Hands, action: Settle) -> None:
    uuid = action.before.uuid
    domain, state = _found(here, uuid)
    journey = domain.mark.journey
    is_ours = _is_between(here, there, domain)
    twin = there.domains.find(uuid)
    _check_tidy(here, domain, twin, runs=state.power is Power.RUNNING)
    if state.power is Power.PAUSED:
        raise ActionFailed(here.desk.host, f"{_name(domain)} is paused ({state.detail}): nothing is removed")
    if state.power is Power.RUNNING:
        _refuse_while_moving(here.desk, domain)
    left = list[_Left]()
    if is_ours and journey is not None and journey.copies and not action.share:
        # The twin may know of disks that the machine has lost since; so it goes after them.
        left = _left_over(there, [domain.mark] if twin is None else [domain.mark, twin.mark])
    if left:
        # Since the journey began somebody may have given the two hosts one pool.
        for name, pool in {each.name: each.pool for each in left}.items():
            check_apart(here.pool().named(name), pool, domain.mark.fleet, domain.mark.key)
    if twin is not None and twin.is_active():
        has_left = is_ours and journey is not None and journey.source == there.desk.session.host
        _end_paused(there, twin, may=has_left and state.power is Power.RUNNING)
    if is_ours and twin is not None:
        _outdate(domain, here.desk, twin)
    for each in left:
        each.pool.delete(each.volume)
    if twin is not None:
        _undefine(twin)


def _check_tidy(here: Hands, domain: Domain, twin: Domain | None, *, runs: bool) -> None:
    """Raise ActionFailed where what the other end has of one that was carried may be all there is."""
    other = None if twin is None else twin.mark
    if is_carried(domain.mark) and not may_be_tidied(here.desk.session.host, domain.mark, other, runs=runs):
        message = f"{_name(domain)}: what the other end has may be all there is: nothing is removed"
        raise ActionFailed(here.desk.host, message)


def _left_over(there: Hands, marks: Sequence[Mark]) -> list[_Left]:
    """The volumes that are there, of all that these say a machine has."""
    fleet, key, main = marks[0].fleet, marks[0].key, there.pool()
    disks = sorted({(disk.pool, disk.name) for mark in marks for disk in mark.applied.disks})
    pools = {name: main.named(name) for name, _ in disks}
    own = [_Left(pool, pools[pool], names.disk_volume(fleet, key, disk)) for pool, disk in disks]
    seeds = (names.seed_volume(fleet, key), names.former_seed_volume(fleet, key))
    own += (_Left("", main, seed) for seed in seeds)
    return [each for each in own if each.pool.find(each.volume) is not None]


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
