"""What an answer breaks: every strict rule, asked of every machine, by the plainest means there are.

It shares nothing with the schedulers, so that it can judge them: ours, a user's own, and every state
between two placements.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from reconciler.planner.placement.problem import NOWHERE, Integers, Problem, Relation, Rule


@dataclass(frozen=True, slots=True, order=True)
class Violation:
    """Machine number ``machine`` (NOWHERE: the host as a whole) breaks ``rule`` on host number ``host``."""

    host: int
    machine: int
    rule: str


def violations(problem: Problem, host: Integers) -> tuple[Violation, ...]:
    """Everything that an assignment (N,) breaks, sorted; whoever is NOWHERE breaks nothing."""
    found = (*_overfull(problem, host), *_not_allowed(problem, host), *_between(problem, host))
    return tuple(sorted(found))


def _overfull(problem: Problem, host: Integers) -> Iterator[Violation]:
    taken = [[0] * len(problem.resources) for _ in problem.hosts]
    for machine, at in enumerate(host.tolist()):
        if at != NOWHERE:
            for number, amount in enumerate(problem.shapes[problem.shape[machine]].demand.tolist()):
                taken[at][number] += amount
    for at, row in enumerate(problem.room.tolist()):
        for number, resource in enumerate(problem.resources):
            # Who has been given less than nothing by others is not made worse by machines that take nothing.
            if taken[at][number] > max(0, row[number]):
                yield Violation(at, NOWHERE, resource)


def _not_allowed(problem: Problem, host: Integers) -> Iterator[Violation]:
    for machine, at in enumerate(host.tolist()):
        if at != NOWHERE and not problem.shapes[problem.shape[machine]].allowed[at]:
            yield Violation(at, machine, "allowed")


def _between(problem: Problem, host: Integers) -> Iterator[Violation]:
    members: dict[int, list[int]] = {}
    for machine, at in enumerate(host.tolist()):
        if at != NOWHERE:
            members.setdefault(problem.shapes[problem.shape[machine]].group, []).append(machine)
    for rule in problem.rules:
        if rule.strict:
            yield from _CHECKS[rule.relation](problem, host, rule, members)


Members = dict[int, list[int]]


def _apart(problem: Problem, host: Integers, rule: Rule, members: Members) -> Iterator[Violation]:
    values = problem.labels[rule.over]
    there = Counter(int(values[host[each]]) for each in members.get(rule.other, ()))
    for machine in members.get(rule.group, ()):
        value = int(values[host[machine]])
        if value == NOWHERE or there[value] > (1 if rule.group == rule.other else 0):
            yield Violation(int(host[machine]), machine, f"apart over {rule.over}")


def _together(problem: Problem, host: Integers, rule: Rule, members: Members) -> Iterator[Violation]:
    values = problem.labels[rule.over]
    staying = [each for each in members.get(rule.other, ()) if not problem.leaving[each]]
    for machine in members.get(rule.group, ()):
        others = [int(values[host[each]]) for each in staying if each != machine]
        value = int(values[host[machine]])
        if value == NOWHERE or (others and value not in others):
            yield Violation(int(host[machine]), machine, f"together over {rule.over}")


def _spread(problem: Problem, host: Integers, rule: Rule, members: Members) -> Iterator[Violation]:
    values = problem.labels[rule.over]
    own = [each for each in members.get(rule.group, ()) if not problem.leaving[each]]
    if not own:
        return
    counts = Counter(int(values[host[each]]) for each in own)
    allowed = problem.shapes[problem.shape[own[0]]].allowed
    open_values = {int(value) for value, may in zip(values, allowed, strict=True) if may and value != NOWHERE}
    least = min((counts[value] for value in open_values), default=0)
    for machine in own:
        value = int(values[host[machine]])
        if value == NOWHERE or counts[value] - least > rule.max_skew:
            yield Violation(int(host[machine]), machine, f"spread over {rule.over}")


_CHECKS = {Relation.APART: _apart, Relation.TOGETHER: _together, Relation.SPREAD: _spread}
