"""Hold back what may take data away, unless it is clearly meant.

A guard turns steps into ``Blocked`` entries; the rest of the plan goes on. Protection of a single
machine is the planner's (it is read from the machine itself); these guards look at a whole plan.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from reconciler.actions import Destroy, DropNetwork, PutNetwork, action_key, subject, summary_key
from reconciler.plan import Blocked, BlockKind, Plan, Refusal, Step, StepId
from reconciler.specs.desired import Desired, InstanceName
from reconciler.state import Observed


@dataclass(frozen=True, slots=True)
class Allowance:
    """What deletion is allowed: ``deletes`` replaces the fleet's budget where it is given, and
    ``spent`` is how many deletions the last hour has seen already.
    """

    deletes: int | None = None
    spent: int = 0


def guarded(plan: Plan, desired: Desired, observed: Observed, allowance: Allowance) -> Plan:
    """The plan without the destructions that a guard refuses, each listed as blocked."""
    destroys = [step for step in plan.steps if isinstance(step.action, Destroy)]
    if not destroys:
        return plan
    if not desired.services:
        why = "the directory declares no service at all: nothing is deleted"
        return _without(plan, {step.id: why for step in destroys}, BlockKind.GUARD)
    hidden = _possibly_elsewhere(destroys, desired, observed)
    plan = _without(plan, hidden, BlockKind.UNKNOWN)
    left = [step for step in destroys if step.id not in hidden]
    plan = _within_budget(plan, _counted(left), _budget(desired, observed, allowance), allowance)
    if allowance.deletes != 0:
        return plan
    retired = [step for step in left if step not in _counted(left)]
    return _without(plan, {step.id: "no deletion at all is allowed" for step in retired}, BlockKind.GUARD)


def _counted(destroys: list[Step]) -> list[Step]:
    """Those that the budget counts: whoever only stood in was made by the update that it goes with."""
    return [step for step in destroys if summary_key(step.action) == action_key(step.action)]


def _possibly_elsewhere(destroys: list[Step], desired: Desired, observed: Observed) -> dict[StepId, str]:
    """Destructions while a host is silent: what is seen of the machine may not be all there is.

    Its cluster does not matter: it may have been declared in another one before.
    """
    declared = {host.name for host in desired.fleet.hosts}
    silent = next((unknown.host for unknown in observed.unknown if unknown.host in declared), None)
    if silent is None:
        return {}
    why = f"{silent} did not answer: nothing is deleted while it may be there too"
    return {step.id: why for step in destroys}


def _budget(desired: Desired, observed: Observed, allowance: Allowance) -> int:
    if allowance.deletes is not None:
        return allowance.deletes
    limit = desired.fleet.deletes
    # Those of the last hour counted when the hour began.
    existing = sum(len(host.instances) for host in observed.hosts) + allowance.spent
    return max(limit.max, existing * limit.percent // 100) - allowance.spent


def _within_budget(plan: Plan, destroys: list[Step], left: int, allowance: Allowance) -> Plan:
    asked = len(destroys)
    if asked <= left:
        return plan
    past = f" (and {allowance.spent} in the last hour)" if allowance.spent else ""
    why = (
        f"{asked} deletions{past} are more than the budget of {left + allowance.spent}"
        f" (limits.deletes; --allow-deletes {asked} permits them this once)"
    )
    return _without(plan, {step.id: why for step in destroys}, BlockKind.GUARD)


def _without(plan: Plan, refused: Mapping[StepId, str], kind: BlockKind) -> Plan:
    if not refused:
        return plan
    reasons = dict(refused)
    for step in plan.steps:
        # Whatever waits for a refused step would wait for ever.
        if (lost := next((need for need in step.needs if need in reasons), None)) is not None:
            reasons.setdefault(step.id, f"it comes after {lost}, which is refused: {reasons[lost]}")
    blocked = [
        Blocked(InstanceName(subject(step.action)), kind, (Refusal(str(step.host), reasons[step.id]),))
        for step in plan.steps
        if step.id in reasons and not isinstance(step.action, PutNetwork | DropNetwork)
    ]
    everything = sorted((*plan.blocked, *blocked), key=lambda entry: entry.instance)
    return replace(plan.without(reasons), blocked=tuple(everything))
