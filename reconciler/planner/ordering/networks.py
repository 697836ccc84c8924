"""Which segments have to be made, changed and taken away on which hosts, and when.

A host is a member of a segment as long as a machine on it has a card there. What a machine needs is
made before it is; what a machine leaves behind is taken away after it has gone, and only then do the
other members forget the host. While a host is silent, nobody forgets anybody.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from ipaddress import ip_interface, ip_network

from reconciler.actions import Action, DropNetwork, PutNetwork
from reconciler.plan import Cause, Change, Origin, Reason, Step, StepId
from reconciler.planner.ordering.deeds import Deeds, Needs
from reconciler.planner.ordering.seats import Seats, seats_of, segments_needed_by
from reconciler.planner.wires import foreign_in_the_way, on_segments, swallowed_by
from reconciler.specs.addresses import from_the_top, unusable
from reconciler.specs.desired import Desired, HostName, Machine, Segment
from reconciler.state import Observed, SegmentState

_MAKE, _FORGET, _DROP = "network/", "network-peers/", "network-drop/"


@dataclass(frozen=True)
class NetworkSteps:
    """``first`` are those that make what is needed, ``last`` those that take away what no longer is."""

    first: tuple[Step, ...] = ()
    last: tuple[Step, ...] = ()

    @cached_property
    def _on_hosts(self) -> Mapping[HostName, Sequence[Step]]:
        found: dict[HostName, list[Step]] = {}
        for step in self.first:
            found.setdefault(step.host, []).append(step)
        return found

    def needed_by(self, action: Action) -> Needs:
        """The steps that make or mend the segments that a machine needs on its host when it starts."""
        there = self._on_hosts.get(action.host, ())
        return network_steps_on(action.host, segments_needed_by(action), there)

    def led_by(self, mending: Iterable[Step]) -> tuple[Step, ...]:
        """What is mended after migrations, each after what its machine needs, and that before all of it."""
        needs = {step: self.needed_by(step.action) for step in mending}
        early = frozenset(name for names in needs.values() for name in names)
        return (
            *(step for step in self.first if step.id in early),
            *(replace(step, needs=(*names, *step.needs)) for step, names in needs.items()),
        )


def network_steps_on(host: HostName, bridges: Container[str], first: Iterable[Step]) -> Needs:
    """Of the steps that make segments, those that make these ones on a host."""
    return tuple(
        step.id
        for step in first
        if isinstance(step.action, PutNetwork) and step.host == host and step.action.segment.bridge in bridges
    )


def bridge_of(action: Action) -> str | None:
    """Bridge of the segment that an action makes or takes away; None for any other action."""
    return action.segment.bridge if isinstance(action, PutNetwork | DropNetwork) else None


def steps_for_networks(
    deeds: Deeds, desired: Desired, observed: Observed, mending: Iterable[Step] = ()
) -> NetworkSteps:
    """What is to be done to segments, given what is to be done to machines, and mended first."""
    if not desired.segments and not any(host.segments for host in observed.hosts):
        return NetworkSteps()
    seats = seats_of(deeds, mending, observed)
    machines = [instance.machine for instance in desired.instances]
    machines += [state.applied for host in observed.hosts for state in host.instances]
    plugged = on_segments(machines, lambda machine: machine.nics)
    wirings = (
        _Wiring(segment, seats.get(segment.bridge, Seats()), plugged.get(segment.bridge, ()), observed)
        for segment in desired.segments
        if not swallowed_by(segment, observed)
    )
    steps = [step for wiring in wirings for step in _on_members(wiring)]
    drops = () if observed.unknown else _drops(seats, observed)
    first = tuple(step for step in steps if step.id.startswith(_MAKE))
    return NetworkSteps(first, (*(step for step in steps if not step.id.startswith(_MAKE)), *drops))


@dataclass(frozen=True, slots=True)
class _Wiring:
    """One declared segment over all hosts."""

    segment: Segment
    seats: Seats
    machines: Sequence[Machine]
    """Those with a card on it: as they are to be, and as they were applied."""
    observed: Observed

    def state(self, host: HostName) -> SegmentState | None:
        """What a host has of it."""
        return self.observed.by_bridge.get(self.segment.bridge, {}).get(host)

    def local(self, host: HostName) -> str:
        """The address by which others reach a host."""
        seen = self.observed.host(host)
        return "" if seen is None else seen.address

    def remembered(self) -> frozenset[str]:
        """Peers that may be hosts which do not answer now."""
        if not self.observed.unknown:
            return frozenset()
        states = self.observed.by_bridge.get(self.segment.bridge, {})
        return frozenset(peer for state in states.values() for peer in state.peers)

    def joined(self, members: Iterable[HostName]) -> Sequence[str]:
        """The ends of the tunnels between these hosts, sorted."""
        return sorted((set(map(self.local, members)) | self.remembered()) - {""})

    def put(self, host: HostName, address: str, joined: Sequence[str]) -> PutNetwork:
        """The segment as it is to be on a host. It has no tunnels where it has no address for its own end."""
        own = self.local(host)
        peers = tuple([each for each in joined if each != own]) if own else ()
        return PutNetwork(host, self.segment, address, own if peers else "", peers)

    def ends(self) -> Mapping[HostName, str]:
        """Each member's own address on the segment, with its prefix; empty where none is to be had.

        What a host has it keeps. The others get the highest that are free, in the order of their
        names; none while a host is silent, for it may have any.
        """
        network = ip_network(self.segment.cidr)
        taken = set(_machines_addresses(self.segment, self.machines))
        ends: dict[HostName, str] = {}
        # What a host has is taken, be it a member or not: until it is gone, it answers there.
        for host, state in self.observed.by_bridge.get(self.segment.bridge, {}).items():
            text = state.address
            own = ip_interface(text) if text else None
            if own and own.network == network and not unusable(own.ip, network) and str(own.ip) not in taken:
                ends[host] = text
                taken.add(str(own.ip))
        free = _downwards(self.segment, taken)
        for host in sorted((self.seats.staying | self.seats.visited) - ends.keys()):
            ends[host] = "" if self.observed.unknown else next(free, "")
        return ends


def _machines_addresses(segment: Segment, machines: Iterable[Machine]) -> Iterator[str]:
    for machine in machines:
        for nic in machine.nics:
            if nic.source == segment.bridge and nic.address is not None:
                yield nic.address


def _downwards(segment: Segment, taken: set[str]) -> Iterator[str]:
    network = ip_network(segment.cidr)
    kind = type(network.network_address)
    for number in range(from_the_top(network), int(network.network_address), -1):
        if (text := str(kind(number))) not in taken:
            yield f"{text}/{network.prefixlen}"


def _on_members(wiring: _Wiring) -> Iterator[Step]:
    """Make or mend it on every member; then, once others have left, have the members forget them.

    Until a host has left it is a member like any other, told of all and known to all: a guard may hold back
    what makes it leave, for as long as it likes.
    """
    ends = wiring.ends() if wiring.seats.everyone else {}
    gone = sorted(host for host in wiring.seats.leaving if wiring.seats.left(host))
    goodbyes = tuple(step for host in gone for step in wiring.seats.leaving[host])
    first_joined, joined = wiring.joined(wiring.seats.everyone), wiring.joined(wiring.seats.staying)
    for host in sorted(wiring.seats.everyone):
        seen, now = wiring.observed.host(host), wiring.state(host)
        if seen is None or foreign_in_the_way(wiring.segment.bridge, seen):
            continue
        leaves = wiring.seats.left(host)
        if leaves and now is None and host not in wiring.seats.visited:
            continue
        soon = wiring.put(host, ends.get(host, ""), first_joined)
        final = soon if leaves else wiring.put(host, ends[host], joined)
        needs: Needs = goodbyes
        if now != soon.wanted:
            first = _step(_MAKE, soon, now)
            yield first
            if leaves and now is None and not wiring.observed.unknown:
                yield _drop(host, soon.wanted, wiring.seats.leaving[host])
            now, needs = soon.wanted, (first.id, *goodbyes)
        if now != final.wanted and not leaves:
            yield _step(_FORGET, final, now, needs)


def _drops(seats: Mapping[str, Seats], observed: Observed) -> Iterator[Step]:
    """Take away what has no machine any more, once the last one has gone."""
    for host in observed.hosts:
        for state in host.segments or ():
            seat = seats.get(state.bridge, Seats())
            if seat.left(host.host):
                yield _drop(host.host, state, seat.leaving.get(host.host, ()))


def _drop(host: HostName, state: SegmentState, goodbyes: Iterable[StepId]) -> Step:
    because = (Cause("no machine on the host is plugged into it any more"),)
    return Step(_identifier(_DROP, state.title, host), DropNetwork(host, state), because, tuple(goodbyes))


def _step(verb: str, put: PutNetwork, now: SegmentState | None, needs: Needs = ()) -> Step:
    return Step(_identifier(verb, put.segment.title, put.host), put, tuple(_because(put, now)), needs)


def _because(put: PutNetwork, now: SegmentState | None) -> Iterator[Reason]:
    if now is None:
        yield Cause("not on the host yet")
        return
    wanted = put.wanted
    if not now.up:
        yield Change("up", "false", "true", Origin.DRIFT)
    rows = (
        ("mtu", str(now.mtu), str(wanted.mtu)),
        ("address", now.address, wanted.address),
        ("local", now.local, wanted.local),
        ("peers", ", ".join(now.peers), ", ".join(wanted.peers)),
    )
    yield from (Change(name, was, is_) for name, was, is_ in rows if was != is_)


def _identifier(verb: str, what: str, host: HostName) -> StepId:
    return StepId(f"{verb}{what}@{host}")
