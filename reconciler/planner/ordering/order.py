"""In which order machines get to where they are to be, so that every state in between is allowed.

First which legs there are and what each needs (``traffic``, with the way round in ``detours`` where
machines wait for each other in a circle), then when each begins (``timetable``).
"""

from __future__ import annotations

import numpy as np

from reconciler.planner.ordering.course import Course, Route
from reconciler.planner.ordering.detours import Detours
from reconciler.planner.ordering.timetable import timetable
from reconciler.planner.ordering.traffic import Traffic
from reconciler.planner.placement.problem import NOWHERE

_LOOK_AHEAD = 12
"""How many legs in a row are looked at to see who holds up the most."""


def in_order(course: Course) -> Route:
    """The legs, each with what it needs, and who cannot get to its goal and stays where it is."""
    stays: frozenset[int] = frozenset()
    while True:
        traffic = _through(course, stays)
        lost = {each.machine for each in traffic.stuck if each.machine in traffic.last}
        if not lost:
            break
        # Who went out of the way, or was stopped, and got no further is not to be disturbed at all.
        stays |= lost
    stuck = tuple(sorted(traffic.stuck, key=lambda each: each.machine))
    return Route(tuple(timetable(course, traffic.passages)), stuck)


def _through(course: Course, stays: frozenset[int]) -> Traffic:
    """Everybody's way; ``stays`` may go to the goal, and nowhere else."""
    traffic = Traffic.of(course)
    if traffic.pending:
        traffic.pending.update(_queue(course, traffic))
    while traffic.run():
        Detours.of(traffic, stays).untie()
        traffic.set_out(tuple(traffic.pending))
    return traffic


def _queue(course: Course, traffic: Traffic) -> dict[int, float]:
    """The place of each in the queue: first who, with those who wait for its room, takes longest."""
    moving = np.fromiter(traffic.pending, np.int64)
    source, target, seconds = course.problem.home[moving], course.goal[moving], course.seconds[moving]
    count = len(course.problem.hosts)
    # Who goes to a host that has no room for all that come waits for those who leave it.
    tight = np.append(np.array(traffic.rooms.free, np.int64).min(axis=0) < 0, False)
    demands = np.array([shape.demand for shape in course.problem.shapes], np.int64)
    coming = target != NOWHERE
    left = np.array(traffic.rooms.free, np.int64).T.copy()
    np.subtract.at(left, target[coming], demands[course.problem.shape[moving[coming]]])
    tight[:count] |= (left < 0).any(axis=1)
    tail = seconds.astype(np.float64)
    for _ in range(_LOOK_AHEAD):
        behind = np.zeros(count + 1)
        np.maximum.at(behind, target, tail)
        behind[NOWHERE] = 0.0
        tail = seconds + np.where(tight[source], behind[source], 0.0)
    return dict(zip(moving.tolist(), (-tail).tolist(), strict=True))
