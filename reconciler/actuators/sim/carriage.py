"""What a cold migration is made of: the machine is switched off, carried, handed over and started.

What is left to do is worked out from the truth of both hosts, again before each effect.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from reconciler.actions import Migrate
from reconciler.actuators.sim.clock import copying
from reconciler.actuators.sim.effects import AddVolume, Define, GuestUp, PowerOff, PowerOn
from reconciler.actuators.sim.legs import Leg, check_apart, ours, refuse_to_come, refuse_to_leave, twin_of
from reconciler.actuators.sim.things import Box, Domain, Mark, live_of
from reconciler.carrying import counts, is_carried, may_be_tidied, was_handed_over
from reconciler.errors import ActionFailed
from reconciler.specs.desired import InstanceUuid
from reconciler.state import Journey, Power


def check_carriage(action: Migrate, source: Box, destination: Box, fleet: str) -> None:
    """Raise ActionFailed where it cannot begin."""
    domain, mark = ours(source, action.before.uuid, fleet)
    refuse_to_leave(source, domain, mark, action)
    refuse_to_come(destination, domain, mark, action)
    if action.terms.copies:
        check_apart(source, destination, mark)


def setting_out(action: Migrate, source: Box, destination: Box, fleet: str) -> Iterator[Leg]:
    """What is left to do until it is off, and owned over there. Raises ActionFailed as ``carriage``."""
    domain, mark = ours(source, action.before.uuid, fleet)
    if mark.journey is None:
        journey = _journey(action)
        yield Leg(True, Define(replace(domain, mark=replace(mark, journey=journey, home=action.home))))
        return
    _check_journey(action, source, domain, mark)
    if twin_of(destination, domain.uuid, fleet) is None:
        yield Leg(False, Define(_coming(domain, mark)))
    if domain.power is not Power.STOPPED:
        yield Leg(True, PowerOff(domain.uuid))


def carriage(action: Migrate, source: Box, destination: Box, fleet: str) -> Iterator[Leg]:
    """What is left to do once it is off. Raises ActionFailed where somebody else was at it."""
    domain, mark = ours(source, action.before.uuid, fleet)
    _check_journey(action, source, domain, mark)
    twin, its = ours(destination, domain.uuid, fleet)
    if domain.power is not Power.STOPPED:
        raise ActionFailed(source.host, f"{domain.name} was started while it was carried")
    if not was_handed_over(mark):
        disks = [mark.volume(disk.name) for disk in mark.applied.disks] if action.terms.copies else []
        for volume in disks:
            if volume not in destination.volumes:
                size = source.volumes[volume]
                yield Leg(False, AddVolume(volume, size), copying(0, size))
        if not its.complete:
            yield Leg(False, Define(replace(twin, mark=replace(its, complete=True))))
        gone = replace(mark, journey=replace(_journey(action), handed_over=True))
        # Not even the host itself is to start it here.
        yield Leg(True, Define(replace(domain, mark=gone, autostart=False)))
    if twin.power is Power.STOPPED:
        yield Leg(False, PowerOn(twin.uuid))
    if not twin.booted:
        yield Leg(False, GuestUp(twin.uuid))


def _journey(action: Migrate) -> Journey:
    return Journey(action.from_host, action.host, action.terms.copies, cold=True)


def _check_journey(action: Migrate, source: Box, domain: Domain, mark: Mark) -> None:
    own = None if mark.journey is None else replace(mark.journey, handed_over=False)
    if own != _journey(action) or mark.applied != action.before.applied:
        raise ActionFailed(source.host, f"{domain.name} is no longer what was planned with")


def _coming(domain: Domain, mark: Mark) -> Domain:
    """What owns its disks over there before there are any."""
    coming = Domain(domain.uuid, domain.name, live_of(mark.applied), replace(mark, complete=False))
    return replace(coming, deaf=domain.deaf, sick=domain.sick)


def taking_back(uuid: InstanceUuid, source: Box, destination: Box) -> Iterator[Leg]:
    """What undoes a handing over to where it could not be started: first nothing counts there any more."""
    domain, twin = source.domains.get(uuid), destination.domains.get(uuid)
    if domain is None or domain.mark is None or domain.mark.journey is None:
        return
    if twin is None or twin.mark is None or twin.power is not Power.STOPPED or twin.why:
        return  # it has run
    if was_handed_over(domain.mark):
        yield from outdated(source, domain.mark, twin)
        back = replace(domain.mark.journey, handed_over=False)
        yield Leg(True, Define(replace(domain, mark=replace(domain.mark, journey=back))))


def going_on(domain: Domain, mark: Mark, home: Box, peer: Box) -> Iterator[Leg]:
    """Start who is off at the end that counts. Raises ActionFailed where it is not that."""
    twin = peer.domains.get(domain.uuid)
    if mark.journey is None or {mark.journey.source, mark.journey.destination} != {home.host, peer.host}:
        raise ActionFailed(home.host, f"{domain.name} is not on its way between here and {peer.host}")
    if domain.power is Power.PAUSED or not counts(home.host, mark, None if twin is None else twin.mark):
        raise ActionFailed(home.host, f"{domain.name} is {domain.power}, and may not count here")
    if twin is not None and twin.power is not Power.STOPPED:
        raise ActionFailed(peer.host, f"{domain.name} is {twin.power} here: it is not started elsewhere")
    if domain.power is Power.STOPPED:
        yield Leg(True, PowerOn(domain.uuid))
    if not domain.booted:
        yield Leg(True, GuestUp(domain.uuid))


def outdated(home: Box, mark: Mark, twin: Domain) -> Iterator[Leg]:
    """A destination that came to nothing has not everything any more once it is tidied up."""
    is_source = is_carried(mark) and mark.journey is not None and mark.journey.source == home.host
    if is_source and twin.mark is not None and twin.mark.complete:
        yield Leg(False, Define(replace(twin, mark=replace(twin.mark, complete=False))))


def check_tidy(domain: Domain, mark: Mark, home: Box, twin: Domain | None) -> None:
    """Raise ActionFailed where what the other end has of one that was carried may be all there is."""
    if not is_carried(mark):
        return
    other = None if twin is None else twin.mark
    if not may_be_tidied(home.host, mark, other, runs=domain.power is Power.RUNNING):
        raise ActionFailed(home.host, f"{domain.name}: what the other end has may be all there is")
