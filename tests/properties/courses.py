"""Small fleets and other placements of them: full hosts, every rule, machines that come, go and grow."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.planner.ordering.course import Course, Limits
from reconciler.planner.placement.check import violations
from reconciler.planner.placement.problem import (
    NOWHERE,
    Cluster,
    Integers,
    Problem,
    Relation,
    Rule,
    Shape,
)
from tests.properties.repeatable import REPEATABLE

_RELATIONS = (Relation.APART, Relation.APART, Relation.TOGETHER, Relation.SPREAD)


@st.composite
def courses(draw: st.DrawFn, *, ruled: bool = True, growing: bool = True) -> Course:
    """A fleet of a few hosts in two or three racks, and where everybody is to be."""
    luck = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    hosts, count = draw(st.integers(2, 6)), draw(st.integers(1, 12))
    groups = draw(st.integers(1, 4))
    shapes = tuple(
        Shape(f"s{number}", group, luck.integers(0, 5, 2), luck.random(hosts) < 0.9)
        for number, group in enumerate([*range(groups), *luck.integers(0, groups, 2).tolist()])
    )
    problem = Problem(
        tuple(f"h{number}" for number in range(hosts)),
        ("cpus", "memory"),
        luck.integers(4, 12, (hosts, 2)),
        shapes,
        luck.integers(0, len(shapes), count),
        np.full(count, NOWHERE),
        np.ones(count, np.bool_),
        np.zeros(count, np.bool_),
        luck.integers(1, 100, count).astype(np.float64),
        {"host": np.arange(hosts), "rack": np.arange(hosts) % draw(st.integers(2, 3))},
        tuple(_rule(luck, groups) for _ in range(draw(st.integers(0, 3)) if ruled else 0)),
        (Cluster("one", np.ones(hosts, np.bool_)),),
    )
    home, goal = _somewhere(problem, luck), _somewhere(problem, luck)
    stays = luck.random(count) < draw(st.sampled_from((0.0, 0.4)))
    goal = np.where(stays, home, goal)
    if draw(st.booleans()):
        goal = _swapped(problem, home, luck)
    # Who cannot be placed at the end is to go, and only some of those who were nowhere are to come.
    leaving = (home != NOWHERE) & (goal == NOWHERE)
    problem = _with(problem, home, leaving)
    now = None
    if growing and draw(st.booleans()):
        demands = np.array([shape.demand for shape in shapes])[problem.shape]
        now = np.maximum(0, demands - luck.integers(-1, 3, demands.shape))
    limits = Limits(draw(st.sampled_from((None, 1, 2))), draw(st.sampled_from((None, 1, 3))))
    seconds = luck.integers(1, 20, count).astype(np.float64)
    may_stop = luck.random(count) < draw(st.sampled_from((0.0, 0.3)))
    return Course(problem, goal, seconds, may_stop, limits, now)


def _rule(luck: np.random.Generator, groups: int) -> Rule:
    relation = _RELATIONS[luck.integers(0, len(_RELATIONS))]
    group, other = luck.integers(0, groups, 2).tolist()
    if relation is Relation.SPREAD:
        other = NOWHERE
    return Rule(
        relation, group, ("host", "rack")[luck.integers(0, 2)], other, max_skew=int(luck.integers(1, 3))
    )


def _somewhere(problem: Problem, luck: np.random.Generator) -> Integers:
    """Everybody who finds a place in a random order, no rule broken."""
    host = np.full(len(problem.shape), NOWHERE)
    for machine in luck.permutation(len(host)).tolist():
        for at in luck.permutation(len(problem.hosts)).tolist():
            host[machine] = at
            if not violations(problem, host):
                break
            host[machine] = NOWHERE
    return host


def _swapped(problem: Problem, home: Integers, luck: np.random.Generator) -> Integers:
    """Some of those that ask for the same change places, in circles of any length."""
    goal = home.copy()
    for number in range(len(problem.shapes)):
        alike = luck.permutation(np.nonzero((problem.shape == number) & (home != NOWHERE))[0])
        goal[alike] = home[np.roll(alike, 1)]
    return goal


def _with(problem: Problem, home: Integers, leaving: np.ndarray) -> Problem:
    return Problem(
        problem.hosts,
        problem.resources,
        problem.room,
        problem.shapes,
        problem.shape,
        home,
        problem.movable,
        leaving,
        problem.cost,
        problem.labels,
        problem.rules,
        problem.clusters,
    )


_T = TypeVar("_T")


def try_law(law: Callable[[_T, Course], None], subject: _T, *, examples: int) -> None:
    """Hold an ordering against a law, over the same courses each time. Raises what the law raises."""

    @settings(REPEATABLE, max_examples=examples)
    @given(courses())
    def holds(course: Course) -> None:
        law(subject, course)

    holds()
