"""Give every card on a segment its address: what was applied is the truth and is kept.

There is no table of allocations: an address belongs to whom the metadata on the hosts says, until a
look shows that it has let go of it. What has none yet gets the lowest that are free, in the order of
the instances' keys, so that a plan made after any part of another finds the same ones; whoever only
stands in comes last.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import ip_address, ip_network

from reconciler.plan import Blocked, BlockKind, Refusal
from reconciler.planner.wires import on_segments, swallowed_by
from reconciler.specs.addresses import Network, unusable, usable
from reconciler.specs.desired import Desired, Instance, InstanceName, InstanceUuid, Nic, Segment
from reconciler.state import HostUnknown, InstanceState, Observed


@dataclass(frozen=True, slots=True)
class Addressed:
    """Desired with an address on every card of a segment, but for those of the ``blocked``.

    Of a blocked instance the cards keep the addresses that were applied.
    """

    desired: Desired
    blocked: tuple[Blocked, ...] = ()


def addressed(desired: Desired, observed: Observed) -> Addressed:
    """Find every address. Both are sorted, and ``observed`` is scoped to the fleet."""
    if not desired.segments:
        return Addressed(desired)
    instances = {instance.uuid: instance for instance in desired.instances}
    blocked: list[Blocked] = []
    members = on_segments(desired.instances, lambda each: each.machine.nics)
    states = (state for host in observed.hosts for state in host.instances)
    seen = on_segments(states, lambda each: each.applied.nics)
    for segment in desired.segments:
        there = _There(members.get(segment.bridge, ()), _by_key(seen.get(segment.bridge, ())))
        book = _Book.opened(segment, there, desired, observed)
        for instance in book.members:
            found = book.given(instance)
            if found.refusals:
                blocked.append(Blocked(instance.name, found.kind, found.refusals))
            if found.address != book.written(instance):
                instances[instance.uuid] = _on(instances[instance.uuid], segment, found.address)
    kept = {each.instance: each for each in reversed(blocked)}
    return Addressed(
        replace(desired, instances=tuple(instances.values())),
        tuple(sorted(kept.values(), key=lambda each: each.instance)),
    )


def _on(instance: Instance, segment: Segment, address: str | None) -> Instance:
    nics = (
        replace(nic, address=address) if nic.source == segment.bridge else nic
        for nic in instance.machine.nics
    )
    return replace(instance, machine=replace(instance.machine, nics=tuple(nics)))


@dataclass(frozen=True, slots=True)
class _Found:
    """An address, or why there is none: then ``address`` is the one it has now, if any."""

    address: str | None
    kind: BlockKind = BlockKind.NO_PLACE
    refusals: tuple[Refusal, ...] = ()


@dataclass(frozen=True, slots=True)
class _Holder:
    uuid: InstanceUuid
    name: InstanceName


@dataclass(frozen=True, slots=True)
class _There:
    """Who is to have a card on one segment, and who has one; both by key."""

    members: Sequence[Instance]
    seen: Sequence[InstanceState]


@dataclass(slots=True)
class _Book:
    """One segment: who has which address, who asks for which, and what is free."""

    segment: Segment
    network: Network
    members: tuple[Instance, ...]
    silent: tuple[HostUnknown, ...]
    swallowed: tuple[Refusal, ...]
    room: int
    """How many addresses may be given to machines: some are kept for hosts."""
    claims: Mapping[str, InstanceUuid]
    """Addresses that were written, and for whom."""
    holders: Mapping[str, _Holder]
    """By address: who has it now; the first by key where there are two."""
    held: Mapping[InstanceUuid, str]
    ends: frozenset[str]
    """Addresses that hosts have now."""
    free: Iterator[str] = field(init=False)
    taken: set[str] = field(init=False)

    def __post_init__(self) -> None:
        self.taken = {*self.claims, *self.holders}

    @staticmethod
    def opened(segment: Segment, there: _There, desired: Desired, observed: Observed) -> _Book:
        network = ip_network(segment.cidr)
        members = tuple(sorted(there.members, key=lambda each: each.machine.surge))
        holders: dict[str, _Holder] = {}
        held: dict[InstanceUuid, str] = {}
        for state in there.seen:
            card = _card(state.applied.nics, segment)
            if card is not None and card.address is not None:
                holders.setdefault(card.address, _Holder(state.uuid, state.name))
                held.setdefault(state.uuid, card.address)
        ends = ends_of(segment, observed)
        kept = max(len(ends), min(len(desired.fleet.hosts), len(members)))
        claims = {
            card.address: each.uuid
            for each in members
            if (card := _card(each.machine.nics, segment)) is not None and card.address is not None
        }
        room = usable(network) - kept
        book = _Book(
            segment=segment,
            network=network,
            members=members,
            silent=observed.unknown,
            swallowed=swallowed_by(segment, observed),
            room=room,
            claims=claims,
            holders=holders,
            held=held,
            ends=ends,
        )
        candidates = map(str, network.hosts())
        book.free = (text for text in candidates if text not in book.taken and text not in ends)
        return book

    def written(self, instance: Instance) -> str | None:
        """The address that the YAML gives it."""
        card = _card(instance.machine.nics, self.segment)
        return None if card is None else card.address

    def given(self, instance: Instance) -> _Found:
        """The address of one instance; asked in the order of their keys."""
        wanted, now = self.written(instance), self.held.get(instance.uuid)
        if self.swallowed:
            return _Found(now, BlockKind.INVALID, self.swallowed)
        if now is not None and wanted in (None, now) and self._may_keep(instance, now):
            return _Found(now)
        if self.silent:
            return _Found(now, BlockKind.UNKNOWN, tuple(map(_unheard, self.silent)))
        found = self._next_free() if wanted is None else self._as_written(instance, wanted)
        return found if isinstance(found, _Found) else _Found(now, refusals=(Refusal("*", found),))

    def _as_written(self, instance: Instance, address: str) -> _Found | str:
        if address in self.ends:
            return (
                f"{address} is a host's own on {self.segment.title}: hosts have the highest, take a lower one"
            )
        holder = self.holders.get(address)
        if holder is None or holder.uuid == instance.uuid:
            return _Found(address)
        return f"{address} is still with {holder.name}: it gets it once that has let go of it"

    def _next_free(self) -> _Found | str:
        if len(self.taken) >= self.room or (address := next(self.free, None)) is None:
            return self._full()
        self.taken.add(address)
        return _Found(address)

    def _may_keep(self, instance: Instance, address: str) -> bool:
        """Whether an address that it has is in the network, and nobody else's by right."""
        if self.claims.get(address, instance.uuid) != instance.uuid:
            return False
        its_own = self.claims.get(address) == instance.uuid or self.holders[address].uuid == instance.uuid
        return its_own and unusable(ip_address(address), self.network) is None

    def _full(self) -> str:
        return (
            f"{self.segment.title} is full: {self.segment.cidr} has room for {max(0, self.room)} machines"
            f" beside their hosts, and {len(self.members)} are asked for"
        )


def most_on(segment: Segment, observed: Observed, hosts: int) -> int:
    """How many machines there are addresses for on a segment, beside those of the hosts where they are."""
    size, ends = usable(ip_network(segment.cidr)), len(ends_of(segment, observed))
    # Few machines are on few hosts.
    few = min(hosts, size // 2, size - ends)
    return max(0, few, size - max(hosts, ends))


def ends_of(segment: Segment, observed: Observed) -> frozenset[str]:
    """The addresses that hosts have on a segment, without their prefix."""
    there = observed.by_bridge.get(segment.bridge, {})
    return frozenset(state.address.partition("/")[0] for state in there.values() if state.address)


def _card(nics: Iterable[Nic], segment: Segment) -> Nic | None:
    return next((nic for nic in nics if nic.source == segment.bridge), None)


def _by_key(states: Iterable[InstanceState]) -> list[InstanceState]:
    return sorted(states, key=lambda state: (state.key, state.host))


def _unheard(silent: HostUnknown) -> Refusal:
    return Refusal(silent.host, f"did not answer: {silent.reason}; nobody knows which addresses are in use")
