"""Every way there is to place what is missing, one machine after the other, by the plainest means.

It shares nothing with the schedulers but the question.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from reconciler.planner.placement.problem import NOWHERE, Problem, Relation, Rule

Seating = tuple[int, ...]
"""The host of each machine."""


def reachable(problem: Problem) -> set[Seating]:
    """Every seating that can come about while each machine is let in where the rules are kept then."""
    start: Seating = tuple(problem.home.tolist())
    found, todo = {start}, [start]
    while todo:
        seating = todo.pop()
        for after in _one_more(problem, seating):
            if after not in found:
                found.add(after)
                todo.append(after)
    return found


def worth(problem: Problem, seating: Seating) -> tuple[int, ...]:
    """How many have a host, by priority, the largest first."""
    levels = sorted({shape.priority for shape in problem.shapes}, reverse=True)
    have = [problem.shapes[problem.shape[each]].priority for each, at in enumerate(seating) if at != NOWHERE]
    return tuple(have.count(level) for level in levels)


def _one_more(problem: Problem, seating: Seating) -> Iterator[Seating]:
    for machine, at in enumerate(seating):
        if at == NOWHERE:
            for host in range(len(problem.hosts)):
                if _may_come(problem, seating, machine, host):
                    yield (*seating[:machine], host, *seating[machine + 1 :])


def _free(problem: Problem, seating: Seating, host: int) -> list[int]:
    there = [
        problem.shapes[problem.shape[each]].demand.tolist() for each, at in enumerate(seating) if at == host
    ]
    return [
        room - sum(demand[number] for demand in there)
        for number, room in enumerate(problem.room[host].tolist())
    ]


def _is_open(problem: Problem, seating: Seating, machine: int, host: int) -> bool:
    """Whether it may be there, whoever else is, and however little room there is."""
    shape = problem.shapes[problem.shape[machine]]
    if not shape.allowed[host] or (problem.closed is not None and problem.closed[host]):
        return False
    return shape.admits is None or shape.admits(host, np.array(_free(problem, seating, host), np.int64))


def _may_come(problem: Problem, seating: Seating, machine: int, host: int) -> bool:
    shape = problem.shapes[problem.shape[machine]]
    free = _free(problem, seating, host)
    if any(0 < need > left for need, left in zip(shape.demand.tolist(), free, strict=True)):
        return False
    if not _is_open(problem, seating, machine, host):
        return False
    return all(
        _is_kept(problem, seating, machine, host, rule)
        for rule in problem.rules
        if rule.strict and rule.group == shape.group
    )


def _is_kept(problem: Problem, seating: Seating, machine: int, host: int, rule: Rule) -> bool:
    value = int(problem.labels[rule.over][host])
    if value == NOWHERE:
        return False
    match rule.relation:
        case Relation.APART:
            return value not in _values(problem, seating, rule.other, rule.over, also_leaving=True)
        case Relation.TOGETHER:
            others = [each for each in _values(problem, seating, rule.other, rule.over) if each != NOWHERE]
            return value in others or (not others and not rule.follows)
        case Relation.SPREAD:
            own = _values(problem, seating, rule.group, rule.over)
            values = {
                int(problem.labels[rule.over][each])
                for each in range(len(problem.hosts))
                if _is_open(problem, seating, machine, each)
            }
            least = min(own.count(each) for each in values - {NOWHERE})
            return own.count(value) + 1 - least <= rule.max_skew


def _values(
    problem: Problem, seating: Seating, group: int, over: str, *, also_leaving: bool = False
) -> list[int]:
    return [
        int(problem.labels[over][at])
        for each, at in enumerate(seating)
        if at != NOWHERE
        and problem.shapes[problem.shape[each]].group == group
        and (also_leaving or not problem.leaving[each])
    ]
