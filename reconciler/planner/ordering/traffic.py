"""Who sets out when, if everybody sets out as soon as there is room: which legs, and what each needs.

An event simulation on the predicted durations, without limits. What a leg needs is worked out so that
it holds for any pace: all who come to its host before it are thought to be there, and only those
departures count that it needs.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from reconciler.planner.ordering.company import Company
from reconciler.planner.ordering.course import Course, Kind, Stuck
from reconciler.planner.ordering.rooms import Rooms
from reconciler.planner.placement.problem import NOWHERE


@dataclass(slots=True)
class Passage:
    """A leg as it is found: ``needs`` are the numbers of others in ``Traffic.passages``."""

    machine: int
    kind: Kind
    source: int
    target: int
    needs: list[int]
    detour: bool = False


@dataclass(slots=True, eq=False)
class Traffic:
    """The state of the simulation. ``pending`` are the machines that are not on their last leg yet."""

    course: Course
    rooms: Rooms
    company: Company
    at: list[int]
    goal: list[int]
    before: dict[int, tuple[tuple[int, int], ...]]
    """What each machine that moves takes where it is."""
    after: dict[int, tuple[tuple[int, int], ...]]
    """What it takes elsewhere."""
    pending: dict[int, float]
    """Who has not set out for the goal yet, with its place in the queue."""
    passages: list[Passage] = field(default_factory=list)
    last: dict[int, int] = field(default_factory=dict)
    """The last leg of each machine."""
    waiting: dict[int, list[int]] = field(default_factory=dict)
    """By what they wait for: somebody to leave a host, or (beyond the hosts) to change a counting rule."""
    waits: dict[int, list[int]] = field(default_factory=dict)
    stuck: list[Stuck] = field(default_factory=list)
    detoured: set[int] = field(default_factory=set)
    halted: set[int] = field(default_factory=set)
    """Who has been stopped on the way."""
    away: dict[int, float] = field(default_factory=dict)
    """Who is on a leg that is not its last, with its place in the queue."""
    clock: float = 0.0
    _ending: list[tuple[float, int]] = field(default_factory=list)

    @staticmethod
    def of(course: Course) -> Traffic:
        """Everybody at home."""
        problem = course.problem
        demands = np.array([shape.demand for shape in problem.shapes], np.int64)
        demands = demands.reshape(len(problem.shapes), len(problem.resources))
        home, seated = problem.home, problem.home != NOWHERE
        taken = demands[problem.shape] if course.now is None else course.now
        free = problem.room.astype(np.int64)
        for resource in range(free.shape[1]):
            at_home = np.bincount(home[seated], taken[seated, resource], minlength=len(free))
            free[:, resource] -= at_home.astype(np.int64)
        changed = home != course.goal
        if course.now is not None:
            changed |= seated & (course.now != demands[problem.shape]).any(axis=1)
        moving = np.nonzero(changed)[0].tolist()
        known: dict[tuple[int, ...], tuple[tuple[int, int], ...]] = {}

        def nonzero(amounts: list[int]) -> tuple[tuple[int, int], ...]:
            key = tuple(amounts)
            if key not in known:
                known[key] = tuple((number, amount) for number, amount in enumerate(amounts) if amount > 0)
            return known[key]

        after = [nonzero(each) for each in demands[problem.shape[changed]].tolist()]
        before = after if course.now is None else [nonzero(each) for each in course.now[changed].tolist()]
        rows = free.T.tolist()
        return Traffic(
            course,
            Rooms(rows, [list(row) for row in rows]),
            Company.of(problem, moving),
            home.tolist(),
            course.goal.tolist(),
            dict(zip(moving, before, strict=True)),
            dict(zip(moving, after, strict=True)),
            dict.fromkeys(moving, 0.0),
        )

    @property
    def is_moving(self) -> bool:
        """Whether somebody is on the way."""
        return bool(self._ending)

    def run(self) -> bool:
        """Let everybody go who can, until nobody is on the way; whether somebody is left."""
        self.set_out(self.pending)
        while self._ending:
            self.clock = self._ending[0][0]
            woken: list[int] = []
            while self._ending and self._ending[0][0] <= self.clock:
                woken += self._end(heapq.heappop(self._ending)[1])
            self.set_out(dict.fromkeys(woken))
        return bool(self.pending)

    def set_out(self, machines: Iterable[int]) -> None:
        """Those of them that can set out do, in the order of the queue."""
        queue, pending = [], self.pending
        for machine in machines:
            if machine in pending:
                queue.append((pending[machine], machine))
        queue.sort()
        for _, machine in queue:
            keys = self.obstacles(machine, self.goal[machine])
            if keys is None:
                del self.pending[machine]
                self.waits.pop(machine, None)
                self.begin(machine, self.goal[machine])
                continue
            self.waits[machine] = keys
            for key in keys:
                self.waiting.setdefault(key, []).append(machine)

    def obstacles(self, machine: int, target: int) -> list[int] | None:
        """What must happen before a machine can go somewhere; None: nothing; empty: it never can."""
        source = self.at[machine]
        if target != NOWHERE and not self.rooms.fits(self._comes_with(machine, target), target):
            return [target]
        if source == target:
            return None
        if target != NOWHERE:
            others = self.company.in_the_way(machine, source, target)
            if others:
                return self._leaving(others)
        rules = self.company.not_yet(machine, source, target)
        return [len(self.course.problem.hosts) + number for number in rules] or None

    def _leaving(self, others: list[int]) -> list[int]:
        """The hosts that these must leave; none if one of them stays."""
        if any(self.goal[each] == self.at[each] for each in others):
            return []
        return sorted({self.at[each] for each in others if self.at[each] != NOWHERE})

    def _comes_with(self, machine: int, target: int) -> tuple[tuple[int, int], ...]:
        if self.at[machine] != target:
            return self.after[machine]
        before = dict(self.before[machine])
        return tuple(
            (number, amount - before.get(number, 0))
            for number, amount in self.after[machine]
            if amount > before.get(number, 0)
        )

    def _gives_back(self, passage: Passage) -> tuple[tuple[int, int], ...]:
        before = self.before[passage.machine]
        if passage.source != passage.target:
            return before
        after = dict(self.after[passage.machine])
        return tuple(
            (number, amount - after.get(number, 0))
            for number, amount in before
            if amount > after.get(number, 0)
        )

    def begin(self, machine: int, target: int, *, detour: bool = False, stops: bool = False) -> None:
        """A machine sets out."""
        source, number = self.at[machine], len(self.passages)
        if machine in self.pending:
            self.away[machine] = self.pending.pop(machine)
            self.waits.pop(machine, None)
        kind = Kind.STOP if stops else self._kind(machine, source, target)
        needs = [self.last[machine]] if machine in self.last else []
        if target != NOWHERE:
            needs += self.rooms.take(self._comes_with(machine, target), target)
        if source != target:
            needs += self.company.begin(number, machine, source, target)
        self.last[machine] = number
        self.passages.append(Passage(machine, kind, source, target, list(dict.fromkeys(needs)), detour))
        seconds = self.course.stop_seconds if stops else float(self.course.seconds[machine])
        heapq.heappush(self._ending, (self.clock + seconds, number))

    def _kind(self, machine: int, source: int, target: int) -> Kind:
        if source == target:
            return Kind.GROW
        if target == NOWHERE:
            return Kind.DESTROY
        if source != NOWHERE:
            return Kind.MIGRATE
        return Kind.START if machine in self.halted else Kind.CREATE

    def _end(self, number: int) -> list[int]:
        """A leg is confirmed; who may be able to go now."""
        passage = self.passages[number]
        machine, source, target = passage.machine, passage.source, passage.target
        woken: list[int] = []
        if source != NOWHERE:
            self.rooms.give(number, self._gives_back(passage), source)
            woken += self.waiting.pop(source, ())
        self.at[machine] = target
        if source != target:
            for rule in self.company.end(number, machine, source, target):
                woken += self.waiting.pop(len(self.course.problem.hosts) + rule, ())
        self.before[machine] = self.after[machine]
        if machine in self.away:
            self.pending[machine] = self.away.pop(machine)
            woken.append(machine)
        return woken

    def give_up(self, machine: int, reason: str) -> None:
        """A machine stays where it is."""
        del self.pending[machine]
        self.waits.pop(machine, None)
        self.goal[machine] = self.at[machine]
        self.stuck.append(Stuck(machine, reason))
