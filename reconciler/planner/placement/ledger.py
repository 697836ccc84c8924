"""Who sits where, and what is left: the book that placement keeps while it makes a plan.

What a machine takes is counted from before it is created until after it is confirmed gone, so a
plan never relies on room that its own steps set free. Hosts that share a pool have its disk together:
what one is given of it, none of them has any more.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from reconciler.planner.groups import Group, group_of
from reconciler.planner.placement.footprints import (
    adopted,
    all_of,
    footprint,
    given_back,
    kept_disks,
    least,
    sizes_of,
)
from reconciler.specs.desired import Host, HostName, Instance, InstanceKey, Machine, Resources
from reconciler.state import HostState, InstanceState, VolumeState

_Name = TypeVar("_Name", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Site:
    """A host of the fleet, and what it said; ``state`` is None where it did not answer, ``silence`` why."""

    host: Host
    state: HostState | None
    silence: str = ""

    @property
    def name(self) -> HostName:
        """The host's name."""
        return self.host.name


@dataclass(slots=True)
class Ledger:
    """Room and seats of each host. The only mutable value of the planner; it never leaves it."""

    sites: tuple[Site, ...]
    _by_name: dict[HostName, Site] = field(default_factory=dict)
    _room: dict[HostName, Resources] = field(default_factory=dict)
    _taken: dict[HostName, Resources] = field(default_factory=dict)
    _left: dict[InstanceKey, dict[HostName, tuple[VolumeState, ...]]] = field(default_factory=dict)
    _seats: defaultdict[Group, Counter[HostName]] = field(default_factory=lambda: defaultdict(Counter))
    _leaving: dict[Group, Counter[HostName]] = field(default_factory=dict)
    _freed: dict[HostName, Resources] = field(default_factory=dict)
    _pools: Mapping[HostName, str] = field(default_factory=dict)
    """Of the hosts that share theirs with others."""
    _drawn: Counter[str] = field(default_factory=Counter)
    """MiB that the plan has given away of each of those pools, and will give back, as ``_freed``."""
    _returned: Counter[str] = field(default_factory=Counter)

    @staticmethod
    def opened(sites: Iterable[Site]) -> Ledger:
        """The book as the hosts' answers leave it."""
        ledger = Ledger(tuple(sites))
        ledger._pools = _pools(ledger.sites)
        free_of = _left_of_pools(ledger.sites, ledger._pools)
        for site in ledger.sites:
            ledger._by_name[site.name] = site
            if site.state is None:
                continue
            room = _room(site.host, site.state)
            pool = ledger.pool(site.name)
            ledger._room[site.name] = room if pool is None else replace(room, disk_mib=free_of[pool])
            for state in site.state.instances:
                ledger.seat(state.key, site.name)
            for volume in site.state.volumes:
                if volume.size_mib is not None:
                    left = ledger._left.setdefault(volume.key, {})
                    left[site.name] = (*left.get(site.name, ()), volume)
        ledger._share_what_is_left()
        return ledger

    def _share_what_is_left(self) -> None:
        """Whoever shares the pool has the disk too, also who has not listed it since it was made.

        No other pool of a host is shared.
        """
        for pool in dict.fromkeys(self._pools.values()):
            sharing = [(site.name, site.state) for site in self.sites if self.pool(site.name) == pool]
            seen = [(host, state.volumes) for host, state in sharing if state is not None]
            # Of what several say of one disk, the first counts.
            kept = {
                (each.key, each.disk): each
                for _, own in reversed(seen)
                for each in own
                if each.size_mib is not None and not each.pool
            }
            for host, own in seen:
                listed = {(each.key, each.disk) for each in own}
                for volume in (each for name, each in kept.items() if name not in listed):
                    left = self._left[volume.key]
                    left[host] = (*left.get(host, ()), volume)

    def left(self, key: InstanceKey) -> Mapping[HostName, tuple[VolumeState, ...]]:
        """The disks of an instance that no machine has, by host."""
        return self._left.get(key, {})

    def site(self, name: HostName) -> Site:
        """The host of that name."""
        return self._by_name[name]

    def pool(self, host: HostName) -> str | None:
        """The pool that a host shares with others; None where it has one of its own."""
        return self._pools.get(host)

    def need_at(self, state: InstanceState, host: HostName) -> Resources:
        """What a machine takes of another host that it goes to: no disk of the pool that it has already."""
        need, pool = footprint(state), self.pool(host)
        return need if pool is None or pool != self.pool(state.host) else replace(need, disk_mib=0)

    def free(self, host: HostName) -> Resources:
        """What is left of a host that answered; negative where it is over its capacity."""
        return self._room[host] - self.taken(host)

    def take(self, host: HostName, amount: Resources) -> None:
        """Give some of a host away."""
        if (pool := self.pool(host)) is not None:
            self._drawn[pool] += amount.disk_mib
            amount = replace(amount, disk_mib=0)
        self._taken[host] = self._taken.get(host, Resources()) + amount

    def taken(self, host: HostName) -> Resources:
        """What the plan has given away of a host so far, by whomever its pool is shared."""
        taken = self._taken.get(host, Resources())
        return taken if (pool := self.pool(host)) is None else replace(taken, disk_mib=self._drawn[pool])

    def seat(self, key: InstanceKey, host: HostName, count: int = 1) -> None:
        """An instance sits on a host from now on; ``count`` -1 takes it up again."""
        self._seats[group_of(key)][host] += count

    def leave(self, state: InstanceState, to: HostName | None = None) -> None:
        """An instance is to be destroyed, or to go elsewhere: it keeps its seat and its room, but others do
        not follow it.
        """
        self._leaving.setdefault(group_of(state.key), Counter())[state.host] += 1
        back, pool = given_back(state), self.pool(state.host)
        if pool is not None:
            self._returned[pool] += 0 if to is not None and self.pool(to) == pool else back.disk_mib
            back = replace(back, disk_mib=0)
        self._freed[state.host] = self._freed.get(state.host, Resources()) + back

    def freed(self, host: HostName) -> Resources:
        """What the plan's own destructions will give back to a host, later."""
        freed = self._freed.get(host, Resources())
        return freed if (pool := self.pool(host)) is None else replace(freed, disk_mib=self._returned[pool])

    def seats(self, group: Group) -> Mapping[HostName, int]:
        """How many of a group sit on each host, those that are to be destroyed included."""
        return +self._seats.get(group, Counter())

    def staying(self, group: Group) -> Mapping[HostName, int]:
        """How many of a group sit on each host, and are to stay."""
        return self._seats.get(group, Counter()) - self._leaving.get(group, Counter())


