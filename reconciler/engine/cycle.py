"""One round of reconciliation: look, plan, guard; and, where it is wanted, run.

``plan`` and ``apply`` are the same round; they differ in where they stop.
"""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.engine.guard import guarded
from reconciler.plan import Plan
from reconciler.planner import make_plan
from reconciler.specs.desired import Desired
from reconciler.state import Observed


@dataclass(frozen=True, slots=True)
class Round:
    """What was wanted, what was seen, and what is to be done about it."""

    desired: Desired
    observed: Observed
    plan: Plan


def decide(desired: Desired, observed: Observed, *, allow_deletes: int | None = None) -> Round:
    """Plan from one look, with every guard applied."""
    plan = make_plan(desired, observed)
    return Round(desired, observed, guarded(plan, desired, observed, allow_deletes=allow_deletes))
