"""A journal in memory that outlives its controllers, and can fail at every write."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from reconciler.actions import subject, summary_key
from reconciler.errors import StoreError
from reconciler.plan import Plan, Step, StepId
from reconciler.report import StepReport
from reconciler.store.port import Entry, Run, RunId
from reconciler.store.rows import outcome_word


class Disk:
    """What is written, whoever writes it."""

    def __init__(self) -> None:
        self.runs: dict[RunId, Run] = {}
        self.entries: dict[tuple[RunId, str], Entry] = {}
        self.writers: dict[RunId, MemoryJournal] = {}
        self.overruled: list[Entry] = []
        """Entries that somebody settled while their own writer was still at them."""
        self.full = False


class MemoryJournal:
    """One controller's door to the disk.

    ``strike`` says what strikes a write, ``kill`` kills the writer, ``may_act`` says whether it can
    still do anything to a host.
    """

    def __init__(
        self,
        disk: Disk,
        strike: Callable[[], str],
        kill: Callable[[], None],
        may_act: Callable[[str], bool],
    ) -> None:
        self.may_act = may_act
        self._disk = disk
        self._strike = strike
        self._kill = kill
        self._dead = False
        self.open: dict[StepId, Step] = {}
        """Intents of this writer that are written and not settled: what it may do."""

    async def begin(self, run: Run, plan: Plan) -> None:
        self._disk.writers[run.id] = self
        self._write(lambda: self._disk.runs.__setitem__(run.id, run))

    async def intend(self, run: RunId, step: Step, *, at: datetime) -> None:
        verb, about = summary_key(step.action), subject(step.action)
        entry = Entry(run, step.id, verb, about, step.where, "", at)

        def write() -> None:
            self._disk.entries[run, step.id] = entry
            self.open[step.id] = step

        try:
            self._write(write)
        except StoreError:  # though it may be torn and there: it is not begun
            self.open.pop(step.id, None)
            raise

    async def settle(self, run: RunId, report: StepReport, *, at: datetime) -> None:
        word = outcome_word(report.outcome)

        def write() -> None:
            if (run, report.step.id) in self._disk.entries:
                old = self._disk.entries[run, report.step.id]
                self._disk.entries[run, report.step.id] = replace(old, ended=at, outcome=word)

        self.open.pop(report.step.id, None)
        self._write(write)

    async def end(self, run: RunId, *, at: datetime) -> None:
        self._write(lambda: self._disk.runs.__setitem__(run, replace(self._disk.runs[run], ended=at)))

    async def destroyed_since(self, since: datetime) -> int:
        return sum(
            entry.action == "destroy" and entry.begun >= since and entry.outcome != "failed"
            for entry in self._disk.entries.values()
        )

    async def unsettled(self) -> Sequence[Entry]:
        return tuple(entry for entry in self._disk.entries.values() if not entry.outcome)

    async def resolve(self, entry: Entry, seen: str, *, at: datetime) -> None:
        writer = self._disk.writers[entry.run]
        if writer is not self and entry.step in writer.open and writer.may_act(entry.host):
            self._disk.overruled.append(entry)

        def write() -> None:
            old = self._disk.entries[entry.run, entry.step]
            if not old.outcome:
                self._disk.entries[entry.run, entry.step] = replace(
                    old, ended=at, outcome="unknown", detail=seen
                )

        self._write(write)

    async def started(self) -> Mapping[str, datetime]:
        return {}

    async def moved(self, since: datetime, until: datetime) -> Mapping[str, datetime]:
        return {}

    async def spent(self, plan: str) -> bool:
        return any(run.plan == plan and run.verb == "apply-plan" for run in self._disk.runs.values())

    async def close(self) -> None:
        return None

    def _write(self, write: Callable[[], None]) -> None:
        fate = "fails" if self._disk.full or self._dead else self._strike()
        if fate == "kill-before":
            self._die()
        if fate != "fails":
            write()
        if fate == "kill-after":
            self._die()
        if fate in ("fails", "torn"):
            raise StoreError("history.sqlite", "database or disk is full")

    def _die(self) -> None:
        # The rest of this turn runs on to its next await: nothing it says counts any more.
        self._dead = True
        self._kill()
        raise StoreError("history.sqlite", "killed")
