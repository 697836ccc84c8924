"""Look at every way there is, where there are few: the best for a small fleet, to proof, without a solver."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from reconciler.planner.placement.climb import Budget
from reconciler.planner.placement.objective import steepness
from reconciler.planner.placement.problem import NOWHERE, Cluster, Integers, Policy, Problem, Reals
from reconciler.planner.placement.stand import demands

_DIGITS = 9
"""To which costs are told apart: of those that are the same, the one with least to move comes first."""

_LARGEST = 400_000
"""Ways × machines, or × hosts."""


def every_way(problem: Problem, cluster: Cluster, host: Integers, most: int) -> Integers | None:
    """All assignments (W, N) of a cluster's machines that may move; None where they are more than ``most``,
    or too large.
    """
    there = (host != NOWHERE) & problem.movable
    there[there] &= cluster.hosts[host[there]]
    movers, hosts = np.flatnonzero(there), np.flatnonzero(cluster.hosts)
    if len(movers) > most or (count := len(hosts) ** len(movers)) > most:
        return None
    if count * max(len(host), len(problem.hosts)) > _LARGEST:
        return None
    number = np.arange(count)
    ways = np.tile(host, (len(number), 1))
    for place, machine in enumerate(movers.tolist()):
        ways[:, machine] = hosts[number // len(hosts) ** place % len(hosts)]
    return ways


def cheapest_first(problem: Problem, cluster: Cluster, ways: Integers, budget: Budget) -> Iterator[Integers]:
    """Those of them that have room and few enough moves, by what the policy makes of them: its score, and
    what the moves must gain.
    """
    taken = _taken(problem, ways)
    moved = (ways != problem.home) & (problem.home != NOWHERE)
    # No host is to have given out more than it has, or more than it has already.
    room = np.maximum(np.maximum(0, problem.room), _taken(problem, problem.home[None])[0])
    may = (taken <= room).all(axis=(1, 2)) & (moved.sum(axis=1) <= budget.moves)
    cost = _score(problem, cluster, ways, taken) + max(budget.least, 1e-9) * moved.sum(axis=1)
    mib = (moved * problem.cost).sum(axis=1)
    order = np.lexsort((mib, cost.round(_DIGITS)))
    yield from (ways[number] for number in order.tolist() if may[number])


def _taken(problem: Problem, ways: Integers) -> Integers:
    """What each assignment takes of each host, (W, H, R)."""
    need, count = demands(problem), len(ways)
    taken = np.zeros((count, len(problem.hosts), len(problem.resources)), np.int64)
    for machine in range(ways.shape[1]):
        placed = np.flatnonzero(ways[:, machine] != NOWHERE)
        taken[placed, ways[placed, machine]] += need[machine]
    return taken


def _score(problem: Problem, cluster: Cluster, ways: Integers, taken: Integers) -> Reals:
    if cluster.policy is Policy.CONSOLIDATE:
        used = [(ways == host).any(axis=1) for host in np.flatnonzero(cluster.hosts)]
        return np.asarray(np.sum(used, axis=0), np.float64)
    return np.asarray((taken.astype(np.float64) ** 2 * steepness(problem, cluster)).sum(axis=(1, 2)))
