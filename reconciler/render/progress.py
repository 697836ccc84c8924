"""What is said while a run goes on: a bar on a terminal, a line a finished step elsewhere.

All of it goes to stderr: stdout is for the result.
"""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Protocol, Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from reconciler.actions import subject
from reconciler.plan import Plan, Step
from reconciler.render.human import console_on, progress_line
from reconciler.render.words import verb
from reconciler.report import Abandoned, Done, StepReport


class Progressing(Protocol):
    """A listener of the engine that is opened and closed around a run."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def begun(self, step: Step) -> None: ...

    def ended(self, report: StepReport) -> None: ...


def progress_of(plan: Plan) -> Progressing:
    """The way of telling that suits stderr."""
    return _Bar(len(plan.steps)) if sys.stderr.isatty() else _Lines()


class _Lines:
    def __init__(self) -> None:
        self._console = console_on(sys.stderr)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def begun(self, step: Step) -> None:
        """Lines tell only of endings."""

    def ended(self, report: StepReport) -> None:
        if not _can_wait(report):
            self._console.print(progress_line(report))


class _Bar:
    def __init__(self, total: int) -> None:
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console_on(sys.stderr),
            transient=True,
        )
        self._task = self._progress.add_task("applying", total=total)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def begun(self, step: Step) -> None:
        self._progress.update(self._task, description=f"{verb(step.action)} {subject(step.action)}")

    def ended(self, report: StepReport) -> None:
        self._progress.advance(self._task)
        if not isinstance(report.outcome, Done) and not _can_wait(report):
            self._progress.console.print(progress_line(report))


def _can_wait(report: StepReport) -> bool:
    """Whether the report at the end tells it soon enough: after an interrupt, all at once."""
    return isinstance(report.outcome, Abandoned)
