"""Who was let in: conditions on what is free hold for whoever comes to a host, in one order or another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from reconciler.planner.placement.problem import NOWHERE, Integers, Problem, Shape


def not_admitted(problem: Problem, host: Integers) -> Iterator[int]:
    """Machines of an assignment (N,) that no host would have let in, in any order of their coming.

    Found from the last to come to the first: that is exact for conditions that ask for more to be free.
    """
    came = np.flatnonzero((host != problem.home) & (host != NOWHERE))
    asked = [each for each in came.tolist() if problem.shapes[problem.shape[each]].admits is not None]
    for at in sorted({int(host[each]) for each in asked}):
        yield from _turned_away(problem, at, [each for each in came.tolist() if host[each] == at])


def _turned_away(problem: Problem, at: int, came: Sequence[int]) -> Iterator[int]:
    there = np.flatnonzero(problem.home == at).tolist()
    free = problem.room[at] - sum(_demand(problem, each) for each in (*there, *came))
    waiting = list(came)
    while waiting:
        last = next((each for each in waiting if _is_let_in(problem, each, at, free)), None)
        if last is None:
            yield from waiting
            return
        waiting.remove(last)
        free = free + _demand(problem, last)


def _demand(problem: Problem, machine: int) -> Integers:
    shape: Shape = problem.shapes[problem.shape[machine]]
    return shape.demand


def _is_let_in(problem: Problem, machine: int, at: int, free: Integers) -> bool:
    admits = problem.shapes[problem.shape[machine]].admits
    return admits is None or admits(at, free + _demand(problem, machine))
