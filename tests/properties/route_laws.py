"""The laws of the order of moves: what holds in every state of every way to go through a route."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from benchmarks.replay import faults_at_a_pace, faults_in_sequence, faults_in_time, faults_in_waves
from reconciler.planner.ordering.course import Course, Kind, Route
from reconciler.planner.placement.check import violations
from reconciler.planner.placement.problem import Cluster
from tests.properties.broken import Line

Order = Callable[[Course], Route]
Law = Callable[[Order, Course], None]


def one_after_the_other(in_order: Order, course: Course) -> None:
    """Every prefix is allowed, and at the end everybody is at the goal, or named with the reason."""
    route = in_order(course)
    assert not faults_in_sequence(course, route)
    assert all(each.reason for each in route.stuck)


def as_predicted(in_order: Order, course: Course) -> None:
    """At the predicted times every state is allowed, and the limits are kept."""
    assert not faults_in_time(course, in_order(course))


def in_waves(in_order: Order, course: Course) -> None:
    """All of one wave may be done at once."""
    assert not faults_in_waves(course, in_order(course))


def at_any_pace(in_order: Order, course: Course) -> None:
    """Whoever does nothing before what it needs is done is safe, however long anything takes."""
    route = in_order(course)
    for seed in range(4):
        assert not faults_at_a_pace(course, route, random.Random(seed).randrange)


def with_a_turning_place(in_order: Order, course: Course) -> None:
    """Where one more host has room for everybody, and nobody keeps apart, nobody is stuck or stopped."""
    roomy = _with_a_turning_place(course)
    if violations(roomy.problem, roomy.goal):
        return
    route = in_order(roomy)
    assert not faults_in_sequence(roomy, route)
    assert not route.stuck
    assert all(leg.kind is not Kind.STOP for leg in route.legs)


def _with_a_turning_place(course: Course) -> Course:
    problem = course.problem
    more = np.append(problem.room, [[1000, 1000]], axis=0)
    shapes = tuple(replace(shape, allowed=np.append(shape.allowed, True)) for shape in problem.shapes)
    cluster = Cluster("one", np.ones(len(more), np.bool_))
    problem = replace(
        problem,
        hosts=(*problem.hosts, "turn"),
        room=more,
        shapes=shapes,
        rules=(),
        clusters=(cluster,),
        labels={},
    )
    return replace(course, problem=problem, now=None)


def the_same_again(in_order: Order, course: Course) -> None:
    """The same question has the same answer, and legs are listed by when they begin."""
    route = in_order(course)
    assert route == in_order(course)
    assert list(route.legs) == sorted(route.legs, key=lambda leg: leg.begins)


LAWS: tuple[Law, ...] = (
    one_after_the_other,
    as_predicted,
    in_waves,
    at_any_pace,
    with_a_turning_place,
    the_same_again,
)

MUTANTS: tuple[tuple[str, Law, Line], ...] = (
    (
        "a machine on its way takes no room where it goes",
        one_after_the_other,
        Line("ordering.rooms", "self.free[resource][host] -= amount", "pass"),
    ),
    (
        "room is free before it is left",
        as_predicted,
        Line(
            "ordering.traffic",
            "if target != NOWHERE and not self.rooms.fits(",
            "if False and not self.rooms.fits(",
        ),
    ),
    (
        "who keeps apart is not asked",
        one_after_the_other,
        Line("ordering.company", "found += [each for each in", "[each for each in"),
    ),
    (
        "only one side of a rule keeps apart",
        one_after_the_other,
        Line(
            "ordering.company",
            "{(rule.group, rule.other), (rule.other, rule.group)}",
            "{(rule.group, rule.other)}",
        ),
    ),
    (
        "rules that count heads are not asked",
        one_after_the_other,
        Line("ordering.company", "return after <= before | alone", "return True"),
    ),
    (
        "two of those that are counted move at once",
        at_any_pace,
        Line("ordering.company", "needs.append(heads.last)", "pass"),
    ),
    (
        "nobody says who has to leave first",
        at_any_pace,
        Line("ordering.rooms", "return [leg for leg, _ in left[:counted]]", "return []"),
    ),
    (
        "who keeps apart need not have left",
        at_any_pace,
        Line("ordering.company", "needs += self.gone[over, other].get(value, ())", "pass"),
    ),
    (
        "the limit of a host is not kept",
        as_predicted,
        Line("ordering.timetable", "if places.left_at(each) < 1", "if False"),
    ),
    (
        "the limit of a cluster is not kept",
        as_predicted,
        Line("ordering.timetable", "while queue and places.left_in(cluster) > 0:", "while queue:"),
    ),
    (
        "all is in one wave",
        in_waves,
        Line("ordering.timetable", "waves[need] + 1 for need in before", "0 for need in before"),
    ),
    (
        "a wave has any number of travellers",
        in_waves,
        Line(
            "ordering.timetable",
            ">= most for kind, which, most in asked",
            "> most + 9 for kind, which, most in asked",
        ),
    ),
    (
        "who went out of the way stays there",
        one_after_the_other,
        Line("ordering.order", "if not lost:", "if True:"),
    ),
    (
        "nobody goes out of the way",
        with_a_turning_place,
        Line(
            "ordering.detours",
            "if host != NOWHERE:\n                traffic.detoured",
            "if False:\n                traffic.detoured",
        ),
    ),
    (
        "legs are listed as they were found",
        the_same_again,
        Line("ordering.timetable", "key=lambda each: (begins[each], each))", "key=lambda each: each)"),
    ),
)
