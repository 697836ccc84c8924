"""The laws of the moves of a plan: everybody moves once, to where it may stay, and every state is allowed."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

from benchmarks.replay import faults_at_a_pace, faults_in_sequence, faults_in_waves
from reconciler.plan import Forecast
from reconciler.planner.ordering.course import Course, Kind, Leg, Limits, Route, Stuck
from reconciler.planner.placement.problem import NOWHERE, Integers, Problem
from reconciler.planner.routing import Routed
from tests.properties.broken import Line

Takes = Callable[[int, int], Forecast]
Routing = Callable[[Problem, Integers, Takes, Limits], Routed]
Law = Callable[[Routing, Course], None]


def _routed(routing: Routing, course: Course) -> Routed:
    def takes(machine: int, host: int) -> Forecast:
        return Forecast(machine + host, float(course.seconds[machine]))

    return routing(course.problem, course.goal, takes, course.limits)


def _replayed(found: Routed, course: Course) -> tuple[Course, Route]:
    """The same as legs, towards where everybody is to be after all."""
    place = {machine: number for number, machine in enumerate(found.needs)}
    home = course.problem.home
    legs = tuple(
        Leg(
            machine,
            Kind.MIGRATE,
            int(home[machine]),
            int(found.host[machine]),
            tuple(place[each] for each in needs),
            found.forecasts[machine].begins,
            found.forecasts[machine].seconds,
            wave=found.forecasts[machine].wave,
        )
        for machine, needs in found.needs.items()
    )
    stuck = tuple(Stuck(machine, why) for machine, why in found.stuck.items() if machine not in place)
    return replace(course, goal=found.host, now=None), Route(legs, stuck)


def every_prefix(routing: Routing, course: Course) -> None:
    """After any of them, in their order, there is room at both ends and the strict rules are kept."""
    assert not faults_in_sequence(*_replayed(_routed(routing, course), course))


def every_pace(routing: Routing, course: Course) -> None:
    """Whoever only minds what each needs is as safe."""
    again = _replayed(_routed(routing, course), course)
    for seed in range(4):
        assert not faults_at_a_pace(*again, random.Random(seed).randrange)


def every_wave(routing: Routing, course: Course) -> None:
    """All of one wave may go at once, within the limits."""
    assert not faults_in_waves(*_replayed(_routed(routing, course), course))


def nobody_is_forgotten(routing: Routing, course: Course) -> None:
    """Who is asked to move does, or there is a reason; who is not stays; nobody appears or vanishes."""
    found, home = _routed(routing, course), course.problem.home
    for machine, (was, asked, now) in enumerate(zip(home, course.goal, found.host, strict=True)):
        if NOWHERE in (was, asked) or was == asked:
            assert now == was
        else:
            assert (now != was) == (machine in found.needs)
            assert now != was or found.stuck.get(machine)


LAWS: tuple[Law, ...] = (every_prefix, every_pace, every_wave, nobody_is_forgotten)

MUTANTS: tuple[tuple[str, Law, Line], ...] = (
    (
        "who is stuck is sent off all the same",
        every_prefix,
        Line("routing", "if not detours and not route.stuck:", "if not detours:"),
    ),
    (
        "moves need nothing",
        every_pace,
        Line("routing", "for need in leg.needs) for leg", "for need in ()) for leg"),
    ),
    ("all is in one wave", every_wave, Line("routing", "wave=leg.wave + 1", "wave=1")),
    (
        "nobody says why",
        nobody_is_forgotten,
        Line("routing", "stuck |= {each.machine: each.reason for each in route.stuck}", "pass"),
    ),
)
