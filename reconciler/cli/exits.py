"""The exit codes: a contract. Where several hold, the first of 3, 1, 5, 7, 4, 8, 6, 2 wins."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from reconciler.plan import BlockKind, Plan

if TYPE_CHECKING:
    from reconciler.report import Report


class Exit(IntEnum):
    """What the process ends with."""

    OK = 0
    ERROR = 1
    PENDING = 2
    INVALID = 3
    NO_PLACE = 4
    STALE = 5
    UNHEALTHY = 6
    GUARDED = 7
    PARTIAL = 8
    USAGE = 64
    INTERRUPTED = 130


_PRECEDENCE = (
    Exit.INVALID,
    Exit.ERROR,
    Exit.STALE,
    Exit.GUARDED,
    Exit.NO_PLACE,
    Exit.PARTIAL,
    Exit.UNHEALTHY,
    Exit.PENDING,
)

_BLOCKED = {
    BlockKind.GUARD: Exit.GUARDED,
    BlockKind.NO_PLACE: Exit.NO_PLACE,
    BlockKind.IN_DOUBT: Exit.NO_PLACE,
    BlockKind.INVALID: Exit.NO_PLACE,
    BlockKind.UNKNOWN: Exit.PARTIAL,
    BlockKind.REFUSED: Exit.UNHEALTHY,
}


def of_plan(plan: Plan, *, detailed: bool = False) -> Exit:
    """Exit code of ``plan``; with ``detailed``, pending steps show as 2."""
    found = _of_view(plan)
    if detailed and not plan.is_idle:
        found.add(Exit.PENDING)
    return _first(found)


def of_report(report: Report) -> Exit:
    """Exit code of ``apply``."""
    return of_reports(report)


def of_reports(*reports: Report) -> Exit:
    """The same, where one went round more than once."""
    if any(report.interrupted for report in reports):
        return Exit.INTERRUPTED
    return _first({code for report in reports for code in _of_steps(report)})


def _of_steps(report: Report) -> set[Exit]:
    # A plan has none.
    from reconciler.report import Done, NotYet, Unhealthy

    found = _of_view(report.plan)
    for entry in report.steps:
        match report.cause(entry):
            case Done():
                continue
            case Unhealthy() | NotYet():
                found.add(Exit.UNHEALTHY)
            case _:
                found.add(Exit.ERROR)
    return found


def _of_view(plan: Plan) -> set[Exit]:
    found = {_BLOCKED[entry.kind] for entry in plan.blocked}
    if plan.unknown:
        found.add(Exit.PARTIAL)
    return found


def _first(found: set[Exit]) -> Exit:
    return next((code for code in _PRECEDENCE if code in found), Exit.OK)
