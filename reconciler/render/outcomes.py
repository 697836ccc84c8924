"""The words every output uses for what became of a step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from reconciler.report import Abandoned, Done, Failed, NotYet, Outcome, Skipped, Unhealthy, Unresolved

_OUTCOMES: Mapping[type[Outcome], str] = {
    Done: "done",
    Failed: "failed",
    Unresolved: "unknown",
    Unhealthy: "unhealthy",
    NotYet: "waiting",
    Skipped: "skipped",
}


def outcome_word(outcome: Outcome) -> str:
    """The outcome as one word of the JSON vocabulary."""
    if isinstance(outcome, Abandoned):
        return "interrupted" if outcome.begun else "not-begun"
    return _OUTCOMES[type(outcome)]


def outcome_detail(outcome: Outcome) -> str:
    """What is to be said beyond the word; empty where nothing is."""
    match outcome:
        case Failed(error=error) | Unresolved(error=error) | Unhealthy(error=error) | NotYet(error=error):
            return error
        case Skipped(needs=needs):
            return f"needs {needs}, which was not done"
        case Abandoned(begun=True):
            return "interrupted while under way: the next plan shows what became of it"
        case Abandoned() | Done():
            return ""
        case _:
            assert_never(outcome)
