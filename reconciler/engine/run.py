"""Carry a plan out: independent steps at once, each confirmed by a second look.

A step that fails skips those that need it, by name, and leaves the rest running; those that only follow
it go on. A step whose
call did not return, or whose host fell silent, is looked at: only what is seen is believed.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Protocol

from reconciler.actions import Action, Await, Migrate, PairAction, subject
from reconciler.engine.hosts import Hosts
from reconciler.engine.interruption import Interruption
from reconciler.engine.logbook import Logbook
from reconciler.engine.patience import Patience
from reconciler.engine.waiting import Vigils
from reconciler.errors import ActionFailed, DeadlineExceeded, HostError, ReconcilerError
from reconciler.plan import Plan, Step, StepId
from reconciler.planner import broken_precondition, confirmed, lacking_room
from reconciler.report import Abandoned, Done, Failed, Outcome, Report, Skipped, StepReport, Unresolved
from reconciler.specs.desired import InstanceName
from reconciler.specs.limits import MigrationLimits
from reconciler.state import HostState

# Between one look that does not show a step's effect and the next, in seconds.
_LOOK_AGAIN = (0.1, 0.3, 0.6, 1.0, 2.0)


class Listener(Protocol):
    """Is told of the run as it goes; must not block."""

    def begun(self, step: Step) -> None:
        """A step's turn has come."""

    def ended(self, report: StepReport) -> None:
        """A step has an outcome."""


@dataclass(frozen=True)
class Conditions:
    """How a plan is carried out. ``per_host`` is how many steps one host is given at a time.

    A migration counts on both its hosts, and against ``migrations`` besides.
    """

    listener: Listener
    interruption: Interruption
    patience: Patience = field(default_factory=Patience)
    vigils: Vigils = field(default_factory=Vigils)
    per_host: int = 4
    migrations: MigrationLimits = MigrationLimits()


async def run(plan: Plan, hosts: Hosts, logbook: Logbook, conditions: Conditions) -> Report:
    """Carry out ``plan`` as far as it goes, write it down, and say what became of each step."""
    runner = _Runner(hosts, logbook, conditions)
    for step in plan.steps:  # an order in which each step comes after those it needs
        runner.begin(step)
    await runner.finish()
    reports = tuple(runner.reported(step) for step in plan.steps)
    return Report(plan, reports, interrupted=conditions.interruption.asked)


