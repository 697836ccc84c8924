"""Put off who would be off while it moves, as long as something else boots in its service.

Then all that such a move waits for are other moves, and in the order that their room gives them nobody
waits in a circle. Whoever waits for the room of one that is put off, or held, is put off as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from reconciler.actions import Migrate
from reconciler.plan import Cause
from reconciler.planner.decide import Decision
from reconciler.planner.replicas import boots
from reconciler.planner.verdicts import Act, Keep
from reconciler.specs.desired import InstanceKey


def put_off(decisions: Iterable[Decision]) -> tuple[Decision, ...]:
    """The decisions, some of the moves among them left for the next plan."""
    decisions = tuple(decisions)
    if not any(_is_carried(each) for each in decisions):
        return decisions
    busy = {_key(each).service for each in decisions if _boots_in_place(each)}
    decisions = tuple(
        _later(each) if _is_carried(each) and _key(each).service in busy else each for each in decisions
    )
    while waiting := _in_vain(decisions):
        decisions = tuple(_later(each) if each.case.name in waiting else each for each in decisions)
    return decisions


def _in_vain(decisions: Sequence[Decision]) -> set[str]:
    """Who waits for the move of somebody who does not move."""
    moving = {_key(each) for each in decisions if _move(each) is not None}
    acts = ((each.case.name, each.verdict) for each in decisions)
    return {name for name, act in acts if isinstance(act, Act) and not moving.issuperset(act.after)}


def _later(decision: Decision) -> Decision:
    assert isinstance(decision.verdict, Act), "it was to move"
    why = next(each.message for each in decision.verdict.because if isinstance(each, Cause))
    return replace(decision, verdict=Keep(), later=why)


def _is_carried(decision: Decision) -> bool:
    move = _move(decision)
    return move is not None and move.terms.cold


def _boots_in_place(decision: Decision) -> bool:
    act = decision.verdict
    return isinstance(act, Act) and not isinstance(act.action, Migrate) and boots(act.action)


def _move(decision: Decision) -> Migrate | None:
    act = decision.verdict
    return act.action if isinstance(act, Act) and isinstance(act.action, Migrate) else None


def _key(decision: Decision) -> InstanceKey:
    return (decision.case.instance or decision.case.found).key
