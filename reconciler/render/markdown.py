"""Plans and reports as Markdown, for a comment on a merge request."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reconciler.actions import subject
from reconciler.engine.status import Status
from reconciler.plan import Blocked, Plan
from reconciler.render.outcomes import outcome_detail, outcome_word
from reconciler.render.words import forecast_line, printable, reason_text, scheduler_line, summary_line, verb
from reconciler.report import Report
from reconciler.state import HostUnknown


def plan_markdown(plan: Plan) -> str:
    """The summary, then a table of steps, of what is blocked, and of the hosts that were silent."""
    rows = [
        (verb(step.action), subject(step.action), step.where, "; ".join(map(reason_text, step.because)))
        for step in plan.steps
    ]
    return _document(
        f"### {summary_line(plan)}",
        _table(("action", "instance", "host", "because"), rows),
        scheduler_line(plan),
        forecast_line(plan),
        *_left_alone(plan.blocked, plan.unknown),
        *_hints(plan),
    )


def report_markdown(report: Report) -> str:
    """A table of what became of each step."""
    rows = [
        (
            verb(entry.step.action),
            subject(entry.step.action),
            entry.step.where,
            outcome_word(entry.outcome),
            outcome_detail(entry.outcome),
        )
        for entry in report.steps
    ]
    return _document(
        f"### {summary_line(report.plan)}",
        _table(("action", "instance", "host", "outcome", "detail"), rows),
        *_left_alone(report.plan.blocked, report.plan.unknown),
        *_hints(report.plan),
    )


def status_markdown(status: Status) -> str:
    """A table of every instance, and of what was retained."""
    rows = [
        (
            entry.name,
            entry.state,
            entry.health.value,
            entry.host,
            "drift" if entry.drift else "",
            verb(entry.pending.action) if entry.pending else "",
            "; ".join(entry.notes),
        )
        for entry in status.instances
    ]
    kept = [(disk.instance, disk.disk, disk.host) for disk in status.retained]
    return _document(
        _table(("instance", "state", "health", "host", "drift", "pending", "notes"), rows),
        _table(("retained disk of", "disk", "host"), kept),
        *_left_alone((), status.unknown),
    )


def _left_alone(blocked: Sequence[Blocked], unknown: Sequence[HostUnknown]) -> Iterable[str]:
    yield _table(
        ("blocked", "kind", "why"),
        [
            (entry.instance, entry.kind.value, "; ".join(f"{r.host}: {r.reason}" for r in entry.refusals))
            for entry in blocked
        ],
    )
    yield _table(("silent host", "reason"), [(silent.host, silent.reason) for silent in unknown])


def _hints(plan: Plan) -> Iterable[str]:
    return (f"> hint: {_cell(hint)}" for hint in plan.hints)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


# What could end a cell, begin a tag, or escape the escape.
_ESCAPED = str.maketrans({"\\": "\\\\", "|": "\\|", "\n": " ", "<": "&lt;", "&": "&amp;"})


def _cell(text: str) -> str:
    return printable(text).translate(_ESCAPED)


def _document(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part) + "\n"