def _room(host: Host, state: HostState) -> Resources:
    taken = Resources.total(footprint(each) for each in state.instances)
    return host.usable(state.capacity) - state.foreign - taken - kept_disks(state)


def _pools(sites: Iterable[Site]) -> Mapping[HostName, str]:
    named = {site.name: site.host.storage for site in sites if site.host.storage is not None}
    count = Counter(named.values())
    return {host: pool for host, pool in named.items() if count[pool] > 1}


def _left_of_pools(sites: Sequence[Site], pools: Mapping[HostName, str]) -> Mapping[str, int]:
    """What is left of each pool that hosts share, in MiB: every disk counts once, whoever sees it."""
    left: dict[str, int] = {}
    for pool in set(pools.values()):
        own = [(site.host, site.state) for site in sites if pools.get(site.name) == pool]
        seen = [(host, state) for host, state in own if state is not None]
        disks: dict[tuple[InstanceKey, str], int] = {}
        for _, state in seen:
            kept = {(each.key, each.disk): each.size_mib or 0 for each in state.volumes if not each.pool}
            disks = _union(disks, kept)
            for each in state.instances:
                disks = _union(disks, _owned(each))
        # Each of them may see more of what is nobody's, or less.
        rooms = (host.usable(state.capacity).disk_mib - state.foreign.disk_mib for host, state in seen)
        left[pool] = min(rooms, default=0) - sum(disks.values())
    return left


def _owned(state: InstanceState) -> dict[tuple[InstanceKey, str], int]:
    sizes = sizes_of(state.applied.disks, state.live.disks)
    return {(state.key, name): size for (name, pool), size in sizes.items() if not pool}


def growth(before: InstanceState, machine: Machine, ledger: Ledger) -> Resources:
    """What more it takes at most while it becomes ``machine``: old and new disks side by side."""
    now, had = footprint(before), before.applied.devices
    devices = (Resources(devices=machine.devices) - Resources(devices=had)).devices
    disks = all_of(before.applied.disks, before.live.disks, machine.disks)
    disks -= all_of(before.applied.disks, before.live.disks)
    disks -= adopted(machine, ledger.left(before.key).get(before.host, ()))
    return disks + Resources(
        max(0, machine.cpus - now.cpus),
        max(0, machine.memory_mib - now.memory_mib),
        devices=tuple((name, more) for name, more in devices if more > 0),
    )


def demand(instance: Instance, ledger: Ledger) -> Resources:
    """What creating an instance takes of a host: all it asks for, less the disks it finds there.

    Where several hosts have disks of it, as if it found the least of them.
    """
    found = (adopted(instance.machine, each) for each in ledger.left(instance.key).values())
    return instance.machine.resources - least([each for each in found if each.all_disk_mib])


def _union(one: Mapping[_Name, int], other: Mapping[_Name, int]) -> dict[_Name, int]:
    """Sizes of the disks of both, the larger where both have it."""
    union = dict(one)
    for name, size in other.items():
        union[name] = max(union.get(name, 0), size)
    return union
