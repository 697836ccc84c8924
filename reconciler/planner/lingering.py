"""Say who is to leave its host and does not in this plan: no move is held back in silence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from reconciler.planner.decide import Decision
from reconciler.planner.placement.board import Board
from reconciler.planner.placement.refusals import excess
from reconciler.planner.verdicts import Hold
from reconciler.specs.desired import InstanceName

_NAMED = 3


def lingering_of(decisions: Iterable[Decision], board: Board) -> Iterator[str]:
    """A line for each host that some leave later, and for each that nobody can leave and that has given out
    too much, with what the plan gives back to it counted. Who is blocked is told of there.
    """
    later: dict[str, list[InstanceName]] = {}
    for each in decisions:
        if each.later and not isinstance(each.verdict, Hold):
            later.setdefault(each.later, []).append(each.case.name)
    for why, names in sorted(later.items()):
        are = "is" if len(names) == 1 else "are"
        yield f"{why}: {_listed(sorted(names))} {are} to leave later, for something else is done first"
    for site in board.sites:
        if site.state is None or not site.state.instances:
            continue
        ledger = board.ledger
        if reason := excess(ledger.free(site.name) + ledger.freed(site.name)):
            yield f"{site.name} {reason}, and nobody there can be moved elsewhere"


def _listed(names: list[InstanceName]) -> str:
    rest = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")
