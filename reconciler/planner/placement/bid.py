"""What every host is to one shape: may one more of it come, and how good would that be?

Worked out once for a shape; after each machine that comes only its host, and what the rules say of the
values of their labels, is looked at again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from reconciler.planner.placement.problem import NOWHERE, Flags, Integers, Reals, Rule, Shape
from reconciler.planner.placement.seats import Seats, good_values

MEMORY = "memory_mib"


class _Heard(NamedTuple):
    """A rule, and at which hosts it holds for one more."""

    rule: Rule
    good: Flags


@dataclass(slots=True, eq=False)
class Bid:
    """The hosts' answers to one shape, as the seats are now; each array is (H,)."""

    seats: Seats
    shape: Shape
    demand: list[int]
    may: Flags
    """Where it may be, room and neighbours apart."""
    fits: Flags
    free: Reals
    """The share of a host's memory that would be left."""
    rank: Reals | None
    strict: list[_Heard]
    soft: list[_Heard]
    _memory: int
    _size: Integers

    @staticmethod
    def of(seats: Seats, number: int) -> Bid:
        """Ask every host."""
        problem, shape = seats.problem, seats.problem.shapes[number]
        demand, free = seats.demands[number], seats.free
        may = shape.allowed if problem.closed is None else shape.allowed & ~problem.closed
        if shape.admits is not None:
            may = may & seats.remembered(shape.admits).now(free, may).astype(np.bool_)
        fits = ((demand <= free) | (demand <= 0)).all(axis=1)
        memory = problem.resources.index(MEMORY) if MEMORY in problem.resources else 0
        size = np.maximum(1, (problem.room if problem.size is None else problem.size)[:, memory])
        rank = shape.rank
        if shape.ranked is not None:
            rank = seats.remembered(shape.ranked).now(free, may & fits).copy()
        share = (free[:, memory] - demand[memory]) / size
        bid = Bid(seats, shape, demand.tolist(), may, fits, share, rank, [], [], memory, size)
        for rule in seats.rules.get(shape.group, ()):
            (bid.strict if rule.strict else bid.soft).append(bid._ask(rule))
        return bid

    @property
    def good(self) -> Flags:
        """Where one more may come."""
        good = self.may & self.fits
        for heard in self.strict:
            good &= heard.good
        return good

    def best(self, good: Flags | None = None) -> int:
        """The best of these hosts: where most of the soft rules hold, which ranks highest, has the largest
        share of its memory left, and whose number is the lowest; NOWHERE where there is none.
        """
        good = self.good if good is None else good
        if self.soft:
            kept = np.add.reduce([heard.good.astype(np.int64) for heard in self.soft])
            good = good & (kept == np.max(kept, where=good, initial=NOWHERE))
        if self.rank is not None:
            good = good & (self.rank == np.max(self.rank, where=good, initial=-np.inf))
        if not good.any():
            return NOWHERE
        return int(np.where(good, self.free, -np.inf).argmax())

    def came(self, host: int) -> None:
        """One of the shape came to a host: look again at what that changes."""
        free, shape = self.seats.free[host], self.shape
        self.fits[host] = all(
            need <= left or need <= 0 for need, left in zip(self.demand, free.tolist(), strict=True)
        )
        self.free[host] = (free[self._memory] - self.demand[self._memory]) / self._size[host]
        if shape.admits is not None:
            self.may[host] = self.may[host] and shape.admits(host, free)
        if shape.ranked is not None and self.rank is not None and self.fits[host]:
            self.rank[host] = shape.ranked(host, free)
        for heard in (self.strict, self.soft):
            heard[:] = [self._ask(each.rule) if self._changes(each.rule) else each for each in heard]

    def _ask(self, rule: Rule) -> _Heard:
        values = self.seats.problem.labels[rule.over]
        return _Heard(rule, good_values(self.seats, rule, self.may)[values])

    def _changes(self, rule: Rule) -> bool:
        """Whether one more of its own group changes what a rule says."""
        return rule.other in (NOWHERE, rule.group) or self.shape.admits is not None