class _Runner:
    def __init__(self, hosts: Hosts, logbook: Logbook, conditions: Conditions) -> None:
        self._hosts = hosts
        self._logbook = logbook
        self._with = conditions
        self._tasks: dict[StepId, asyncio.Task[StepReport]] = {}
        self._gates: dict[str, asyncio.Semaphore] = {}
        self._begun: set[StepId] = set()

    def begin(self, step: Step) -> None:
        self._tasks[step.id] = asyncio.create_task(self._step(step), name=step.id)

    async def finish(self) -> None:
        """Wait for all steps; after an interrupt, for those under way and no longer than the grace."""
        if not self._tasks:
            return
        interrupt = asyncio.create_task(self._with.interruption.wait(grace=self._with.patience.grace))
        everything = asyncio.create_task(self._all())
        try:
            await asyncio.wait((everything, interrupt), return_when=asyncio.FIRST_COMPLETED)
        finally:
            interrupt.cancel()
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(everything, interrupt, return_exceptions=True)

    async def _all(self) -> None:
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def reported(self, step: Step) -> StepReport:
        task = self._tasks[step.id]
        if task.cancelled():
            return StepReport(step, Abandoned(begun=step.id in self._begun))
        return task.result()

    async def _step(self, step: Step) -> StepReport:
        for other in step.follows:
            await asyncio.shield(self._tasks[other])
        for need in step.needs:
            if not isinstance((await asyncio.shield(self._tasks[need])).outcome, Done):
                return self._ended(StepReport(step, Skipped(need)))
        if isinstance(step.action, Await):
            # It asks, and does nothing to the host: it holds up none of the host's other steps.
            return self._ended(await self._wait(step, step.action))
        async with AsyncExitStack() as gates:
            for gate in self._gates_of(step):
                await gates.enter_async_context(gate)
            if self._with.interruption.asked:
                return self._ended(StepReport(step, Abandoned(begun=False)))
            return self._ended(await self._turn(step))

    def _gates_of(self, step: Step) -> list[asyncio.Semaphore]:
        """What a step must pass, always in the same order: no two wait for each other."""
        wanted: dict[str, int] = {}
        if isinstance(step.action, Migrate):
            limits = self._with.migrations
            wanted |= {f"migrations of cluster {self._hosts.spec(step.host).cluster}": limits.per_cluster}
            wanted |= {f"migrations of {host}": limits.per_host for host in sorted(step.hosts)}
        wanted |= {f"steps of {host}": self._with.per_host for host in sorted(step.hosts)}
        return [self._gates.setdefault(name, asyncio.Semaphore(count)) for name, count in wanted.items()]

    async def _wait(self, step: Step, action: Await) -> StepReport:
        clock = asyncio.get_running_loop().time
        since = clock()
        self._with.listener.begun(step)

        async def probe() -> None:
            await self._hosts.actuator(step.host).probe(action.instance)

        waiting = asyncio.create_task(self._with.vigils.over(action, probe))
        interrupted = asyncio.create_task(self._with.interruption.first())
        try:
            await asyncio.wait((waiting, interrupted), return_when=asyncio.FIRST_COMPLETED)
            outcome = waiting.result() if waiting.done() else Abandoned(begun=False)
        finally:
            for task in (waiting, interrupted):
                task.cancel()
            await asyncio.gather(waiting, interrupted, return_exceptions=True)
        return StepReport(step, outcome, clock() - since)

    async def _turn(self, step: Step) -> StepReport:
        """Check, write the intent down, act, look, write the outcome down."""
        clock = asyncio.get_running_loop().time
        since = clock()
        self._with.listener.begun(step)
        try:
            if outcome := await self._unwanted(step):
                return StepReport(step, outcome, clock() - since)
            await self._logbook.intend(step)
        except ReconcilerError as error:  # the host is silent, or the disk is full: nothing is begun
            return StepReport(step, Failed(f"not begun: {error}"), clock() - since)
        self._begun.add(step.id)
        self._with.vigils.forget(InstanceName(subject(step.action)))
        report = StepReport(step, await self._attempt(step), clock() - since)
        try:
            await self._logbook.settle(report)
        except ReconcilerError as error:
            return StepReport(
                step, Unresolved(f"its outcome cannot be written down: {error}"), report.seconds
            )
        return report

    async def _unwanted(self, step: Step) -> Outcome | None:
        """What there is to say of a step that must not, or need not, be begun any more."""
        seen = await self._looks(step)
        reason = broken_precondition(step, *seen)
        if reason is None:
            reason = lacking_room(step, self._hosts.spec(step.host), *seen)
        if reason is None:
            return None
        if confirmed(step, *seen):
            return Done()
        return Failed(f"{step.host}: no longer as planned: {reason}")

    async def _looks(self, step: Step) -> list[HostState]:
        """A fresh look at each host that a step concerns. Raises HostUnreachable."""
        return await asyncio.gather(*(self._hosts.look(host) for host in step.hosts))

    def _ended(self, report: StepReport) -> StepReport:
        self._with.listener.ended(report)
        return report

    async def _attempt(self, step: Step) -> Outcome:
        try:
            await self._perform(step)
        except ActionFailed as error:
            return await self._otherwise(step, Failed(str(error)))
        except HostError as error:
            return await self._otherwise(step, Unresolved(str(error)))
        except ReconcilerError as error:
            return Failed(str(error))
        except Exception as error:  # noqa: BLE001  a defect in one step must not lose the report of the others
            return await self._otherwise(step, Failed(f"{step.host}: internal error: {error!r}"))
        if await self._confirm(step, looks=len(_LOOK_AGAIN) + 1):
            return Done()
        return Failed(f"{step.host}: the call returned, but a fresh look does not show it done")

    async def _perform(self, step: Step) -> None:
        deadline = self._with.patience.of(step.action)
        try:
            async with asyncio.timeout(deadline):
                await self._act(step.action)
        except TimeoutError:
            raise DeadlineExceeded(step.host, step.id, after=deadline) from None

    async def _act(self, action: Action) -> None:
        if not isinstance(action, PairAction):
            await self._hosts.actuator(action.host).perform(action)
        elif isinstance(action, Migrate):
            source, destination = self._hosts.actuator(action.from_host), self._hosts.actuator(action.host)
            await source.migrate(action, destination)
        else:
            other = None if action.from_host is None else self._hosts.actuator(action.from_host)
            await self._hosts.actuator(action.host).reunite(action, other)

    async def _otherwise(self, step: Step, outcome: Outcome) -> Outcome:
        """Believe the look, not the error: a lost reply may hide a success."""
        return Done() if await self._confirm(step, looks=1) else outcome

    async def _confirm(self, step: Step, *, looks: int) -> bool:
        for attempt in range(looks):
            if attempt:
                await asyncio.sleep(_LOOK_AGAIN[attempt - 1])
            try:
                if confirmed(step, *await self._looks(step)):
                    return True
            except HostError:
                # Silence now may be an answer a moment later, within the same few looks.
                continue
        return False
