"""The same question once something is decided, or where something does not matter."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from reconciler.planner.placement.problem import NOWHERE, Integers, Problem


def with_moves(problem: Problem, host: Integers) -> Problem:
    """The same question once moves are decided: who moves is at both ends until it has arrived."""
    moved = np.nonzero((host != problem.home) & (problem.home != NOWHERE))[0]
    if not len(moved):
        return problem
    home = problem.home.copy()
    home[moved] = host[moved]
    return replace(
        problem,
        home=np.concatenate([home, problem.home[moved]]),
        shape=np.concatenate([problem.shape, problem.shape[moved]]),
        movable=np.concatenate([problem.movable, np.zeros(len(moved), np.bool_)]),
        leaving=np.concatenate([problem.leaving, np.ones(len(moved), np.bool_)]),
        cost=np.concatenate([problem.cost, problem.cost[moved]]),
        served=None if problem.served is None else problem.served.beside(len(moved)),
        names=(*problem.names, *(f"{problem.names[each]} as it was" for each in moved.tolist())),
    )


def without_excess(problem: Problem, hosts: Iterable[str]) -> Problem:
    """The same question where nobody minds that these hosts have given out more than they have."""
    room, used = problem.room.copy(), np.zeros_like(problem.room)
    seated = np.nonzero(problem.home != NOWHERE)[0]
    demands = np.array([shape.demand for shape in problem.shapes], np.int64).reshape(
        -1, len(problem.resources)
    )
    np.add.at(used, problem.home[seated], demands[problem.shape[seated]])
    for name in sorted(set(hosts)):
        host = problem.hosts.index(name)
        room[host] = np.maximum(room[host], used[host])
    return replace(problem, room=room)
