"""Headroom: whose death would leave whom without a place.

A host dies, and everybody on it is to be started somewhere else at once; nobody else moves to make room.
What is found has a place for certain; who is said to be lost has none that a best fit finds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from reconciler.planner.placement.emptying import best_fit, residents
from reconciler.planner.placement.problem import NOWHERE, Cluster, Integers, Problem
from reconciler.planner.placement.stand import Stand


def lost(problem: Problem, host: Integers, dead: Iterable[int]) -> tuple[int, ...]:
    """Machines of an assignment (N,) that would have no place if these hosts died together."""
    return _without(Stand(problem, host), tuple(dead))


def endangered(problem: Problem, host: Integers, cluster: Cluster) -> Mapping[int, tuple[int, ...]]:
    """For each host of a cluster whose death would leave somebody without a place: whom.

    Where the cluster spares more than one host, the fullest others die with it.
    """
    stand = Stand(problem, host)
    weight = (stand.used / np.maximum(1, problem.room.max(axis=0, initial=1))).sum(axis=1)
    fullest = sorted(np.flatnonzero(cluster.hosts).tolist(), key=lambda at: (-weight[at], at))
    found: dict[int, tuple[int, ...]] = {}
    for one in sorted(fullest):
        others = [at for at in fullest if at != one][: max(1, cluster.spare) - 1]
        if without := _without(stand, (one, *others)):
            found[one] = without
    return found


def _without(stand: Stand, dead: tuple[int, ...]) -> tuple[int, ...]:
    """Who has no place without these hosts; the stand is as it was afterwards."""
    alive = np.ones(len(stand.problem.hosts), np.bool_)
    alive[list(dead)] = False
    homes = {machine: at for at in dead for machine in residents(stand, at).tolist()}
    for machine in homes:
        stand.move(machine, NOWHERE)
    size = np.maximum(1, stand.problem.room.max(axis=0, initial=1))
    without = []
    for machine in sorted(homes, key=lambda each: (-(stand.demand[each] / size).max(), each)):
        if stand.problem.leaving[machine]:
            continue
        to = best_fit(stand, machine, alive)
        if to is None:
            without.append(machine)
        else:
            stand.move(machine, to)
    for machine, at in homes.items():
        stand.move(machine, at)
    return tuple(sorted(without))
