"""Who sits where, and what is left, as numbers: what a scheduler changes as it decides.

Who moves keeps its room and its seat where it was, too: it is there until it is confirmed at the other
end. What a plan makes free is never given away by it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from reconciler.planner.placement.problem import (
    NOWHERE,
    Flags,
    Integers,
    Problem,
    Reals,
    Relation,
    Rule,
)


@dataclass(slots=True, eq=False)
class Tally:
    """How many of a group there are at each value of a label; the last entry is for hosts without one.

    ``taken`` counts everybody who is in somebody's way, ``staying`` those who will be there afterwards.
    """

    taken: Integers
    staying: Integers

    def seat(self, value: int, count: int, *, stays: bool) -> None:
        """One more, or with a ``count`` of -1 one less."""
        self.taken[value] += count
        if stays:
            self.staying[value] += count


@dataclass(slots=True, eq=False)
class Remembered:
    """What a function says of each host for what is free there: it is asked again where that has changed."""

    ask: Callable[[int, Integers], float]
    values: Reals
    _free: Integers

    @staticmethod
    def of(ask: Callable[[int, Integers], float], free: Integers) -> Remembered:
        """Nothing is known yet."""
        never = np.full_like(free, np.iinfo(np.int64).min)
        return Remembered(ask, np.zeros(len(free), np.float64), never)

    def now(self, free: Integers, where: Flags) -> Reals:
        """The values of these hosts; those of others mean nothing."""
        stale = np.nonzero((self._free != free).any(axis=1) & where)[0]
        for host in stale.tolist():
            self.values[host] = self.ask(host, free[host])
        self._free[stale] = free[stale]
        return self.values


@dataclass(slots=True, eq=False)
class Seats:
    """The state of the fleet while hosts are found. ``host`` (N,) is where each machine is or will be."""

    problem: Problem
    host: Integers
    free: Integers
    demands: Integers
    rules: dict[int, list[Rule]]
    _members: dict[int, list[int]]
    _promised: Integers
    """(H, R): what those who move give back once they have arrived."""
    _tallies: dict[int, dict[str, Tally]] = field(default_factory=dict)
    _remembered: dict[Callable[[int, Integers], float], Remembered] = field(default_factory=dict)
    _ghosts: dict[int, int] = field(default_factory=dict)
    _lifted: int = NOWHERE

    @staticmethod
    def of(problem: Problem) -> Seats:
        """Everybody at home."""
        count = len(problem.resources)
        demands = np.array([shape.demand for shape in problem.shapes], np.int64).reshape(-1, count)
        free, seated = problem.room.astype(np.int64), problem.home != NOWHERE
        np.subtract.at(free, problem.home[seated], demands[problem.shape[seated]])
        rules: dict[int, list[Rule]] = {}
        for rule in problem.rules:
            rules.setdefault(rule.group, []).append(rule)
        ruled = {group for rule in problem.rules for group in (rule.group, rule.other)}
        groups = problem.groups
        members: dict[int, list[int]] = {}
        concerned = np.isin(groups, list(ruled))[problem.shape]
        for machine in np.nonzero(concerned)[0].tolist():
            members.setdefault(int(groups[problem.shape[machine]]), []).append(machine)
        return Seats(problem, problem.home.copy(), free, demands, rules, members, np.zeros_like(free))

    def group(self, machine: int) -> int:
        """The group of a machine."""
        return self.problem.shapes[int(self.problem.shape[machine])].group

    def members(self, group: int) -> list[int]:
        """Everybody of a group that a rule names, placed or not."""
        return self._members.get(group, [])

    def tally(self, group: int, over: str) -> Tally:
        """How many of a group there are at each value of a label."""
        known = self._tallies.setdefault(group, {})
        if over not in known:
            values = self.problem.labels[over]
            count = int(values.max(initial=NOWHERE)) + 2
            tally = Tally(np.zeros(count, np.int64), np.zeros(count, np.int64))
            for machine in self.members(group):
                if (at := int(self.host[machine])) != NOWHERE and machine != self._lifted:
                    tally.seat(int(values[at]), 1, stays=not self.problem.leaving[machine])
                if (at := self._ghosts.get(machine, NOWHERE)) != NOWHERE:
                    tally.seat(int(values[at]), 1, stays=False)
            known[over] = tally
        return known[over]

    def remembered(self, ask: Callable[[int, Integers], float]) -> Remembered:
        """What a function says of the hosts."""
        if ask not in self._remembered:
            self._remembered[ask] = Remembered.of(ask, self.free)
        return self._remembered[ask]

    @property
    def afterwards(self) -> Integers:
        """What is free of each host, (H, R), once everybody who moves has arrived."""
        return self.free + self._promised

    def afterwards_at(self, host: int) -> Integers:
        """What is free of one host then, (R,)."""
        row: Integers = self.free[host] + self._promised[host]
        return row

    def place(self, machine: int, host: int) -> None:
        """A machine that is nowhere comes to a host."""
        self.host[machine] = host
        self.free[host] -= self.demands[self.problem.shape[machine]]
        self._seat(machine, host, 1)

    def withdraw(self, machine: int) -> None:
        """A machine that came to a host is nowhere again."""
        host = int(self.host[machine])
        self._seat(machine, host, -1)
        self.free[host] += self.demands[self.problem.shape[machine]]
        self.host[machine] = NOWHERE

    def lift(self, machine: int) -> None:
        """Ask as if it were nowhere, so that it is not in its own way; its room is not free for that."""
        self._seat(machine, int(self.host[machine]), -1)
        self._lifted = machine

    def drop(self, machine: int) -> None:
        """It is where it was, after all."""
        self._lifted = NOWHERE
        self._seat(machine, int(self.host[machine]), 1)

    def move(self, machine: int, host: int) -> None:
        """A machine goes to another host, and takes up both until it is there."""
        home = int(self.host[machine])
        self._seat(machine, home, -1)
        self._ghosts[machine] = home
        self._promised[home] += self.demands[self.problem.shape[machine]]
        self._seat(machine, home, 1, stays=False)
        self.place(machine, host)

    def back(self, machine: int) -> None:
        """It does not move, after all."""
        home = self._ghosts.pop(machine)
        self._promised[home] -= self.demands[self.problem.shape[machine]]
        self._seat(machine, home, -1, stays=False)
        self._seat(machine, int(self.host[machine]), -1)
        self.free[self.host[machine]] += self.demands[self.problem.shape[machine]]
        self.host[machine] = home
        self._seat(machine, home, 1)

    def leavers(self) -> Mapping[int, list[int]]:
        """Who leaves each host, by host."""
        found: dict[int, list[int]] = {}
        for machine, home in sorted(self._ghosts.items()):
            found.setdefault(home, []).append(machine)
        return dict(sorted(found.items()))

    def vanish(self, machine: int) -> int:
        """Ask as if a machine that moves had arrived, and its home, which is returned, were free of it."""
        home = self._ghosts.pop(machine)
        self._promised[home] -= self.demands[self.problem.shape[machine]]
        self._seat(machine, home, -1, stays=False)
        self.free[home] += self.demands[self.problem.shape[machine]]
        return home

    def haunt(self, machine: int, home: int) -> None:
        """It has not arrived yet, after all."""
        self._ghosts[machine] = home
        self._promised[home] += self.demands[self.problem.shape[machine]]
        self._seat(machine, home, 1, stays=False)
        self.free[home] -= self.demands[self.problem.shape[machine]]

    def _seat(self, machine: int, host: int, count: int, *, stays: bool = True) -> None:
        staying = stays and not self.problem.leaving[machine]
        for over, tally in self._tallies.get(self.group(machine), {}).items():
            tally.seat(int(self.problem.labels[over][host]), count, stays=staying)


def good_values(seats: Seats, rule: Rule, may: Flags) -> Flags:
    """At which values of a rule's label one more machine of its group may be; ``may`` (H,) are the hosts
    where it may be at all.
    """
    own, values = seats.tally(rule.group, rule.over), seats.problem.labels[rule.over]
    good: Flags
    match rule.relation:
        case Relation.APART:
            good = seats.tally(rule.other, rule.over).taken == 0
        case Relation.TOGETHER:
            there = seats.tally(rule.other, rule.over).staying > 0
            # The first of its kind, and the first of two that ask for each other, goes where it likes.
            good = there if rule.follows or there[:-1].any() else np.ones_like(there)
        case Relation.SPREAD:
            is_open = np.zeros(len(own.staying), np.bool_)
            is_open[values[may]] = True
            is_open[NOWHERE] = False
            least = int(own.staying[is_open].min()) if is_open.any() else 0
            good = own.staying + 1 - least <= rule.max_skew
    good[NOWHERE] = False
    return good
