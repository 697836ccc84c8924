"""Moves that are asked for become moves that can be made, one after the other, or a reason why not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from reconciler.plan import Forecast
from reconciler.planner.ordering.course import Limits
from reconciler.planner.placement.problem import NOWHERE, Integers, Problem, Shape
from reconciler.planner.routing import Routed, routed

_UNLIMITED = Limits()


def problem(sizes: list[int], home: list[int], room: list[int]) -> Problem:
    """Machines of these sizes on hosts with this room."""
    everywhere = np.ones(len(room), np.bool_)
    shapes = tuple(Shape("", n, np.array([size], np.int64), everywhere) for n, size in enumerate(sizes))
    count = len(sizes)
    return Problem(
        tuple(f"h{n}" for n in range(len(room))),
        ("memory",),
        np.array(room, np.int64)[:, None],
        shapes,
        np.arange(count),
        np.array(home, np.int64),
        np.ones(count, np.bool_),
        np.zeros(count, np.bool_),
        np.arange(1.0, count + 1),
        {"host": np.arange(len(room))},
        names=tuple(f"m{n}" for n in range(count)),
    )


def takes(machine: int, host: int) -> Forecast:
    """Each takes as long as any other."""
    return Forecast(100 + machine, 10.0)


def route(asked: Problem, goal: list[int], limits: Limits = _UNLIMITED) -> Routed:
    return routed(asked, np.array(goal, np.int64), takes, limits)


def at(host: Integers) -> list[int]:
    return [int(each) for each in host]


def test_who_needs_room_waits_for_those_who_leave_it() -> None:
    found = route(problem([4, 4, 4], [0, 1, 2], [4, 4, 4, 4]), [1, 2, 3])
    assert (at(found.host), found.needs) == ([1, 2, 3], {2: (), 1: (2,), 0: (1,)})
    assert [(each.begins, each.wave) for each in found.forecasts.values()] == [(0, 1), (10, 2), (20, 3)]
    assert [each.mib for each in found.forecasts.values()] == [102, 101, 100]


def test_of_two_that_change_places_one_goes_elsewhere_and_stays_there() -> None:
    found = route(problem([4, 4], [0, 1], [4, 4, 5]), [1, 0])
    assert (at(found.host), found.needs, found.stuck) == ([2, 0], {0: (), 1: (0,)}, {})


def test_a_host_that_takes_nobody_in_is_no_way_round() -> None:
    asked = replace(problem([4, 4], [0, 1], [4, 4, 5]), closed=np.array([False, False, True]))
    found = route(asked, [1, 0])
    assert (at(found.host), sorted(found.stuck), found.needs) == ([0, 1], [0, 1], {})


def test_a_host_that_does_not_admit_it_is_no_way_round() -> None:
    asked = problem([4, 4], [0, 1], [4, 4, 5])

    def roomier_still(_: int, free: Integers) -> bool:
        return int(free[0]) > 5

    shapes = tuple(replace(each, admits=roomier_still) for each in asked.shapes)
    assert at(route(replace(asked, shapes=shapes), [1, 0]).host) == [0, 1]


def test_two_that_change_places_without_room_stay_and_say_why() -> None:
    found = route(problem([4, 4], [0, 1], [4, 4]), [1, 0])
    assert (at(found.host), found.needs, found.forecasts) == ([0, 1], {}, {})
    assert found.stuck[0] == (
        "it and m1 wait for each other, no other host has room for one of them meanwhile,"
        " and none may be stopped"
    )


def test_no_more_set_out_at_once_than_the_fleet_allows() -> None:
    asked = problem([1] * 4, [0] * 4, [4, 4])
    found = route(asked, [1] * 4, Limits(2, 5))
    assert sorted(each.wave for each in found.forecasts.values()) == [1, 1, 2, 2]


def test_who_is_nowhere_has_no_part_in_it() -> None:
    found = route(problem([1, 1], [NOWHERE, 0], [4, 4]), [1, 1])
    assert (at(found.host), found.needs) == ([NOWHERE, 1], {1: ()})
