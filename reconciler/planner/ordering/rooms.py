"""What room each host has while machines come and go, now and at any pace."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from reconciler.planner.placement.problem import Integers


@dataclass(slots=True, eq=False)
class Rooms:
    """What is free of each host by resource, both ends of a journey counted; and what is sure to be
    whatever the pace: only departures counted that somebody who came has waited for.
    """

    free: list[list[int]]
    sure: list[list[int]]
    left: dict[int, list[tuple[int, tuple[tuple[int, int], ...]]]] = field(default_factory=dict)
    """By host: the legs that left it, in this order, and what they gave back."""
    counted: dict[int, int] = field(default_factory=dict)

    def fits(self, demand: tuple[tuple[int, int], ...], host: int) -> bool:
        """Whether there is room now."""
        free = self.free
        return all(amount <= free[resource][host] for resource, amount in demand)

    def free_of(self, host: int) -> Integers:
        """What is free of a host now, (R,)."""
        return np.array([row[host] for row in self.free], np.int64)

    def take(self, demand: tuple[tuple[int, int], ...], host: int) -> list[int]:
        """Take it; the legs that must have left for that."""
        for resource, amount in demand:
            self.free[resource][host] -= amount
            self.sure[resource][host] -= amount
        left, counted = self.left.get(host, ()), self.counted.get(host, 0)
        while counted < len(left) and any(self.sure[resource][host] < 0 for resource, _ in demand):
            for resource, amount in left[counted][1]:
                self.sure[resource][host] += amount
            counted += 1
        self.counted[host] = counted
        return [leg for leg, _ in left[:counted]]

    def give(self, leg: int, demand: tuple[tuple[int, int], ...], host: int) -> None:
        """Give it back."""
        for resource, amount in demand:
            self.free[resource][host] += amount
        self.left.setdefault(host, []).append((leg, demand))
