"""Where everybody stands while an answer is sought, and where one of them could go instead.

The book of the searches: room, and seats by the values of labels, kept up with each move. What it says of
the strict rules is what ``check.violations`` would find, asked before the move and for all hosts at once.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from reconciler.planner.placement.problem import (
    NOWHERE,
    Flags,
    Integers,
    Problem,
    Relation,
    Rule,
)


class Stand:
    """An assignment, and what follows from it. Mutable; it never leaves the search that made it."""

    def __init__(self, problem: Problem, host: Integers) -> None:
        self.problem = problem
        self.host = host.astype(np.int64, copy=True)
        self.demand = demands(problem)
        self.group = problem.groups[problem.shape]
        self.used = used(problem, self.host)
        self._rules: dict[int, list[Rule]] = {}
        self._seats: dict[tuple[int, str], Integers] = {}
        self._staying: dict[tuple[int, str], Integers] = {}
        self._open: dict[tuple[int, str], Flags] = {}
        for rule in problem.rules:
            for group in {rule.group, _other(rule)}:
                self._rules.setdefault(group, []).append(rule)
                self._count(group, rule.over)

    def _count(self, group: int, over: str) -> None:
        values = self.problem.labels[over]
        size = int(values.max(initial=NOWHERE)) + 1
        own = (self.group == group) & (self.host != NOWHERE)
        for book, who in ((self._seats, own), (self._staying, own & ~self.problem.leaving)):
            there = values[self.host[who]]
            book[(group, over)] = np.bincount(there[there != NOWHERE], minlength=size)
        staying = np.flatnonzero(own & ~self.problem.leaving)
        may = self.problem.shapes[self.problem.shape[staying[0]]].allowed if len(staying) else None
        is_open = np.zeros(size, np.bool_)
        if may is not None:
            is_open[values[may & (values != NOWHERE)]] = True
        self._open[(group, over)] = is_open

    @property
    def free(self) -> Integers:
        """What is left of each host, (H, R)."""
        return np.asarray(self.problem.room - self.used, np.int64)

    def ruled(self, group: int) -> bool:
        """Whether it matters to a group, or to others, where its machines are."""
        return group in self._rules

    def neighbours(self, group: int) -> set[int]:
        """The groups for which a move of this one's changes where they may go, itself among them."""
        return {group} | {each for rule in self._rules.get(group, ()) for each in (rule.group, _other(rule))}

    def move(self, machine: int, to: int) -> None:
        """Put a machine on a host, or NOWHERE."""
        was, group = int(self.host[machine]), int(self.group[machine])
        for at, sign in ((was, -1), (to, 1)):
            if at == NOWHERE:
                continue
            self.used[at] += sign * self.demand[machine]
            self._seat(machine, group, at, sign)
        self.host[machine] = to

    def _seat(self, machine: int, group: int, at: int, sign: int) -> None:
        for over in {rule.over for rule in self._rules.get(group, ())}:
            value = int(self.problem.labels[over][at])
            if value != NOWHERE:
                self._seats[(group, over)][value] += sign
                if not self.problem.leaving[machine]:
                    self._staying[(group, over)][value] += sign

    def fits(self, machine: int) -> Flags:
        """Hosts with room for it, (H,); its own is one of them."""
        need = self.demand[machine]
        fits: Flags = ((self.free >= need) | (need == 0)).all(axis=1)
        if self.host[machine] != NOWHERE:
            fits[self.host[machine]] = True
        return fits

    def allowed(self, machine: int) -> Flags:
        """Hosts on which it breaks no strict rule and makes nobody else break one, room apart; (H,)."""
        allowed: Flags = self.problem.shapes[self.problem.shape[machine]].allowed
        strict = [rule for rule in self._rules.get(int(self.group[machine]), ()) if rule.strict]
        if not strict:
            return allowed
        was = int(self.host[machine])
        self.move(machine, NOWHERE)
        for rule in strict:
            for refused in self._refused(machine, rule, was):
                allowed = np.logical_and(allowed, ~refused)
        self.move(machine, was)
        return allowed

    def broken(self, machine: int) -> Integers:
        """How often rules that are not strict would be broken with it on each host, (H,)."""
        count = np.zeros(len(self.problem.hosts), np.int64)
        soft = [rule for rule in self._rules.get(int(self.group[machine]), ()) if not rule.strict]
        if soft:
            was = int(self.host[machine])
            self.move(machine, NOWHERE)
            for rule in soft:
                if rule.relation == Relation.SPREAD:
                    count += self._uneven(machine, rule)
                    continue
                for refused in self._refused(machine, rule, was):
                    count += refused
            self.move(machine, was)
        return count

    def _refused(self, machine: int, rule: Rule, was: int) -> Iterator[Flags]:
        """Hosts against which a rule speaks, as one of its ``group`` and as one of its ``other``."""
        values, own = self.problem.labels[rule.over], int(self.group[machine])
        if rule.relation == Relation.SPREAD:
            yield _by_value(values, self._skewed(rule), unlabelled=True)
            return
        if own == rule.group:
            yield _by_value(values, self._unlike(rule), unlabelled=True)
        if own == rule.other:
            yield self._needed(machine, rule, was)

    def _unlike(self, rule: Rule) -> Flags:
        """Values where a machine of the rule's group breaks it, the machine itself being nowhere."""
        if rule.relation == Relation.APART:
            return np.asarray(self._seats[(rule.other, rule.over)] > 0, np.bool_)
        there = self._staying[(rule.other, rule.over)]
        return np.asarray((there == 0) & there.any(), np.bool_)

    def _needed(self, machine: int, rule: Rule, was: int) -> Flags:
        """Hosts where a machine of the rule's other makes one of its group break it."""
        values = self.problem.labels[rule.over]
        mine = self._seats[(rule.group, rule.over)]
        if rule.relation == Relation.APART:
            return _by_value(values, mine > 0, unlabelled=False)
        if self.problem.leaving[machine]:
            return np.zeros(len(values), np.bool_)
        others = self._staying[(rule.other, rule.over)]
        # Who is of both groups is not its own company.
        alone = (mine > 0) & ((others <= 1) if rule.group == rule.other else (others == 0))
        if not alone.any():
            return np.zeros(len(values), np.bool_)
        here = int(values[was]) if was != NOWHERE else NOWHERE
        left = alone.nonzero()[0]
        if rule.group == rule.other and mine.sum() == 1:
            return np.zeros(len(values), np.bool_)  # `_unlike` has sent it to the only other one
        return np.asarray(values != (here if here in left else left[0]), np.bool_)

    def _uneven(self, machine: int, rule: Rule) -> Integers:
        """How many would be where too many are, with one more on each host, (H,)."""
        values = self.problem.labels[rule.over]
        count = self._staying[(rule.group, rule.over)]
        if self.problem.leaving[machine] or not len(count):
            return np.zeros(len(values), np.int64)
        is_open = self._open[(rule.group, rule.over)]
        lows = np.sort(count[is_open])
        least = int(lows[0]) if len(lows) else 0

        def crowded(there: Integers, least: int) -> Integers:
            return np.asarray(np.where(there - least > rule.max_skew, there, 0), np.int64)

        now = crowded(count, least)
        found = now.sum() - now + crowded(count + 1, least)
        only = np.flatnonzero(is_open & (count == least))
        if len(only) == 1:
            # With one more where the fewest are, there are nowhere as few.
            then = count.copy()
            then[only] += 1
            found[only] = crowded(then, int(then[is_open].min())).sum()
        return np.asarray(np.where(values == NOWHERE, found.max(initial=0) + 1, found[values]), np.int64)

    def _skewed(self, rule: Rule) -> Flags:
        """Values where one more would leave the numbers further apart than they may be."""
        count = self._staying[(rule.group, rule.over)]
        is_open = self._open[(rule.group, rule.over)]
        least = np.zeros(len(count), np.int64)
        lows = np.sort(count[is_open])
        if len(lows):
            least += lows[0]
            if len(lows) == 1 or lows[1] > lows[0]:
                only = is_open & (count == lows[0])
                least[only] = min(lows[0] + 1, lows[1] if len(lows) > 1 else lows[0] + 1)
        most = np.maximum(count.max(initial=0), count + 1)
        return np.asarray(most - least > rule.max_skew, np.bool_)


def demands(problem: Problem) -> Integers:
    """What each machine asks for, (N, R)."""
    if not problem.shapes:
        return np.zeros((0, len(problem.resources)), np.int64)
    return np.stack([shape.demand for shape in problem.shapes])[problem.shape]


def used(problem: Problem, host: Integers) -> Integers:
    """What an assignment takes of each host, (H, R)."""
    taken = np.zeros((len(problem.hosts), len(problem.resources)), np.int64)
    placed = host != NOWHERE
    np.add.at(taken, host[placed], demands(problem)[placed])
    return taken


def _other(rule: Rule) -> int:
    return rule.group if rule.relation == Relation.SPREAD else rule.other


def _by_value(values: Integers, refused: Flags, *, unlabelled: bool) -> Flags:
    """Values of a label as hosts; ``unlabelled`` for those that have none."""
    if not len(refused):
        return np.full(len(values), unlabelled)
    return np.where(values == NOWHERE, unlabelled, refused[values])
