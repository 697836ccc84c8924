"""The loop of cycles: ``apply``'s own round, for ever, whenever something may have changed.

One round at a time. What fails rests for itself. Files that do not load leave the last good desired
state in force. Between rounds no lock is held; a round that finds something to do, or steps whose
controller died, takes the lock and then looks again, since the fleet may have changed before it was ours.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field
from random import Random
from typing import Protocol

from reconciler.actions import subject
from reconciler.engine.backoff import Backoff
from reconciler.engine.cycle import Cycle
from reconciler.engine.interruption import Interruption
from reconciler.engine.rounds import Round, Wish
from reconciler.engine.run import Conditions, Listener
from reconciler.engine.ticks import Ticks
from reconciler.engine.waiting import Vigils
from reconciler.errors import InvalidInput, LockHeld, ReconcilerError
from reconciler.plan import StepId
from reconciler.report import Done, NotYet, Report
from reconciler.specs.desired import Desired, Fleet, InstanceName, InstanceUuid

_ROUND = StepId("round")


class Source(Protocol):
    """Where the desired state comes from."""

    async def load(self) -> Desired:
        """Read it. Raises InvalidInput."""
        ...

    async def changed(self) -> None:
        """Return when it may have changed since the call. Carries no data."""
        ...


class Teller(Listener, Protocol):
    """Is told what the loop does; must not block."""

    def loaded(self, desired: Desired) -> None:
        """A new desired state is in force."""

    def refused(self, error: InvalidInput) -> None:
        """What is there does not load; the last good state stays in force."""

    def planned(self, current: Round) -> None:
        """The fleet was looked at, and this is to be done about it now."""

    def carried_out(self, report: Report) -> None:
        """It was done, as far as it was."""

    def failed(self, error: ReconcilerError) -> None:
        """A whole round came to nothing."""


Opened = Callable[[Desired], AbstractAsyncContextManager[Cycle]]
"""Opens the engine over a fleet."""


@dataclass(frozen=True)
class Pace:
    """``resync``: seconds after which everything is looked at without any tick."""

    resync: float = 60.0
    ticks: Ticks = field(default_factory=Ticks)


class Loop:
    """``reconcile watch``."""

    def __init__(self, source: Source, opened: Opened, *, teller: Teller, pace: Pace, luck: Random) -> None:
        self._source = source
        self._opened = opened
        self._teller = teller
        self._pace = pace
        self._backoff = Backoff(luck)
        # A round asks and goes on: the rest of the fleet does not wait for one guest to boot.
        self._vigils = Vigils(patient=False)
        self._desired: Desired | None = None
        self._refused: InvalidInput | None = None
        self._failed: dict[InstanceName, InstanceUuid] = {}
        self._stack = AsyncExitStack()
        self._cycle: Cycle | None = None
        self._fleet: Fleet | None = None

    async def run(self, interruption: Interruption) -> None:
        """Go round until interrupted."""
        listening = asyncio.create_task(self._listen())
        interrupted = asyncio.create_task(interruption.first())
        try:
            while not interruption.asked:
                await self._round_or_rest(interruption)
                await self._pause(interrupted)
        finally:
            listening.cancel()
            interrupted.cancel()
            await asyncio.gather(listening, interrupted, return_exceptions=True)
            await self._stack.aclose()

    async def _listen(self) -> None:
        while True:
            await self._source.changed()
            self._pace.ticks.tick()

    async def _pause(self, interrupted: asyncio.Task[None]) -> None:
        rest = min(self._pace.resync, self._backoff.next_due(now=self._now()))
        waiting = asyncio.create_task(self._pace.ticks.settled(timeout=rest))
        await asyncio.wait((waiting, interrupted), return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)

    async def _round_or_rest(self, interruption: Interruption) -> None:
        if _ROUND in self._backoff.resting(now=self._now()):
            return
        try:
            await self._load()
            if self._desired is not None:
                await self._round(await self._engine(self._desired), self._desired, interruption)
            self._backoff.succeeded(_ROUND)
        except ReconcilerError as error:  # the lock is held, the store cannot be written, …
            self._backoff.failed(_ROUND, now=self._now())
            self._teller.failed(error)

    async def _load(self) -> None:
        try:
            desired = await self._source.load()
        except InvalidInput as error:
            # Said once for each state of the files, not once a round.
            if self._refused is None or self._refused.faults != error.faults:
                self._teller.refused(error)
            self._refused = error
            return
        self._refused = None
        if desired != self._desired:
            self._desired = desired
            self._failed.clear()  # what was not healthy was what the files asked for before
            self._teller.loaded(desired)

    async def _engine(self, desired: Desired) -> Cycle:
        """The engine over the fleet that is in force; another fleet is opened anew."""
        if self._cycle is None or self._fleet != desired.fleet:
            await self._stack.aclose()
            self._cycle = None
            self._cycle = await self._stack.enter_async_context(self._opened(desired))
            self._fleet = desired.fleet
        return self._cycle

    async def _round(self, cycle: Cycle, desired: Desired, interruption: Interruption) -> None:
        # Nothing is deleted on the word of a state that is only the last good one.
        resting = self._backoff.resting(now=self._now())
        wish = Wish(desired, 0 if self._refused else None, resting, failed=frozenset(self._failed.values()))
        current = await cycle.plan(wish)
        cycle.hosts.listen(self._pace.ticks.tick)
        # Who was waited for, and is not asked before the others are well, is waited for still.
        planned = frozenset(step.id for step in current.plan.steps) | current.later | wish.resting
        self._backoff.keep(planned | {_ROUND})
        self._vigils.keep(planned)
        if current.plan.is_idle and not await cycle.unsettled(current):
            self._teller.planned(current)
            return
        try:
            await cycle.hosts.lock(str(cycle.author))
            current = await cycle.plan(wish)
            self._teller.planned(current)
            await cycle.resolve(current)
            if not current.plan.is_idle:
                limits = desired.fleet.migrations
                conditions = Conditions(self._teller, interruption, vigils=self._vigils, migrations=limits)
                report = await cycle.carry_out(current.plan, conditions)
                self._learn(report)
                self._teller.carried_out(report)
        except LockHeld:
            if current.plan.steps:
                raise
            # There is nothing to do but to settle what another began, and it is still at it.
            self._teller.planned(current)
        finally:
            await cycle.hosts.unlock()

    def _learn(self, report: Report) -> None:
        for entry in report.steps:
            if isinstance(entry.outcome, Done):
                self._backoff.succeeded(entry.step.id)
                # Whatever was done to it, its health is another matter from now on.
                name = InstanceName(subject(entry.step.action))
                self._backoff.succeeded(StepId(f"wait/{name}"))
                self._failed.pop(name, None)
            if isinstance(entry.outcome, NotYet):
                self._backoff.rest(entry.step.id, until=self._now() + entry.outcome.again)
        for entry in report.failures:
            self._backoff.failed(entry.step.id, now=self._now())
        if not report.unhealthy.keys() <= self._failed.keys():
            self._failed |= report.unhealthy
            self._pace.ticks.tick()  # where a component rolls back, that begins now

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
