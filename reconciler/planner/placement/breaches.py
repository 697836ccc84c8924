"""Who breaks a strict rule where it is: what repair is for.

Whoever is about to be destroyed is in nobody's way here, and who is on its way counts where it goes.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from reconciler.planner.placement.problem import NOWHERE, Flags, Integers, Problem, Relation, Rule
from reconciler.planner.placement.seats import Seats


def wrong(problem: Problem) -> frozenset[int]:
    """Machines that break a strict rule where they are."""
    seats = Seats.of(problem)
    return frozenset((*misplaced(seats), *unneighbourly(seats)))


def misplaced(seats: Seats) -> list[int]:
    """Machines on hosts where they are not allowed to be at all."""
    problem, placed = seats.problem, seats.host != NOWHERE
    # Many shapes share their hosts.
    numbers: dict[int, int] = {}
    kind = np.array(
        [numbers.setdefault(id(shape.allowed), len(numbers)) for shape in problem.shapes], np.int64
    )
    kinds = {id(shape.allowed): shape.allowed for shape in problem.shapes}
    allowed = np.array(list(kinds.values()), np.bool_)
    found = placed & ~problem.leaving
    if found.any():
        found[found] = ~allowed[kind[problem.shape[found]], seats.host[found]]
    return [int(machine) for machine in np.nonzero(found)[0]]


def unneighbourly(seats: Seats) -> list[int]:
    """Machines that break a strict rule between groups, each once."""
    found: set[int] = set()
    crowded: dict[str, set[int]] = {}
    for rule in seats.problem.rules:
        if not (rule.strict and rule.moves):
            continue
        if rule.relation is Relation.APART and rule.group == rule.other:
            if rule.over not in crowded:
                crowded[rule.over] = _crowded(seats, rule.over)
            if rule.group not in crowded[rule.over]:
                continue
        found.update(breaking(seats, rule))
    return sorted(found)


def _crowded(seats: Seats, over: str) -> set[int]:
    """The groups of which two are at one value of a label, or one is where there is none: all at once, since
    most rules are kept.
    """
    problem = seats.problem
    machines = np.nonzero((seats.host != NOWHERE) & ~problem.leaving)[0]
    groups = problem.groups[problem.shape[machines]]
    values = problem.labels[over][seats.host[machines]]
    _, first, counts = np.unique(
        groups * (int(values.max(initial=0)) + 2) + values, return_index=True, return_counts=True
    )
    return {*groups[first[counts > 1]].tolist(), *groups[values == NOWHERE].tolist()}


def breaking(seats: Seats, rule: Rule) -> list[int]:
    """The machines that break one rule."""
    own = [
        machine
        for machine in seats.members(rule.group)
        if seats.host[machine] != NOWHERE and not seats.problem.leaving[machine]
    ]
    if not own:
        return []
    machines = np.array(own, np.int64)
    values = seats.problem.labels[rule.over][seats.host[machines]]
    return [int(machine) for machine in machines[_is_broken(seats, rule, machines, values)]]


def _is_broken(seats: Seats, rule: Rule, machines: Integers, values: Integers) -> Flags:
    if rule.relation is Relation.SPREAD:
        staying = seats.tally(rule.group, rule.over).staying
        least = _least(seats, rule, machines)
        uneven: Flags = (values == NOWHERE) | (staying[values] - least > rule.max_skew)
        return uneven
    # It is not its own neighbour.
    itself = 1 if rule.other == rule.group else 0
    staying = seats.tally(rule.other, rule.over).staying
    others = staying[values] - itself
    if rule.relation is Relation.APART:
        near: Flags = (values == NOWHERE) | (others > 0)
        return near
    anywhere = int(staying[:NOWHERE].sum()) - itself
    far: Flags = (values == NOWHERE) | ((others == 0) & (anywhere > 0))
    return far


def _least(seats: Seats, rule: Rule, machines: Integers) -> Integers:
    """For each machine, the fewest there are at a value where it might be."""
    values = seats.problem.labels[rule.over]
    staying = seats.tally(rule.group, rule.over).staying
    by_shape: dict[int, int] = {}
    shapes = seats.problem.shape[machines].tolist()
    for number in set(shapes):
        is_open = np.zeros(len(staying), np.bool_)
        may = seats.problem.shapes[number].allowed
        is_open[values[may if seats.problem.closed is None else may & ~seats.problem.closed]] = True
        is_open[NOWHERE] = False
        by_shape[number] = int(staying[is_open].min()) if is_open.any() else 0
    return np.array([by_shape[number] for number in shapes], np.int64)


def concerning(seats: Seats, groups: Iterable[int]) -> list[Rule]:
    """The strict rules in which one of these groups has a part."""
    wanted = set(groups)
    return [
        rule
        for rule in seats.problem.rules
        if rule.strict and rule.moves and not wanted.isdisjoint((rule.group, rule.other))
    ]


def count(seats: Seats, rules: Iterable[Rule]) -> int:
    """How many machines break these rules, a machine once for each."""
    return sum(len(breaking(seats, rule)) for rule in rules)
