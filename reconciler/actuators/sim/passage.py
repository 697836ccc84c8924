"""What a migration, and tidying up after one, are made of: effects on two hosts, in their real order.

Tidying up is worked out from the truth of both hosts, again before each effect. A migration is not gone
on with: what is left of it when it is cut short is tidied up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import assert_never

from reconciler.actions import Migrate, Resume, Settle
from reconciler.actuators.sim.clock import copying, duration
from reconciler.actuators.sim.effects import (
    AddVolume,
    Arrive,
    Define,
    DropVolume,
    Effect,
    GoOn,
    Pause,
    PowerOff,
    Undefine,
)
from reconciler.actuators.sim.things import Box, Domain, Mark
from reconciler.errors import ActionFailed, AlreadyExists, UnknownImage
from reconciler.specs.desired import HostName, InstanceUuid
from reconciler.state import FAILED, MIGRATED, MIGRATING, InstanceState, Journey, Power


@dataclass(frozen=True, slots=True)
class Leg:
    """One effect on one of the two hosts (``here``: the one that was asked), and how long it takes."""

    here: bool
    effect: Effect
    extra: float = 0.0

    @property
    def seconds(self) -> float:
        """Virtual seconds that pass before it is there."""
        return duration(self.effect) + self.extra


def migration(action: Migrate, source: Box, destination: Box, fleet: str) -> tuple[Leg, ...]:
    """A whole migration, asked of its source. Raises ActionFailed where it cannot begin."""
    domain, mark = _ours(source, action.before.uuid, fleet)
    _refuse_to_leave(source, domain, mark, action)
    _refuse_to_come(destination, domain, mark, action)
    journey = Journey(action.from_host, action.host, action.terms.copies)
    leaving = replace(mark, journey=journey, home=action.home)
    coming = replace(domain, mark=leaving)
    volumes = [mark.volume(disk.name) for disk in mark.applied.disks] if action.terms.copies else []
    size = sum(source.volumes[volume] for volume in volumes)
    return (
        Leg(True, Define(coming)),
        *(Leg(False, AddVolume(volume, source.volumes[volume])) for volume in volumes),
        Leg(False, Arrive(coming)),
        Leg(True, Pause(domain.uuid, MIGRATING), copying(domain.live.memory_mib, size)),
        Leg(False, GoOn(domain.uuid, persistent=True)),
        Leg(True, PowerOff(domain.uuid, MIGRATED)),
        Leg(True, Undefine(domain.uuid)),
    )


def backing_out(uuid: InstanceUuid, source: Box, destination: Box) -> Iterator[Leg]:
    """What the two daemons do when one of them has said no: what was coming goes, the other goes on."""
    coming, staying = destination.domains.get(uuid), source.domains.get(uuid)
    if coming is not None and coming.power is Power.RUNNING:
        return
    if coming is not None and coming.is_coming:
        yield Leg(False, PowerOff(uuid, "destroyed"))
    elif staying is not None and staying.power is Power.PAUSED and staying.why == MIGRATING:
        yield Leg(True, GoOn(uuid))


def mending(action: Resume | Settle, home: Box, peer: Box | None, fleet: str) -> Iterator[Leg]:
    """What is left to mend, asked of where the machine is. Raises ActionFailed where that is not proven."""
    match action:
        case Resume(before=before):
            assert peer is not None, "a journey has two ends"
            yield from _resuming(before, home, peer, fleet)
        case Settle(before=before):
            yield from _settling(before, home, peer, fleet)
        case _:
            assert_never(action)


def _resuming(before: InstanceState, home: Box, peer: Box, fleet: str) -> Iterator[Leg]:
    domain, mark = _ours(home, before.uuid, fleet)
    if mark.journey is None or (mark.journey.source, mark.journey.destination) != (home.host, peer.host):
        raise ActionFailed(home.host, f"{domain.name} is not on its way from here to {peer.host}")
    if domain.power is Power.RUNNING:
        return
    if domain.power is not Power.PAUSED or domain.why != MIGRATING:
        raise ActionFailed(home.host, f"{domain.name} is {domain.power} ({domain.why})")
    twin = _twin(peer, before.uuid, fleet)
    if twin is not None and (twin.power is not Power.STOPPED or twin.why != FAILED):
        raise ActionFailed(peer.host, f"{domain.name} is {twin.power} ({twin.why}) here: it stays paused")
    yield Leg(True, GoOn(domain.uuid))


def _settling(before: InstanceState, home: Box, peer: Box | None, fleet: str) -> Iterator[Leg]:
    domain, mark = _ours(home, before.uuid, fleet)
    journey = mark.journey
    if peer is not None:
        yield from _sweeping(domain, mark, home, peer, fleet)
    over = journey is not None and (peer is None or journey.other_end(home.host) == peer.host)
    settled = replace(domain, persistent=True, mark=_arrived(mark, home.host) if over else mark)
    if settled != domain:
        yield Leg(True, Define(settled))


def _arrived(mark: Mark, host: HostName) -> Mark:
    """No longer on its way; who is at home needs not remember it."""
    return replace(mark, journey=None, home=None if mark.home == host else mark.home)


def _sweeping(domain: Domain, mark: Mark, home: Box, peer: Box, fleet: str) -> Iterator[Leg]:
    journey = mark.journey
    ends = set() if journey is None else {journey.source, journey.destination}
    is_ours = ends == {home.host, peer.host}
    if domain.power is Power.PAUSED:
        raise ActionFailed(home.host, f"{domain.name} is paused ({domain.why}): nothing is removed")
    twin = _twin(peer, domain.uuid, fleet)
    if twin is not None and twin.power is not Power.STOPPED:
        has_left = is_ours and journey is not None and journey.source == peer.host
        waits = twin.power is Power.PAUSED and twin.why == MIGRATING
        if not (has_left and waits and domain.power is Power.RUNNING):
            raise ActionFailed(peer.host, f"{twin.name} is {twin.power} here too: it is left alone")
        yield Leg(False, PowerOff(twin.uuid, "destroyed"))
    if is_ours and journey is not None and journey.copies:
        marks = [mark] if twin is None or twin.mark is None else [mark, twin.mark]
        left = dict.fromkeys(mark.volume(disk.name) for mark in marks for disk in mark.applied.disks)
        yield from (Leg(False, DropVolume(volume)) for volume in left if volume in peer.volumes)
    if twin is not None and twin.persistent:
        yield Leg(False, Undefine(twin.uuid))


def _refuse_to_leave(source: Box, domain: Domain, mark: Mark, action: Migrate) -> None:
    if not mark.complete or mark.applied != action.before.applied:
        raise ActionFailed(source.host, f"{domain.name} is no longer what was planned with")
    if mark.journey is not None:
        raise ActionFailed(source.host, f"{domain.name} is already on its way to {mark.journey.destination}")
    if domain.power is not Power.RUNNING:
        raise ActionFailed(source.host, f"{domain.name} is {domain.power}")


def _refuse_to_come(destination: Box, domain: Domain, mark: Mark, action: Migrate) -> None:
    host = destination.host
    if domain.uuid in destination.domains or destination.named(domain.name) is not None:
        raise AlreadyExists(host, f"a machine called {domain.name}, or of its UUID, is there already")
    missing = [digest for digest in mark.applied.image.digests if digest not in destination.images]
    if missing:
        raise UnknownImage(host, f"image {mark.applied.image.name} ({missing[0][:12]}…) is not on the host")
    for disk in mark.applied.disks if action.terms.copies else ():
        if mark.volume(disk.name) in destination.volumes:
            raise AlreadyExists(host, f"disk {disk.name} of {domain.name} is there already")


def _ours(box: Box, uuid: InstanceUuid, fleet: str) -> tuple[Domain, Mark]:
    domain = box.domain(uuid)
    if domain.mark is None or domain.mark.fleet != fleet:
        raise AlreadyExists(box.host, f"{domain.name} does not belong to fleet {fleet}; it is left alone")
    return domain, domain.mark


def _twin(box: Box, uuid: InstanceUuid, fleet: str) -> Domain | None:
    return _ours(box, uuid, fleet)[0] if uuid in box.domains else None
