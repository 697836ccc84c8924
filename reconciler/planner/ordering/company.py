"""Who may come where while others are still on their way: strict rules in every state in between.

Who travels keeps others apart at both ends. Rules that count heads (spread, together) let one of
their machines change its value at a time, so that every state in between is one that was looked at.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from reconciler.planner.placement.problem import NOWHERE, Problem, Relation, Rule

Counts = dict[int, int]
"""Heads by value of a label."""


@dataclass(slots=True, eq=False)
class Heads:
    """A rule that counts: of its own group and of the other one, those who are there to stay."""

    rule: Rule
    values: list[int]
    own: Counts
    other: Counts
    open_values: frozenset[int]
    changing: int | None = None
    """The leg that changes the value of one of its machines now."""
    last: int | None = None
    """The leg that did so last."""

    def bad(self, own: Counts, other: Counts) -> set[int]:
        """The values at which the rule would be broken."""
        if self.rule.relation is Relation.SPREAD:
            least = min((own.get(value, 0) for value in self.open_values), default=0)
            return {value for value, count in own.items() if count - least > self.rule.max_skew}
        itself = 1 if self.rule.group == self.rule.other else 0
        if sum(other.values()) <= itself:
            return set()
        return {value for value, count in own.items() if count and other.get(value, 0) <= itself}

    def moved(self, group: int, source: int, target: int) -> tuple[Counts, Counts]:
        """The counts after one of a group has changed its value (NOWHERE: it is not there)."""
        own = _moved(self.own, source, target) if group == self.rule.group else self.own
        if self.rule.other == self.rule.group:
            return own, own
        return own, _moved(self.other, source, target) if group == self.rule.other else self.other

    def allows(self, group: int, source: int, target: int) -> bool:
        """Whether nobody breaks the rule then who keeps it now."""
        before, after = self.bad(self.own, self.other), self.bad(*self.moved(group, source, target))
        if group == self.rule.group and target in after and source not in before:
            return False
        # Who breaks it already may do so elsewhere, where it is alone with that.
        alone = {target} if source in before and not self.own.get(target) else set()
        return after <= before | alone


def _moved(counts: Counts, source: int, target: int) -> Counts:
    counts = dict(counts)
    if source != NOWHERE:
        counts[source] -= 1
    if target != NOWHERE:
        counts[target] = counts.get(target, 0) + 1
    return counts


@dataclass(slots=True, eq=False)
class Company:
    """Who is where, for the groups of those who move, and the rules they have with each other."""

    group: list[int]
    leaving: list[bool]
    values: dict[str, list[int]]
    apart: dict[int, list[tuple[str, int]]] = field(default_factory=dict)
    """Of whom a group keeps apart, over which label."""
    heads: list[Heads] = field(default_factory=list)
    counting: dict[int, list[int]] = field(default_factory=dict)
    """The numbers of the rules that count a group."""
    seats: dict[tuple[str, int], dict[int, dict[int, int]]] = field(default_factory=dict)
    """By label and group: at each value, who is there, and with how many ends of a journey."""
    gone: dict[tuple[str, int], dict[int, list[int]]] = field(default_factory=dict)
    """The legs by which somebody left a value."""

    @staticmethod
    def of(problem: Problem, moving: Iterable[int]) -> Company:
        """Everybody at home."""
        groups = problem.groups
        group = groups[problem.shape] if len(groups) else problem.shape
        concerned = set(group[list(moving)].tolist())
        rules = [
            rule
            for rule in problem.rules
            if rule.strict and not concerned.isdisjoint((rule.group, rule.other))
        ]
        values = {over: problem.labels[over].tolist() for over in {rule.over for rule in rules}}
        company = Company(group.tolist(), problem.leaving.tolist(), values)
        if not rules:
            return company
        ruled = {each for rule in rules for each in (rule.group, rule.other)}
        members: dict[int, list[int]] = {each: [] for each in ruled}
        home = problem.home.tolist()
        for machine in np.nonzero(np.isin(group, list(ruled)) & (problem.home != NOWHERE))[0].tolist():
            members[company.group[machine]].append(machine)
        for rule in rules:
            if rule.relation is Relation.APART:
                company._keep_apart(rule, members, home)
            else:
                company._count(problem, rule, members, home)
        return company

    def _keep_apart(self, rule: Rule, members: dict[int, list[int]], home: list[int]) -> None:
        for own, other in {(rule.group, rule.other), (rule.other, rule.group)}:
            pairs = self.apart.setdefault(own, [])
            if (rule.over, other) in pairs:
                continue
            pairs.append((rule.over, other))
            if (rule.over, other) not in self.seats:
                seats = self.seats[rule.over, other] = {}
                self.gone[rule.over, other] = {}
                values = self.values[rule.over]
                for machine in members[other]:
                    seats.setdefault(values[home[machine]], {})[machine] = 1

    def _count(self, problem: Problem, rule: Rule, members: dict[int, list[int]], home: list[int]) -> None:
        values = self.values[rule.over]

        def counted(group: int) -> Counts:
            counts: Counts = {}
            for machine in members.get(group, ()):
                if not self.leaving[machine] and values[home[machine]] != NOWHERE:
                    counts[values[home[machine]]] = counts.get(values[home[machine]], 0) + 1
            return counts

        open_values: set[int] = set()
        if rule.relation is Relation.SPREAD:
            own = next((shape for shape in problem.shapes if shape.group == rule.group), None)
            allowed = problem.labels[rule.over][own.allowed] if own is not None else np.zeros(0, np.int64)
            open_values = set(np.unique(allowed[allowed != NOWHERE]).tolist())
        counts = counted(rule.group)
        other = counts if rule.other in (rule.group, NOWHERE) else counted(rule.other)
        for group in {rule.group, rule.other} - {NOWHERE}:
            self.counting.setdefault(group, []).append(len(self.heads))
        self.heads.append(Heads(rule, values, counts, other, frozenset(open_values)))

    def in_the_way(self, machine: int, source: int, target: int) -> list[int]:
        """Who keeps a machine from coming to a host as long as they are where they are."""
        found: list[int] = []
        for over, other in self.apart.get(self.group[machine], ()):
            values = self.values[over]
            value = values[target]
            if value == NOWHERE or (source != NOWHERE and values[source] == value):
                continue
            found += [each for each in self.seats[over, other].get(value, ()) if each != machine]
        return found

    def not_yet(self, machine: int, source: int, target: int) -> list[int]:
        """The numbers of the counting rules that a machine must wait for."""
        if self.leaving[machine]:
            return []
        group = self.group[machine]
        return [
            number
            for number in self._changed(machine, source, target)
            if self.heads[number].changing is not None
            or not self.heads[number].allows(group, *self._between(number, source, target))
        ]

    def begin(self, leg: int, machine: int, source: int, target: int) -> list[int]:
        """A machine sets out; the legs that must have been done before."""
        needs: list[int] = []
        own = self.group[machine]
        for over, other in self.apart.get(own, ()):
            values = self.values[over]
            if target != NOWHERE and (value := values[target]) != NOWHERE:
                needs += self.gone[over, other].get(value, ())
        for over in {over for over, _ in self.apart.get(own, ())}:
            if target != NOWHERE and (over, own) in self.seats:
                there = self.seats[over, own].setdefault(self.values[over][target], {})
                there[machine] = there.get(machine, 0) + 1
        if not self.leaving[machine]:
            for number in self._changed(machine, source, target):
                heads = self.heads[number]
                if heads.last is not None:
                    needs.append(heads.last)
                heads.changing = leg
        return needs

    def end(self, leg: int, machine: int, source: int, target: int) -> list[int]:
        """A machine has arrived, or is gone; the numbers of the counting rules that know it now."""
        own = self.group[machine]
        for over in {over for over, _ in self.apart.get(own, ())}:
            if source != NOWHERE and (over, own) in self.seats:
                value = self.values[over][source]
                there = self.seats[over, own][value]
                there[machine] -= 1
                if not there[machine]:
                    del there[machine]
                    self.gone[over, own].setdefault(value, []).append(leg)
        if self.leaving[machine]:
            return []
        changed = self._changed(machine, source, target)
        for number in changed:
            heads = self.heads[number]
            heads.own, heads.other = heads.moved(own, *self._between(number, source, target))
            heads.changing, heads.last = None, leg
        return changed

    def _changed(self, machine: int, source: int, target: int) -> list[int]:
        numbers = self.counting.get(self.group[machine], ())
        return [number for number in numbers if len(set(self._between(number, source, target))) > 1]

    def _between(self, number: int, source: int, target: int) -> tuple[int, int]:
        values = self.heads[number].values
        return (
            NOWHERE if source == NOWHERE else values[source],
            NOWHERE if target == NOWHERE else values[target],
        )
