"""Put the question "where?" in numbers: what every machine takes, where it may be, and who minds whom."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from reconciler.planner.groups import Group, group_of
from reconciler.planner.placement.admission import Admissions
from reconciler.planner.placement.between import labels_of, rules_between
from reconciler.planner.placement.board import Board
from reconciler.planner.placement.columns import Admits, Columns
from reconciler.planner.placement.footprints import footprint
from reconciler.planner.placement.ledger import Site, demand
from reconciler.planner.placement.problem import (
    NOWHERE,
    Cluster,
    Flags,
    Problem,
    Shape,
)
from reconciler.planner.placement.rows import Rows
from reconciler.planner.placement.rules import unlike_its_disk
from reconciler.planner.terms import in_its_way, unlike
from reconciler.specs.desired import Desired, Fleet, HostName, Instance, InstanceKey, Resources
from reconciler.state import InstanceState

STANDS_IN = -1
"""The priority of whoever only stands in: it takes no place from those that stay."""
NOBODYS = "nothing is asked of it"


@dataclass(frozen=True, slots=True)
class Seen:
    """A machine that is on a host. ``instance`` is what is asked of it, None where nothing is, or where it
    is one of two. ``why_not`` says why it is not moved now, empty where it may be.
    """

    state: InstanceState
    instance: Instance | None = None
    why_not: str = NOBODYS
    leaving: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """Everything that a question is made from.

    ``missing`` are those that need a host, in the order of their turns. Of the ``unsure`` groups not
    everybody's place is known or final; on the ``busy`` hosts something is done that may give room back.
    """

    seen: Sequence[Seen]
    missing: Sequence[Instance]
    unsure: frozenset[Group] = frozenset()
    weights: Mapping[Group, int] = field(default_factory=dict)
    """The priority of each group."""


class _Ask(NamedTuple):
    """What a machine asks for; ``alike`` is the same for those to whom the hosts answer alike."""

    key: InstanceKey
    need: Resources
    alike: Hashable
    rank: str | None = None
    admits: Admits | None = None
    stands_in: bool = False
    pool: str | None = None
    """Of those that hosts share, the one that has its disks."""


@dataclass(slots=True)
class _Pose:
    """What is collected while the machines are gone through."""

    board: Board
    admissions: Admissions
    number: dict[HostName, int]
    weights: Mapping[Group, int]
    rows: Rows
    groups: dict[Group, int] = field(default_factory=dict)
    shapes: list[Shape] = field(default_factory=list)
    _shapes: dict[Hashable, int] = field(default_factory=dict)
    _alike: dict[HostName, Flags] = field(default_factory=dict)
    _kinds: dict[Hashable, Flags] = field(default_factory=dict)

    def group(self, of: Group) -> int:
        return self.groups.setdefault(of, len(self.groups))

    def of_missing(self, instance: Instance) -> int:
        """Its shape. Who has left disks behind is bound to the hosts that have them."""
        admission, homes = self.admissions.of(instance, instance.machine), self._homes(instance)
        asks = (id(admission), None if homes is None else homes.tobytes())
        need = demand(instance, self.board.ledger)
        rank, surge = instance.placement.rank, instance.machine.surge
        ask = _Ask(instance.key, need, asks, rank, admission.admits, surge)
        return self._shape(ask, lambda: admission.allowed if homes is None else admission.allowed & homes)

    def of_seen(self, seen: Seen) -> int:
        """Its shape: where it could be moved to, and whether it may be where it is."""
        state, instance = seen.state, seen.instance
        if instance is None:
            ask = _Ask(state.key, footprint(state), "anywhere", pool=self.board.ledger.pool(state.host))
            return self._shape(ask, lambda: np.ones(len(self.number), np.bool_))
        source = self.board.ledger.site(state.host)
        admission = self.admissions.of(instance, state.applied)
        like, kept = self._like(source), [self.number[host] for host in self._taken(state, source)]

        def allowed() -> Flags:
            flags: Flags = admission.allowed & like
            flags[kept] = False
            return flags

        asks = (id(admission), id(like), *kept)
        rank, surge = instance.placement.rank, state.applied.surge
        pool = self.board.ledger.pool(state.host)
        ask = _Ask(state.key, footprint(state), asks, rank, admission.admits, surge, pool)
        return self._shape(ask, allowed)

    def _shape(self, ask: _Ask, allowed: Callable[[], Flags]) -> int:
        """The number of a shape; its hosts are worked out for the first that asks for it."""
        named, need = group_of(ask.key), ask.need
        group = self.group(named)
        priority = STANDS_IN if ask.stands_in else self.weights.get(named, 0)
        key = (group, need, ask.rank, priority, ask.alike, ask.pool)
        if key not in self._shapes:
            self._shapes[key] = len(self.shapes)
            ranking = None if ask.rank is None else self.admissions.columns.ranking(ask.rank)
            self.shapes.append(
                Shape(
                    f"{ask.key.service}-{ask.key.component}",
                    group,
                    self.rows.taken(need, ask.pool),
                    allowed(),
                    None if ranking is None else ranking.now,
                    None if ranking is None else ranking.ranked,
                    ask.admits,
                    priority,
                )
            )
        return self._shapes[key]

    def _homes(self, instance: Instance) -> Flags | None:
        """The hosts that have disks which it left behind; None where there are none."""
        left = self.board.ledger.left(instance.key)
        wanted = {disk.name: disk for disk in instance.machine.disks}
        homes = np.zeros(len(self.number), np.bool_)
        found = False
        for host, volumes in left.items():
            own = [volume for volume in volumes if volume.disk in wanted]
            found = found or bool(own)
            homes[self.number[host]] = bool(own) and not any(
                unlike_its_disk(volume, wanted[volume.disk]) for volume in own
            )
        return homes if found else None

    def _taken(self, state: InstanceState, source: Site) -> list[HostName]:
        """Hosts to which its disks cannot come, but for its own."""
        ledger, sites = self.board.ledger, [*map(self.board.ledger.site, self.board.ledger.left(state.key))]
        if source.host.storage is not None and any(disk.pool for disk in state.applied.disks):
            sites += (site for site in ledger.sites if site.host.storage == source.host.storage)
        others = dict.fromkeys(site.name for site in sites if site.name != source.name)
        return [host for host in others if in_its_way(state, source, ledger.site(host))]

    def _like(self, source: Site) -> Flags:
        """The hosts between which machines of this one can migrate."""
        if source.name not in self._alike:
            assert source.state is not None, "it was seen there"
            host = source.host
            kind = (host.cluster, host.connect.scheme, host.hypervisor, source.state.arch)
            if kind not in self._kinds:
                self._kinds[kind] = np.array(
                    [site.state is not None and unlike(source, site) is None for site in self.board.sites],
                    np.bool_,
                )
            self._alike[source.name] = self._kinds[kind]
        return self._alike[source.name]


def posed(asked: Asked, board: Board, desired: Desired) -> Problem:
    """The question. Machines that are on hosts come first, as given, then those that are missing."""
    rows = _rows(asked, board)
    free = np.zeros((len(board.sites), len(rows.names)), np.int64)
    size = np.zeros_like(free)
    pools = [board.ledger.pool(site.name) for site in board.sites]
    for host, site in enumerate(board.sites):
        if site.state is not None:
            free[host] = rows.room(board.ledger.free(site.name), pools[host])
            size[host] = rows.room(site.host.usable(site.state.capacity), pools[host])
    number = {site.name: index for index, site in enumerate(board.sites)}
    columns = Columns(board.sites, free.copy(), [rows.disk_of(pool) for pool in pools])
    pose = _Pose(board, Admissions(board, columns), number, asked.weights, rows)
    rules = rules_between(board, desired.instances, asked.unsure, pose.group)
    shape = [*map(pose.of_seen, asked.seen), *map(pose.of_missing, asked.missing)]
    home = [number[each.state.host] for each in asked.seen] + [NOWHERE] * len(asked.missing)
    room, new = free, len(asked.missing)
    demands = [pose.shapes[index].demand for index in shape[: len(asked.seen)]]
    np.add.at(room, home[: len(asked.seen)], np.array(demands, np.int64).reshape(-1, room.shape[1]))
    return Problem(
        hosts=tuple(number),
        resources=rows.names,
        room=room,
        shapes=tuple(pose.shapes),
        shape=np.array(shape, np.int64),
        home=np.array(home, np.int64),
        movable=np.array([not each.why_not for each in asked.seen] + [False] * new, np.bool_),
        leaving=np.array([each.leaving for each in asked.seen] + [False] * new, np.bool_),
        cost=np.array([_cost(each, board) for each in asked.seen] + [0.0] * new, np.float64),
        labels=labels_of(board, rules),
        rules=rules,
        clusters=_clusters(desired.fleet, board, rows),
        closed=np.array([_is_cordoned(site) for site in board.sites], np.bool_),
        names=(*(each.state.name for each in asked.seen), *(each.name for each in asked.missing)),
        size=size,
    )


def _rows(asked: Asked, board: Board) -> Rows:
    machines = (*(each.state.applied for each in asked.seen), *(each.machine for each in asked.missing))
    disks = sum(footprint(each.state).disk_mib for each in asked.seen)
    disks += sum(each.machine.resources.disk_mib for each in asked.missing)
    return Rows.of(board.ledger, machines, disks)


def _is_cordoned(site: Site) -> bool:
    return site.state is not None and site.state.cordon is not None


def _cost(seen: Seen, board: Board) -> float:
    host, takes = board.ledger.site(seen.state.host).host, seen.state.applied.resources
    return float(takes.memory_mib + (takes.all_disk_mib if host.storage is None else 0))


def _clusters(fleet: Fleet, board: Board, rows: Rows) -> tuple[Cluster, ...]:
    names = sorted({site.host.cluster for site in board.sites})
    shared = {site.host.cluster for site in board.sites if board.ledger.pool(site.name) is not None}
    return tuple(
        Cluster(
            each.name,
            np.array([site.host.cluster == each.name for site in board.sites], np.bool_),
            each.policy,
            each.reserve_hosts,
            rows.weights(each.name in shared),
        )
        for each in map(fleet.cluster, names)
    )
