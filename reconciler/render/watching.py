"""What ``watch`` says: a live view on a terminal, structured logs elsewhere. All of it on stderr."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from typing import Protocol

import structlog
from rich.console import Group
from rich.live import Live
from rich.text import Text

from reconciler.actions import subject
from reconciler.engine.loop import Teller
from reconciler.engine.rounds import Round
from reconciler.engine.status import status_of
from reconciler.errors import InvalidInput, ReconcilerError
from reconciler.plan import Step
from reconciler.render.human import console_on, progress_line, status_view
from reconciler.render.outcomes import outcome_detail, outcome_word
from reconciler.render.words import printable, reason_text, summary_line, verb
from reconciler.report import Report, StepReport
from reconciler.specs.desired import Desired


class Watching(Teller, Protocol):
    """A teller that is opened and closed around the loop."""

    def opened(self) -> AbstractContextManager[object]:
        """Show it while inside."""


def watching() -> Watching:
    """The way of telling that suits stderr."""
    return _View() if sys.stderr.isatty() else _Log()


class _Log:
    """One line an event, for a journal: key=value, or JSON where stderr is read by a machine."""

    def __init__(self) -> None:
        structlog.configure(
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"]),
            ],
            logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        )
        self._log = structlog.get_logger()
        self._silent: frozenset[str] = frozenset()

    def opened(self) -> AbstractContextManager[object]:
        return nullcontext()

    def loaded(self, desired: Desired) -> None:
        self._log.info("loaded", fleet=desired.fleet.name, instances=len(desired.instances))

    def refused(self, error: InvalidInput) -> None:
        for fault in error.faults:
            self._log.error("does not load; the last good state stays in force", fault=printable(str(fault)))

    def planned(self, current: Round) -> None:
        self._tell_silent(current)
        for entry in current.plan.blocked:
            reasons = "; ".join(f"{each.host}: {each.reason}" for each in entry.refusals)
            self._log.warning(
                "blocked", instance=entry.instance, kind=entry.kind.value, why=printable(reasons)
            )
        if current.plan.steps:
            self._log.info("planned", summary=summary_line(current.plan))

    def _tell_silent(self, current: Round) -> None:
        silent = frozenset(unknown.host for unknown in current.plan.unknown)
        for unknown in current.plan.unknown:
            if unknown.host not in self._silent:
                self._log.warning("no answer", host=unknown.host, why=printable(unknown.reason))
        for host in sorted(self._silent - silent):
            self._log.info("answers again", host=host)
        self._silent = silent

    def begun(self, step: Step) -> None:
        reasons = "; ".join(reason_text(reason) for reason in step.because)
        self._log.info("begun", step=step.id, host=step.where, because=printable(reasons))

    def ended(self, report: StepReport) -> None:
        level = self._log.info if not outcome_detail(report.outcome) else self._log.error
        level(
            outcome_word(report.outcome),
            step=report.step.id,
            host=report.step.where,
            seconds=round(report.seconds, 2),
            detail=printable(outcome_detail(report.outcome)),
        )

    def carried_out(self, report: Report) -> None:
        self._log.info("carried out", steps=len(report.steps), failed=len(report.failures))

    def failed(self, error: ReconcilerError) -> None:
        self._log.error("round failed", error=printable(str(error)))


class _View:
    """The fleet as it is, redrawn, with what happens scrolling by above it."""

    def __init__(self) -> None:
        self._console = console_on(sys.stderr)
        self._live = Live(console=self._console, auto_refresh=False)
        self._banner = Text("")

    def opened(self) -> AbstractContextManager[object]:
        return self._live

    def loaded(self, desired: Desired) -> None:
        self._banner = Text("")
        self._say(f"loaded: fleet {desired.fleet.name}, {len(desired.instances)} instances")

    def refused(self, error: InvalidInput) -> None:
        self._banner = Text("the files do not load; the last good state stays in force", style="red")
        for fault in error.faults:
            self._say(str(fault))

    def planned(self, current: Round) -> None:
        now = Text(f"{datetime.now():%H:%M:%S} {summary_line(current.plan)}", style="bold")
        self._live.update(Group(status_view(status_of(current)), self._banner, now), refresh=True)

    def begun(self, step: Step) -> None:
        self._say(f"begun: {verb(step.action)} {subject(step.action)} on {step.where}")

    def ended(self, report: StepReport) -> None:
        self._console.print(progress_line(report))

    def carried_out(self, report: Report) -> None:
        """Its steps have been told already."""

    def failed(self, error: ReconcilerError) -> None:
        self._say(f"round failed: {error}")

    def _say(self, words: str) -> None:
        self._console.print(Text(f"{datetime.now():%H:%M:%S} {printable(words)}"))
