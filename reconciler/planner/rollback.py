"""What of a plan gives back what was not healthy: the part that nobody is asked about again.

The files say that a component is to roll back where its new form fails. They do not say that whatever
else has come to be due meanwhile may be done unseen.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace

from reconciler.actions import (
    Action,
    Await,
    Create,
    Destroy,
    GiveUp,
    Migrate,
    PairAction,
    PutImage,
    PutNetwork,
    RecordAction,
    Replace,
    Start,
    Stop,
    Update,
)
from reconciler.plan import Plan, Step, StepId, only, with_needs
from reconciler.planner.groups import Group, group_of


def rollback_of(plan: Plan, shown: Plan) -> Plan | None:
    """Of a plan the steps that give components up, all that is done to those, and what this needs.

    Nothing is moved, stopped or destroyed but who only stands in. To others is done what was in the plan
    that was ``shown``. What is left is said in a hint. None where nothing is given up.
    """
    back = frozenset(_group(step.action) for step in plan.steps if isinstance(step.action, GiveUp))
    if not back:
        return None
    agreed = {step.id for step in shown.steps}
    safe = plan.without([step.id for step in plan.steps if not _may(step, back, agreed)])
    kept = with_needs(safe.steps, [step.id for step in safe.steps if _group(step.action) in back])
    left = [step.id for step in plan.steps if step.id not in kept and not isinstance(step.action, Await)]
    hints = (f"left for the next plan: {', '.join(left)}",) if left else ()
    return replace(plan, steps=only(safe.steps, kept), hints=(*plan.hints, *hints))


def _may(step: Step, back: Container[Group | None], agreed: Container[StepId]) -> bool:
    """Whether a step may be carried out although nobody is asked about it."""
    match step.action:
        case PutImage() | PutNetwork() | Await():
            return True
        case Destroy(before=before):
            return before.applied.surge and _group(step.action) in back
        case Migrate() | Stop():
            return False
        case action:
            return _group(action) in back or step.id in agreed


def _group(action: Action) -> Group | None:
    """The component of the machine that an action is about; None: it is about none."""
    if isinstance(action, Create | Update | Replace | Await):
        return group_of(action.instance.key)
    if isinstance(action, Start | Stop | Destroy | PairAction | RecordAction):
        return group_of(action.before.key)
    return None
