"""What is decided in one round: from what is wanted and what was seen to a plan that every guard let through.

No host is needed for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reconciler.actions import Await
from reconciler.engine.guard import Allowance, guarded
from reconciler.engine.scheduling import scheduler_of
from reconciler.plan import Plan, StepId
from reconciler.planner.citing import cited
from reconciler.planner.make import make_plan
from reconciler.sighting import Running, sighting_of
from reconciler.specs.desired import Desired, InstanceUuid
from reconciler.state import Observed

if TYPE_CHECKING:
    from reconciler.planner.draining import Drain
    from reconciler.planner.move import Move
    from reconciler.planner.rebalancing import Gain, Rebalance


@dataclass(frozen=True, slots=True)
class Round:
    """What was wanted, what was seen, and what is to be done about it."""

    desired: Desired
    observed: Observed
    plan: Plan
    gain: Gain | None = None
    """Of a rebalance."""
    later: frozenset[StepId] = frozenset()
    """Steps that were left out of the plan, for a later round."""

    @property
    def askable(self) -> Iterator[Await]:
        """Whoever runs and has a health check, as it was applied: its address is that of then."""
        for instance in self.desired.instances:
            sighting = sighting_of(self.observed, instance.uuid, could_be_on=frozenset())
            if instance.health is not None and isinstance(sighting, Running):
                state = sighting.state
                yield Await(state.host, replace(instance, machine=state.applied))

    def without(self, resting: frozenset[StepId]) -> Round:
        """The same with these steps, and what needs them, left for later."""
        if not resting:
            return self
        left = self.plan.without(resting)
        later = {step.id for step in self.plan.steps} - {step.id for step in left.steps}
        return replace(self, plan=left, later=frozenset(later))


def decide(
    desired: Desired, observed: Observed, allowance: Allowance | None = None, *, wait: bool = False
) -> Round:
    """Plan from one look, with every guard applied. Raises SchedulerFailed."""
    chosen = scheduler_of(desired.fleet)
    plan = chosen.told(make_plan(desired, observed, wait=wait, scheduler=chosen.scheduler))
    plan = guarded(plan, desired, observed, allowance or Allowance())
    return Round(desired, observed, cited(plan, desired))


def rebalanced(desired: Desired, observed: Observed, asked: Rebalance) -> Round:
    """Plan what makes the fleet run better, from one look. Raises SchedulerFailed."""
    # Only a rebalance needs the searches.
    from reconciler.planner.rebalancing import plan_rebalance

    chosen = scheduler_of(desired.fleet)
    found = plan_rebalance(desired, observed, asked, chosen.scheduler)
    return Round(desired, observed, cited(chosen.told(found.plan), desired), found.gain)


def drained(desired: Desired, observed: Observed, drain: Drain) -> Round:
    """Plan what empties a host, from one look. Raises SchedulerFailed."""
    from reconciler.planner.draining import plan_drain

    chosen = scheduler_of(desired.fleet)
    plan = plan_drain(desired, observed, drain, chosen.scheduler)
    return Round(desired, observed, cited(chosen.told(plan), desired))


class Answer:
    """The last round that was decided: planning is pure, so an equal question has the same answer.

    Most rounds of a watch see what the one before them saw.
    """

    def __init__(self) -> None:
        self._asked = (Allowance(), False)
        self._round: Round | None = None

    def to(self, desired: Desired, observed: Observed, allowance: Allowance, *, wait: bool) -> Round:
        """As ``decide``; the plan is made anew only where anything is not as it was."""
        last = self._round
        if (
            last is None
            or (allowance, wait) != self._asked
            or (desired is not last.desired and desired != last.desired)
            or observed != last.observed
        ):
            last = decide(desired, observed, allowance, wait=wait)
        self._round, self._asked = Round(desired, observed, last.plan), (allowance, wait)
        return self._round


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to become true: the files, and how many deletions are allowed beyond their budget.

    The steps of ``resting``, and what needs them, are left for a later round: they failed lately. With
    ``wait``, everybody who has a health check is to be healthy in the end. With a ``move``, that
    migration is to happen and nothing else; with a ``drain``, a host is to be emptied and nothing else;
    with a ``rebalance``, the fleet is to run better by moves alone. Whoever ``failed`` was waited for in
    vain by this controller: where its component rolls back, its form is given up.
    """

    desired: Desired
    allow_deletes: int | None = None
    resting: frozenset[StepId] = frozenset()
    wait: bool = False
    move: Move | None = None
    drain: Drain | None = None
    rebalance: Rebalance | None = None
    failed: frozenset[InstanceUuid] = frozenset()
