"""Plans, reports and status for people. Text is never markup: what a host says stays text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from reconciler.actions import Action, action_key, subject, summary_key
from reconciler.engine.status import Health, RetainedDisk, Status
from reconciler.plan import Blocked, Plan, Step
from reconciler.render.outcomes import outcome_detail, outcome_word
from reconciler.render.words import (
    also_line,
    deadlock_lines,
    forecast_line,
    forecast_text,
    printable,
    reason_text,
    scheduler_line,
    summary_line,
    verb,
)
from reconciler.report import Done, Report, StepReport
from reconciler.specs.disks import DEFAULT_POOL
from reconciler.state import HostUnknown

_MARKS = {
    "create": ("+", "green"),
    "start": ("^", "green"),
    "stop": ("v", "yellow"),
    "update_live": ("~", "yellow"),
    "update_restart": ("~", "yellow"),
    "replace": ("±", "red"),
    "destroy": ("-", "red"),
    "image": (">", "blue"),
    "wait": (".", "dim"),
    "network": ("=", "blue"),
    "migrate": (">", "yellow"),
    "resume": ("^", "green"),
    "settle": ("~", "blue"),
    "give_up": ("<", "red"),
    "accept": (".", "green"),
    "cordon": ("#", "yellow"),
    "uncordon": ("#", "green"),
}


_HEALTH = {Health.NONE: "-", Health.UNKNOWN: "?"}
_HEALTH_STYLES = {Health.HEALTHY: "green", Health.STARTING: "yellow", Health.UNHEALTHY: "red"}


def console_on(stream: TextIO) -> Console:
    """A console on ``stream``: colour only on a terminal without NO_COLOR, no wrapping in a pipe."""
    console = Console(file=stream, highlight=False, markup=False, emoji=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = 10_000  # tables in a pipe are for grep and cut: never fold them
    return console


def plan_view(plan: Plan) -> RenderableType:
    """Steps with their reasons, what is blocked, silent hosts, and the summary line last."""
    parts: list[RenderableType] = []
    for step in plan.steps:
        parts.append(_step_line(step))
        parts.extend(_text(f"        {reason_text(reason)}", style="dim") for reason in step.because)
        if step.forecast is not None:
            parts.append(_text(f"        {forecast_text(step.forecast)}", style="dim"))
    parts.extend(_left_alone(plan.blocked, plan.unknown))
    parts.extend(_text(f"  hint: {hint}", style="cyan") for hint in plan.hints)
    if not plan.steps and not plan.blocked and not plan.unknown:
        parts.append(_text("The fleet is what the files say."))
    if chosen := scheduler_line(plan):
        parts.append(_text(chosen, style="dim"))
    if predicted := forecast_line(plan):
        parts.append(_text(predicted, style="dim"))
    if also := also_line(plan):
        parts.append(_text(also, style="dim"))
    parts.append(_text(summary_line(plan), style="bold"))
    return Group(*parts)


def report_view(report: Report) -> RenderableType:
    """Every step that was not done, with the reason; silent hosts; and the count of what was."""
    parts: list[RenderableType] = []
    for entry in report.steps:
        if not isinstance(entry.outcome, Done):
            parts.append(_outcome_line(entry))
    parts.extend(_left_alone(report.plan.blocked, report.plan.unknown))
    done = len(report.having(Done))
    parts.append(_text(f"Applied: {done} of {len(report.steps)} steps done", style="bold"))
    return Group(*parts)


def progress_line(entry: StepReport) -> Text:
    """One finished step, as it is told while the run goes on."""
    return _text(f"  {_outcome_line(entry).plain.strip()} ({entry.seconds:.1f} s)")


def status_view(status: Status) -> RenderableType:
    """Instances by service, retained disks, silent hosts."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("instance", "state", "health", "host", "drift", "pending"):
        table.add_column(column, overflow="fold")
    table.add_column("notes", overflow="fold")
    for entry in status.instances:
        table.add_row(
            _text(entry.name),
            _text(entry.state, style="green" if entry.state == "running" else "yellow"),
            _text(_HEALTH.get(entry.health, entry.health), style=_HEALTH_STYLES.get(entry.health, "")),
            _text(entry.host or "-"),
            _text("yes" if entry.drift else "-"),
            Text(verb(entry.pending.action) if entry.pending else "-"),
            _text("; ".join(entry.notes)),
        )
    parts: list[RenderableType] = [table if status.instances else _text("No instances.")]
    parts.extend(
        _text(f"retained: disk {disk.disk} of {disk.instance} {_where(disk)}{_size(disk.size_mib)}")
        for disk in status.retained
    )
    parts.extend(_left_alone((), status.unknown))
    return Group(*parts)


def _text(words: str, style: str = "") -> Text:
    # Hosts and files say what they like: an escape sequence must not reach the terminal.
    return Text(printable(words), style=style)


def _size(mib: int | None) -> str:
    return "" if mib is None else f" ({mib} MiB)"


def _where(disk: RetainedDisk) -> str:
    return f"on {disk.host}" if disk.pool == DEFAULT_POOL else f"on {disk.host} in pool {disk.pool}"


def _step_line(step: Step) -> Text:
    mark, colour = _mark(step.action)
    return _text(f"  {mark} {verb(step.action)} {subject(step.action)} on {step.where}", style=colour)


def _outcome_line(entry: StepReport) -> Text:
    step = entry.step
    detail = outcome_detail(entry.outcome)
    line = f"  {outcome_word(entry.outcome)}: {verb(step.action)} {subject(step.action)} on {step.where}"
    return _text(f"{line}: {detail}" if detail else line, style="" if detail == "" else "red")


def _mark(action: Action) -> tuple[str, str]:
    return _MARKS.get(action_key(action)) or _MARKS[summary_key(action)]


def _left_alone(blocked: Sequence[Blocked], unknown: Sequence[HostUnknown]) -> Iterable[Text]:
    for entry in blocked:
        yield _text(f"  ! blocked {entry.instance} ({entry.kind.value})", style="magenta")
        for refusal in entry.refusals:
            where = "" if refusal.host == "*" else f"{refusal.host}: "
            yield _text(f"        {where}{refusal.reason}", style="dim")
        yield from (_text(f"        {line}") for line in deadlock_lines(entry.deadlock))
    for silent in unknown:
        yield _text(f"  ? {silent.host} did not answer: {silent.reason}", style="magenta")
