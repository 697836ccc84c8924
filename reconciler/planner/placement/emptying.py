"""Consolidate a cluster: empty one host after the other into those that are in use anyway.

A host is emptied all at once or left alone. Small ones come first and then those that take the least to move;
where the moves are limited, only that is looked at.
"""

from __future__ import annotations

import numpy as np

from reconciler.planner.placement.climb import Budget, away
from reconciler.planner.placement.objective import in_use
from reconciler.planner.placement.problem import NOWHERE, Cluster, Flags, Integers
from reconciler.planner.placement.stand import Stand


def empty_hosts(stand: Stand, cluster: Cluster, budget: Budget) -> None:
    """Empty hosts in place until none can be, or the budget is spent."""
    emptied = True
    while emptied and budget.work > 0:
        emptied = False
        for host in _in_turn(stand, cluster, budget):
            emptied |= _is_emptied(stand, cluster, host, budget)


def residents(stand: Stand, host: int) -> Integers:
    """Who is on a host."""
    return np.flatnonzero(stand.host == host)


def _in_turn(stand: Stand, cluster: Cluster, budget: Budget) -> list[int]:
    """Hosts that could be emptied, the smallest first, and of those the cheapest."""
    problem = stand.problem
    used = in_use(problem, stand.host) & cluster.hosts
    stuck = stand.host[(stand.host != NOWHERE) & ~problem.movable]
    used[stuck] = False
    placed = stand.host != NOWHERE
    bytes_there = np.bincount(stand.host[placed], weights=problem.cost[placed], minlength=len(problem.hosts))
    # The large ones are what the others go to, unless every move counts.
    size = (problem.room / _scale(stand)).sum(axis=1) * (budget.moves >= len(stand.host))
    return sorted(np.flatnonzero(used).tolist(), key=lambda host: (size[host], bytes_there[host], host))


def _is_emptied(stand: Stand, cluster: Cluster, host: int, budget: Budget) -> bool:
    machines = residents(stand, host)
    # A host is worth 1; who has come from elsewhere already is not one more to move.
    more = int((stand.problem.home[machines] == host).sum())
    if not len(machines) or more > budget.moves_for_a_host(away(stand)):
        return False
    others = in_use(stand.problem, stand.host) & cluster.hosts
    others[host] = False
    size = (stand.demand[machines] / _scale(stand)).max(axis=1)
    largest_first = machines[np.argsort(-size, kind="stable")].tolist()
    for done, machine in enumerate(largest_first):
        budget.spend(20 * len(others))
        broken = stand.broken(machine)
        to = best_fit(stand, machine, others & (broken <= broken[host]))
        if to is None:
            for back in largest_first[:done]:
                stand.move(back, host)
            return False
        stand.move(machine, to)
    return True


def best_fit(stand: Stand, machine: int, others: Flags) -> int | None:
    """The host of ``others`` that is fullest with the machine on it; None where it fits nowhere."""
    may = np.flatnonzero(stand.fits(machine) & others)
    may = may[stand.allowed(machine)[may]]
    if not len(may):
        return None
    left = ((stand.free[may] - stand.demand[machine]) / _scale(stand)).sum(axis=1)
    return int(may[left.argmin()])


def _scale(stand: Stand) -> Integers:
    return np.asarray(np.maximum(1, stand.problem.room.max(axis=0, initial=1)), np.int64)
