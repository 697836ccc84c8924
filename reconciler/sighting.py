"""What is known of one instance: where it is, and whether more of it lies about than should.

A live migration can be cut short at any point, by us or by a human. Each of its endings is recognised
here. Not seen is not gone, and seen twice is one machine on its way until both are seen to run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.specs.desired import HostName, InstanceUuid
from reconciler.state import FAILED, MIGRATED, MIGRATING, InstanceState, Observed, Power


@dataclass(frozen=True, slots=True)
class Running:
    """Runs there, and nowhere else. ``twin`` is what a migration left of it on another host."""

    state: InstanceState
    twin: InstanceState | None = None


@dataclass(frozen=True, slots=True)
class Stopped:
    """Not running (or not yet complete), and nowhere else but for a ``twin`` that never ran."""

    state: InstanceState
    twin: InstanceState | None = None


@dataclass(frozen=True, slots=True)
class Stranded:
    """Stands still on the host that it was to leave, and every host says that it never went on elsewhere."""

    state: InstanceState
    twin: InstanceState | None = None


@dataclass(frozen=True, slots=True)
class Absent:
    """Every host that could hold it answered, and none has it."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Not seen (running), but these hosts did not answer: it may be there."""

    hosts: tuple[HostName, ...]


@dataclass(frozen=True, slots=True)
class InDoubt:
    """Seen in a way that must not be acted upon: on several hosts, or paused; ``why`` where more is known."""

    states: tuple[InstanceState, ...]
    why: str = ""


Known = Running | Stopped | Stranded
"""It is in one place, and that is known."""
Sighting = Known | Absent | Unknown | InDoubt

_UNDER_WAY = "a migration is under way, or about to end"


def sighting_of(observed: Observed, uuid: InstanceUuid, *, could_be_on: frozenset[HostName]) -> Sighting:
    """What is known of one instance, given the hosts it could be on.

    ``could_be_on`` matters only where it is not seen at all.
    """
    states = observed.by_uuid.get(uuid, ())
    match states:
        case ():
            silent = tuple(unknown.host for unknown in observed.unknown if unknown.host in could_be_on)
            return Unknown(silent) if silent else Absent()
        case (state,):
            return _seen_once(state, observed)
        case (one, other):
            return _seen_twice(one, other, _silent(observed))
        case _:
            return InDoubt(states)


def _silent(observed: Observed) -> tuple[HostName, ...]:
    return tuple([unknown.host for unknown in observed.unknown])


def _seen_once(state: InstanceState, observed: Observed) -> Sighting:
    journey, silent = state.journey, _silent(observed)
    if state.power is Power.PAUSED:
        if not _waits_to_leave(state):
            return InDoubt((state,))
        return InDoubt((state,), _unheard(state, silent)) if silent else Stranded(state)
    if state.power is Power.RUNNING and state.detail == MIGRATING:
        return InDoubt((state,), _has_not_left(state))
    if state.power is Power.RUNNING and state.complete:
        return Running(state)
    if journey is not None and journey.other_end(state.host) in silent:
        return Unknown((journey.other_end(state.host),))
    return _off(state, observed)


def _off(state: InstanceState, observed: Observed) -> Sighting:
    """It is off, and nowhere else to be seen: what lies here may be an old copy of its disks."""
    journey = state.journey
    if state.detail == FAILED and journey is not None and state.host == journey.destination:
        return InDoubt((state,), f"it was never taken in here, and {journey.source} has it no more")
    if state.detail != MIGRATED:
        return Stopped(state)
    if silent := _silent(observed):
        return Unknown(silent)
    holders = [
        host.host
        for host in observed.hosts
        if host.host != state.host and any(volume.key == state.key for volume in host.volumes)
    ]
    if holders:
        return InDoubt((state,), f"it was migrated away, and its newer disks are on {', '.join(holders)}")
    return Stopped(state)


def _seen_twice(one: InstanceState, other: InstanceState, silent: tuple[HostName, ...]) -> Sighting:
    both = (one, other)
    running = [state for state in both if state.power is Power.RUNNING]
    if len(running) == 2:
        return InDoubt(both)
    if running:
        (home,) = running
        return _runs_here(home, other if home is one else one)
    for gone, left in ((one, other), (other, one)):
        if gone.detail == MIGRATED != left.detail and left.power is Power.STOPPED:
            return Stopped(left, gone)
    ends = _ends(one, other)
    return InDoubt(both) if ends is None else _runs_nowhere(*ends, silent)


def _runs_here(home: InstanceState, twin: InstanceState) -> Sighting:
    both = (home, twin)
    if home.detail == MIGRATING:
        return InDoubt(both, _UNDER_WAY if twin.power is Power.PAUSED else _has_not_left(home))
    if twin.power is Power.STOPPED:
        return Running(home, twin) if home.complete else Stopped(home, twin)
    if twin.detail != MIGRATING:
        return InDoubt(both)
    ends = _ends(home, twin)
    if ends is not None and ends[0] is twin and home.complete:
        return Running(home, twin)  # it has arrived, and nobody told the end that it left
    return InDoubt(both, _UNDER_WAY)


def _runs_nowhere(
    source: InstanceState, destination: InstanceState, silent: tuple[HostName, ...]
) -> Sighting:
    both = (source, destination)
    if destination.power is Power.PAUSED:
        return InDoubt(both, _UNDER_WAY)
    if _waits_to_leave(source):
        if silent:
            return InDoubt(both, _unheard(source, silent))
        is_back = destination.detail == FAILED
        return Stranded(source, destination) if is_back else InDoubt(both, _has_arrived(source, destination))
    if source.power is Power.STOPPED and destination.detail == FAILED:
        return Stopped(source, destination)
    return InDoubt(both, "it was being migrated, and which of the two ran last is not known")


def _has_arrived(source: InstanceState, destination: InstanceState) -> str:
    """Where a definition is left that did not fail, it went on for a while, and wrote to its disks."""
    there = f"{destination.power} ({destination.detail})" if destination.detail else f"{destination.power}"
    return (
        f"it left {source.host} for {destination.host}, went on there and is {there}: what it wrote since is "
        f"only there. `virsh start {destination.name}` on {destination.host} keeps that; "
        f"`virsh undefine {destination.name}` there gives it up, and it goes on where it stands still, on "
        f"{source.host}"
    )


def _has_not_left(state: InstanceState) -> str:
    return (
        f"{_UNDER_WAY}: it runs on {state.host}. If the line to the other host is cut, it ends there once "
        "QEMU's connections to that break: `ss -K dst ADDRESS` there breaks them"
    )


def _ends(one: InstanceState, other: InstanceState) -> tuple[InstanceState, InstanceState] | None:
    """The two as source and destination of their journey; None where they are not its ends."""
    journey = one.journey or other.journey
    by_host: Mapping[HostName, InstanceState] = {one.host: one, other.host: other}
    if journey is None or set(by_host) != {journey.source, journey.destination}:
        return None
    return by_host[journey.source], by_host[journey.destination]


def _waits_to_leave(state: InstanceState) -> bool:
    """Whether it stands still where it was to leave; paused for any other reason, somebody wanted it so."""
    journey = state.journey
    return (
        state.power is Power.PAUSED
        and state.detail == MIGRATING
        and state.complete
        and journey is not None
        and journey.source == state.host
    )


def _unheard(state: InstanceState, silent: tuple[HostName, ...]) -> str:
    assert state.journey is not None
    return (
        f"it stands still on its way to {state.journey.destination}; it goes on here once every host has "
        f"said that it does not run there: {', '.join(silent)} did not answer"
    )
