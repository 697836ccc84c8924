"""Hold back what may take data away, unless it is clearly meant.

A guard turns steps into ``Blocked`` entries; the rest of the plan goes on. Protection of a single
machine is the planner's (it is read from the machine itself); these guards look at a whole plan.
"""

from __future__ import annotations

from dataclasses import replace

from reconciler.plan import Blocked, BlockKind, Destroy, Plan, Refusal, Step, StepId, subject
from reconciler.specs.desired import Desired, InstanceName
from reconciler.state import Observed


def guarded(plan: Plan, desired: Desired, observed: Observed, *, allow_deletes: int | None = None) -> Plan:
    """The plan without the destructions that a guard refuses, each listed as blocked.

    ``allow_deletes`` replaces the fleet's own budget where it is given.
    """
    destroys = [step for step in plan.steps if isinstance(step.action, Destroy)]
    if not destroys:
        return plan
    if not desired.services:
        return _without(plan, destroys, "the directory declares no service at all: nothing is deleted")
    existing = sum(len(host.instances) for host in observed.hosts)
    budget = _budget(desired, existing) if allow_deletes is None else allow_deletes
    if len(destroys) > budget:
        return _without(
            plan,
            destroys,
            f"{len(destroys)} deletions are more than the budget of {budget} "
            f"(limits.deletes; --allow-deletes {len(destroys)} permits them this once)",
        )
    return plan


def _budget(desired: Desired, existing: int) -> int:
    limit = desired.fleet.deletes
    return max(limit.max, existing * limit.percent // 100)


def _without(plan: Plan, refused: list[Step], reason: str) -> Plan:
    gone: set[StepId] = {step.id for step in refused}
    kept: list[Step] = []
    for step in plan.steps:
        # Whatever waits for a refused step would wait for ever.
        if step.id in gone or not gone.isdisjoint(step.needs):
            gone.add(step.id)
        else:
            kept.append(step)
    blocked = [
        Blocked(InstanceName(subject(step.action)), BlockKind.GUARD, (Refusal(str(step.host), reason),))
        for step in plan.steps
        if step.id in gone
    ]
    everything = sorted((*plan.blocked, *blocked), key=lambda entry: entry.instance)
    return replace(plan, steps=tuple(kept), blocked=tuple(everything))
