"""Look further where the first answer leaves somebody without a host: who came with it may sit elsewhere.

Small questions are searched through, in the order of the turns and the best hosts first, until nothing
better is left or the effort is used up. Where that is too much, whoever has no host is asked first, as in
the squeaky wheel search of Joslin and Clements (1999). Better is who counts more: more of a larger
priority, whatever becomes of a smaller one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from operator import itemgetter

import numpy as np

from reconciler.planner.placement.bid import Bid
from reconciler.planner.placement.problem import NOWHERE, Flags, Integers, Problem, Relation
from reconciler.planner.placement.seats import Seats

_SEARCHED = 640
"""Machines times hosts that are searched through."""
_STEPS = 2000
"""How many states are looked at for an effort of 1.0."""
_ROUNDS = 3
"""How often those without a host are asked first."""

Worth = tuple[int, ...]
"""How many have a host, by priority, the largest first: larger is better."""


def serve(seats: Seats, machines: Sequence[int]) -> None:
    """Give each machine in its turn the best host; who finds none is asked again after the others."""
    for _ in served(seats, machines):
        pass


def served(seats: Seats, machines: Sequence[int]) -> Iterator[int]:
    """The same, one after the other: each machine once it has its host."""
    waiting, before = list(machines), 0
    while waiting and len(waiting) != before:
        before, refused = len(waiting), list[int]()
        yield from _seated(seats, waiting, refused)
        waiting = refused


def _seated(seats: Seats, machines: Sequence[int], refused: list[int]) -> Iterator[int]:
    bid, last = None, NOWHERE
    for machine in machines:
        number = int(seats.problem.shape[machine])
        if bid is None or number != last:
            bid, last = Bid.of(seats, number), number
        host = bid.best()
        if host == NOWHERE:
            refused.append(machine)
            continue
        seats.place(machine, host)
        bid.came(host)
        yield machine


def look_further(seats: Seats, machines: Sequence[int], effort: float) -> None:
    """Seat these machines, which are seated as they were served, so that more of them have a host."""
    if all(seats.host[machine] != NOWHERE for machine in machines):
        return
    search = _Search.of(seats, machines, int(effort * _STEPS))
    search.consider()
    _empty(seats, machines)
    if search.bound() > search.best:
        if len(machines) * len(seats.problem.hosts) <= _SEARCHED:
            search.descend()
        else:
            search.left = 0
        if search.left <= 0:
            search.squeak()
    for machine, host in search.found.items():
        if host != NOWHERE:
            seats.place(machine, host)


def _empty(seats: Seats, machines: Sequence[int]) -> None:
    for machine in machines:
        if seats.host[machine] != NOWHERE:
            seats.withdraw(machine)


@dataclass(slots=True)
class _Search:
    """What has been looked at. ``waiting`` are the machines of each shape, in their turns, and ``next`` says
    which of them is the first that has no host: those of one shape are the same to everybody.
    """

    seats: Seats
    machines: Sequence[int]
    left: int
    priority: dict[int, int]
    levels: list[int]
    waiting: dict[int, list[int]]
    next: dict[int, int]
    best: Worth = ()
    found: dict[int, int] = field(default_factory=dict)
    _seen: set[frozenset[tuple[tuple[int, int], int]]] = field(default_factory=set)
    _here: dict[tuple[int, int], int] = field(default_factory=dict)

    @staticmethod
    def of(seats: Seats, machines: Sequence[int], steps: int) -> _Search:
        problem = seats.problem
        waiting: dict[int, list[int]] = {}
        for machine in machines:
            waiting.setdefault(int(problem.shape[machine]), []).append(machine)
        priority = {machine: _priority(problem, machine) for machine in machines}
        levels = sorted(set(priority.values()), reverse=True)
        return _Search(seats, machines, steps, priority, levels, waiting, dict.fromkeys(waiting, 0))

    def bound(self) -> Worth:
        """No more than this can have a host, however those that still wait are seated."""
        most = dict.fromkeys(self.levels, 0)
        for number, machines in self.waiting.items():
            rest = len(machines) - self.next[number]
            placed = self.next[number] + (min(rest, _slots(self.seats, number)) if rest else 0)
            most[self.priority[machines[0]]] += placed
        return tuple(most[level] for level in self.levels)

    def consider(self) -> None:
        """Remember who has which host now, if that is better than all before."""
        found = {machine: int(self.seats.host[machine]) for machine in self.machines}
        placed = [self.priority[machine] for machine, host in found.items() if host != NOWHERE]
        worth = tuple(placed.count(level) for level in self.levels)
        if not self.found or worth > self.best:
            self.best, self.found = worth, found

    def descend(self) -> None:
        """Try every machine that may be next at every host that would do."""
        self.left -= 1
        self.consider()
        for number in self._turns():
            for host in _best_first(Bid.of(self.seats, number)):
                if self.left <= 0 or self.bound() <= self.best:
                    return
                self._try(number, host)

    def _try(self, number: int, host: int) -> None:
        pair = (number, host)
        self._here[pair] = self._here.get(pair, 0) + 1
        # Whoever came first: it is the same in the end.
        state = frozenset((each, count) for each, count in self._here.items() if count)
        if state not in self._seen:
            self._seen.add(state)
            machine = self.waiting[number][self.next[number]]
            self.seats.place(machine, host)
            self.next[number] += 1
            self.descend()
            self.next[number] -= 1
            self.seats.withdraw(machine)
        self._here[pair] -= 1

    def squeak(self) -> None:
        """Serve those first who had no host the last time, and see who has none then."""
        without = {machine for machine, host in self.found.items() if host == NOWHERE}
        for _ in range(_ROUNDS):
            first = sorted(self.machines, key=lambda each: (-self.priority[each], each not in without))
            serve(self.seats, first)
            self.consider()
            without |= {machine for machine in self.machines if self.seats.host[machine] == NOWHERE}
            _empty(self.seats, self.machines)

    def _turns(self) -> list[int]:
        """The shapes of which somebody waits, in the order of the turns."""
        rest = [
            (self.machines.index(each[self.next[number]]), number)
            for number, each in self.waiting.items()
            if self.next[number] < len(each)
        ]
        return [number for _, number in sorted(rest, key=itemgetter(0))]


def _priority(problem: Problem, machine: int) -> int:
    return problem.shapes[int(problem.shape[machine])].priority


def _best_first(bid: Bid) -> Iterator[int]:
    good = bid.good
    while (host := bid.best(good)) != NOWHERE:
        yield host
        good[host] = False


def _slots(seats: Seats, number: int) -> int:
    """No more of a shape than this have room, and are far enough from others."""
    problem, shape = seats.problem, seats.problem.shapes[number]
    may: Flags = shape.allowed if problem.closed is None else shape.allowed & ~problem.closed
    most = len(problem.home)
    for rule in seats.rules.get(shape.group, ()):
        if rule.strict and rule.relation is Relation.APART:
            values = problem.labels[rule.over]
            may = may & (values != NOWHERE) & (seats.tally(rule.other, rule.over).taken[values] == 0)
            if rule.other == shape.group:
                most = min(most, len(np.unique(values[may])))
    return min(most, int(_times(seats, number)[may].sum()))


def _times(seats: Seats, number: int) -> Integers:
    """How many of a shape each host has room for, (H,)."""
    demand = seats.demands[number]
    asked = demand > 0
    if not asked.any():
        return np.full(len(seats.free), len(seats.problem.home), np.int64)
    times: Integers = (np.maximum(0, seats.free[:, asked]) // demand[asked]).min(axis=1)
    return times
