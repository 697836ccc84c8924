"""What the journal writes into its rows, and how it is read again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from reconciler.plan import Change, Reason
from reconciler.report import (
    Abandoned,
    Done,
    Failed,
    NotYet,
    Outcome,
    Skipped,
    Unhealthy,
    Unresolved,
)
from reconciler.store.port import Entry, Run, RunId

Row = tuple[str, ...]
RUN_COLUMNS = "id, plan, verb, who, version, started, ended"
ENTRY_COLUMNS = "run, step, action, subject, host, because, begun, ended, outcome, detail"


def outcome_word(outcome: Outcome) -> str:
    """The outcome as one word: ok | failed | unknown | unhealthy | not begun."""
    match outcome:
        case Done():
            return "ok"
        case Failed():
            return "failed"
        case Unresolved() | Abandoned(begun=True):
            return "unknown"
        case Unhealthy() | NotYet():
            return "unhealthy"
        case Skipped() | Abandoned():
            return "not begun"


def outcome_detail(outcome: Outcome) -> str:
    """What a host said against it; empty where none did."""
    match outcome:
        case Failed(error=error) | Unresolved(error=error):
            return error
        case _:
            return ""


def reasons_text(because: Sequence[Reason]) -> str:
    """All reasons of a step."""
    return json.dumps([_reason(reason) for reason in because])


def _reason(reason: Reason) -> str:
    if isinstance(reason, Change):
        return f"{reason.field}: {reason.was} -> {reason.now} ({reason.origin.value})"
    return reason.message


def time_text(at: datetime) -> str:
    """In one zone and one width, so that text sorts as time does."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def run_of(row: Row) -> Run:
    """A run, by ``RUN_COLUMNS``."""
    id_, plan, verb, who, version, started, ended = row
    return Run(RunId(id_), plan, verb, who, version, datetime.fromisoformat(started), _time(ended))


def entry_of(row: Row) -> Entry:
    """An entry, by ``ENTRY_COLUMNS``."""
    run, step, action, about, host, because, begun, ended, outcome, detail = row
    reasons = "; ".join(json.loads(because))
    started = datetime.fromisoformat(begun)
    return Entry(RunId(run), step, action, about, host, reasons, started, _time(ended), outcome, detail)
