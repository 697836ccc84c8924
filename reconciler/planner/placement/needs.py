"""Which moves wait for which: who comes to where there is room only once others have left."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from reconciler.planner.placement.problem import NOWHERE, Integers, Problem


def needs_of(problem: Problem, host: Integers) -> Mapping[int, tuple[int, ...]]:
    """For each machine that moves, the moves that must be over before its own; none is left out that can
    be made at all, and who would wait in a circle is.
    """
    moved = np.nonzero((host != problem.home) & (problem.home != NOWHERE) & (host != NOWHERE))[0]
    demands = np.array([shape.demand for shape in problem.shapes], np.int64)
    demands = demands.reshape(-1, len(problem.resources))[problem.shape]
    free, seated = problem.room.astype(np.int64), problem.home != NOWHERE
    np.subtract.at(free, problem.home[seated], demands[seated])
    done: dict[int, tuple[int, ...]] = {}
    gone: dict[int, list[int]] = {}
    waiting = moved.tolist()
    while waiting:
        rest = []
        for machine in waiting:
            to, takes = int(host[machine]), demands[machine]
            left = tuple(gone.get(to, ()))
            given_back = sum((demands[each] for each in left), np.zeros_like(takes))
            if ((takes <= free[to]) | (takes == 0)).all():
                done[machine] = ()
            elif ((takes <= free[to] + given_back) | (takes == 0)).all():
                done[machine] = left
            else:
                rest.append(machine)
                continue
            free[to] -= takes
            gone.setdefault(int(problem.home[machine]), []).append(machine)
        if len(rest) == len(waiting):
            break
        waiting = rest
    return done
