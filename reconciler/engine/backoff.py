"""What fails is left alone for a while, longer each time, and by itself: the rest goes on."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from reconciler.plan import StepId

FIRST_S = 5.0
FACTOR = 2.0
LONGEST_S = 300.0
JITTER = 0.2
"""A share either way, so that what failed together is not tried again together."""


@dataclass(frozen=True, slots=True)
class _Rest:
    failures: int
    until: float


class Backoff:
    """Remembers what failed, by step; times are seconds on any one clock."""

    def __init__(self, luck: Random) -> None:
        self._luck = luck
        self._rests: dict[StepId, _Rest] = {}

    def failed(self, step: StepId, *, now: float) -> None:
        """It failed, once more."""
        failures = self._rests[step].failures + 1 if step in self._rests else 1
        rest = min(LONGEST_S, FIRST_S * FACTOR ** min(failures - 1, 16))
        self._rests[step] = _Rest(failures, now + rest * self._luck.uniform(1 - JITTER, 1 + JITTER))

    def rest(self, step: StepId, *, until: float) -> None:
        """It is not to be tried before then, and has not failed."""
        failures = self._rests[step].failures if step in self._rests else 0
        self._rests[step] = _Rest(failures, until)

    def succeeded(self, step: StepId) -> None:
        """It was done: the next failure is a first one."""
        self._rests.pop(step, None)

    def keep(self, planned: frozenset[StepId]) -> None:
        """Forget what is not planned any more."""
        self._rests = {step: rest for step, rest in self._rests.items() if step in planned}

    def resting(self, *, now: float) -> frozenset[StepId]:
        """Steps that are not to be tried yet."""
        return frozenset(step for step, rest in self._rests.items() if rest.until > now)

    def next_due(self, *, now: float) -> float:
        """Seconds until the next of them may be tried; infinite where none rests."""
        waits = [rest.until - now for rest in self._rests.values() if rest.until > now]
        return min(waits, default=float("inf"))
