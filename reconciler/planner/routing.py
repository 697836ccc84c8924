"""Which of the moves that a scheduler asks for are made, in which order, and what they are thought to take.

Every state in between is allowed (``ordering``). Where machines wait for each other in a circle, one goes
out of the way to where every strict rule lets it be, and stays there: it is moved once in a plan.
Whose move cannot be made stays where it is, and why is told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from reconciler.plan import Forecast
from reconciler.planner.ordering.course import Course, Limits, Route
from reconciler.planner.placement.problem import NOWHERE, Integers, Problem

Takes = Callable[[int, int], Forecast]
"""What the move of a machine to a host takes."""


@dataclass(frozen=True, slots=True, eq=False)
class Routed:
    """``host`` (N,) is where everybody is to be. By machine that moves, as they set out: the moves that must
    be over before its own, and what it is thought to take; and of those that cannot move, why.
    """

    host: Integers
    needs: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    forecasts: Mapping[int, Forecast] = field(default_factory=dict)
    stuck: Mapping[int, str] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """How long all of it is thought to take."""
        return max((each.begins + each.seconds for each in self.forecasts.values()), default=0.0)


def routed(
    problem: Problem, host: Integers, takes: Takes, limits: Limits, *, straight: bool = False
) -> Routed:
    """From where everybody is to ``host`` (N,); who is nowhere, or is to be, has no part in it. With
    ``straight``, who would have to go out of the way stays where it is.
    """
    goal = np.where((host == NOWHERE) | (problem.home == NOWHERE), problem.home, host)
    asked, stuck = goal.copy(), dict[int, str]()
    while (goal != problem.home).any():
        # Most plans move nobody.
        from reconciler.planner.ordering.order import in_order

        forecasts = {
            each: takes(each, int(goal[each])) for each in np.nonzero(goal != problem.home)[0].tolist()
        }
        route = in_order(_course(problem, goal, forecasts, limits))
        detours = {leg.machine: leg.target for leg in route.legs if leg.detour}
        if not detours and not route.stuck:
            return _told(goal, route, forecasts, stuck)
        stuck |= {each.machine: each.reason for each in route.stuck}
        for machine, target in detours.items():
            # Who went out of the way once and is in the way there as well does not move.
            is_first = goal[machine] == asked[machine] and not straight
            goal[machine] = target if is_first else problem.home[machine]
        for each in route.stuck:
            goal[each.machine] = problem.home[each.machine]
    return Routed(goal, stuck=stuck)


def _course(problem: Problem, goal: Integers, forecasts: Mapping[int, Forecast], limits: Limits) -> Course:
    seconds = np.zeros(len(goal))
    for machine, forecast in forecasts.items():
        seconds[machine] = forecast.seconds
    return Course(problem, goal, seconds, np.zeros(len(goal), np.bool_), limits)


def _told(
    goal: Integers, route: Route, forecasts: Mapping[int, Forecast], stuck: Mapping[int, str]
) -> Routed:
    return Routed(
        goal,
        {leg.machine: tuple(route.legs[need].machine for need in leg.needs) for leg in route.legs},
        {
            leg.machine: replace(forecasts[leg.machine], begins=round(leg.begins, 1), wave=leg.wave + 1)
            for leg in route.legs
        },
        stuck,
    )
