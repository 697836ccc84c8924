"""Large-neighbourhood search: a few hosts at a time are packed anew, over and over, towards fewer hosts.

A victim is chosen and its machines are pressed into the free room of others, by exchanges and then some hosts
at a time, until it is empty; then the next. It ends at the bound below which nothing can be, or when the work
is spent, or without a solver where nothing is gained by several.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from reconciler.planner.placement.climb import Budget, away
from reconciler.planner.placement.objective import in_use, least_hosts
from reconciler.planner.placement.part import Packed, Part
from reconciler.planner.placement.pressing import press
from reconciler.planner.placement.problem import NOWHERE, Cluster, Integers
from reconciler.planner.placement.stand import Stand

Pack = Callable[[Stand, Part], Packed]
WIDTH = 8
"""Hosts that are packed together."""
_EFFORT = 0.2


@dataclass(frozen=True, slots=True)
class _Size:
    machines: int
    hosts: int


_SMALL = _Size(50, 10)
"""What is solved at once, to proof."""
_PATIENCE = 3
"""Rounds over all hosts without anything better."""
_VICTIMS = 5
"""So many are tried in vain before there is none, where no solver helps."""


def solve_whole(stand: Stand, cluster: Cluster, budget: Budget, pack: Pack) -> Packed | None:
    """A small cluster at once, in place; None where it is too large for that, or nothing was found."""
    hosts = tuple(np.flatnonzero(cluster.hosts).tolist())
    movers = (stand.host != NOWHERE) & stand.problem.movable
    movers[movers] &= cluster.hosts[stand.host[movers]]
    if len(hosts) > _SMALL.hosts or movers.sum() > _SMALL.machines:
        return None
    packed = pack(stand, Part(cluster, hosts, budget.moves, budget.least, budget.work))
    budget.work -= packed.work
    _put(stand, packed)
    return packed if packed.to else None


def _put(stand: Stand, packed: Packed) -> None:
    for machine, to in packed.to.items():
        if stand.host[machine] != to:
            stand.move(machine, to)


def fewer_hosts(stand: Stand, cluster: Cluster, budget: Budget, pack: Pack | None = None) -> bool:
    """Empty more hosts in place; True where the bound is reached and fewer are impossible."""
    least = least_hosts(stand.problem, cluster, stand.host)
    tired: set[int] = set()
    while budget.work > 0 and _used(stand, cluster) > least:
        victim = _victim(stand, cluster, budget, tired)
        if victim is None or (pack is None and len(tired) >= _VICTIMS):
            break
        before = stand.host.copy()
        if not (
            press(stand, cluster, victim, budget)
            or (pack is not None and _is_emptied(stand, cluster, victim, (budget, pack)))
        ):
            tired.add(victim)
            for machine in np.flatnonzero(stand.host != before).tolist():
                stand.move(machine, int(before[machine]))
    return _used(stand, cluster) <= least


def _used(stand: Stand, cluster: Cluster) -> int:
    return int((in_use(stand.problem, stand.host) & cluster.hosts).sum())


def _victim(stand: Stand, cluster: Cluster, budget: Budget, tired: set[int]) -> int | None:
    """The host in use that holds the least of what may move, and is worth the moves."""
    problem, used = stand.problem, in_use(stand.problem, stand.host) & cluster.hosts
    used[stand.host[(stand.host != NOWHERE) & ~problem.movable]] = False
    at_home = stand.host[(stand.host == problem.home) & (stand.host != NOWHERE)]
    used[np.bincount(at_home, minlength=len(used)) > budget.moves_for_a_host(away(stand))] = False
    hosts = [host for host in np.flatnonzero(used).tolist() if host not in tired]
    scale = np.maximum(1, problem.room.max(axis=0))
    weight = (stand.used / scale).sum(axis=1)
    return min(hosts, key=lambda host: (weight[host], host), default=None)


def _is_emptied(stand: Stand, cluster: Cluster, victim: int, means: tuple[Budget, Pack]) -> bool:
    budget, pack = means
    for attempt in range(_PATIENCE):
        others = _others(stand, cluster, victim, attempt)
        for start in range(0, len(others), WIDTH - 1):
            hosts = (victim, *others[start : start + WIDTH - 1])
            part = Part(cluster, hosts, budget.moves, budget.least, _EFFORT, victim)
            packed = pack(stand, part)
            budget.work -= packed.work
            _put(stand, packed)
            if not (stand.host == victim).any():
                return True
            if budget.work <= 0:
                return False
    return False


def _others(stand: Stand, cluster: Cluster, victim: int, attempt: int) -> list[int]:
    """Hosts in use, those with the most room first, then in another order each time."""
    used = in_use(stand.problem, stand.host) & cluster.hosts
    used[victim] = False
    hosts: Integers = np.flatnonzero(used)
    if attempt:
        return [int(host) for host in np.random.default_rng(attempt).permutation(hosts)]
    scale = np.maximum(1, stand.problem.room.max(axis=0))
    room = (stand.free[hosts] / scale).min(axis=1)
    order: Integers = np.lexsort((hosts, -room))
    return [int(host) for host in hosts[order]]
