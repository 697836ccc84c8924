"""What happened to each step of a plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.actions import Await
from reconciler.plan import Plan, Step, StepId
from reconciler.specs.desired import InstanceName, InstanceUuid


@dataclass(frozen=True, slots=True)
class Done:
    """A fresh look confirmed it."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The host said no, or the fresh look did not show it."""

    error: str


@dataclass(frozen=True, slots=True)
class Unresolved:
    """The call did not return in time, or the host fell silent: done or not is not known."""

    error: str


@dataclass(frozen=True, slots=True)
class Unhealthy:
    """It was not healthy in time; the last reason."""

    error: str


@dataclass(frozen=True, slots=True)
class NotYet:
    """It is not healthy yet, and has time left; ``again`` is in how many seconds to ask."""

    error: str
    again: float = 0.0


@dataclass(frozen=True, slots=True)
class Skipped:
    """Not attempted: a step it needs did not succeed."""

    needs: StepId


@dataclass(frozen=True, slots=True)
class Abandoned:
    """Not attempted, or not waited for: we were interrupted."""

    begun: bool


Outcome = Done | Failed | Unresolved | Unhealthy | NotYet | Skipped | Abandoned


@dataclass(frozen=True, slots=True)
class StepReport:
    """One step and what became of it; ``seconds`` on the engine's clock."""

    step: Step
    outcome: Outcome
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Report:
    """A plan carried out, as far as it was; steps in the plan's order."""

    plan: Plan
    steps: tuple[StepReport, ...]
    interrupted: bool = False

    @property
    def failures(self) -> tuple[StepReport, ...]:
        """Steps that were tried and did not come to be done."""
        return self.having(Failed, Unresolved, Unhealthy)

    @property
    def unhealthy(self) -> Mapping[InstanceName, InstanceUuid]:
        """Instances that were waited for in vain."""
        steps = (entry.step.action for entry in self.having(Unhealthy))
        return {each.instance.name: each.instance.uuid for each in steps if isinstance(each, Await)}

    def cause(self, entry: StepReport) -> Outcome:
        """What became of a step, and of one that was skipped: of the step that it was skipped for."""
        by_id = {each.step.id: each for each in self.steps}
        while isinstance(entry.outcome, Skipped):
            entry = by_id[entry.outcome.needs]
        return entry.outcome

    def having(self, *kinds: type[Outcome]) -> tuple[StepReport, ...]:
        """Steps whose outcome is one of these."""
        return tuple(step for step in self.steps if isinstance(step.outcome, kinds))
