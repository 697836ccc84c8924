"""What each replica of a component does while a plan is carried out: is it up, away, or taken away?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto

from reconciler.actions import Action, Await, Create, Impact, Migrate, Replace, Start, Stop, Update
from reconciler.plan import Step, StepId
from reconciler.planner.decide import Decision
from reconciler.planner.groups import Group, group_of
from reconciler.planner.simulate import after
from reconciler.planner.verdicts import Act, Case, Verdict
from reconciler.sighting import Absent, Running, Stranded
from reconciler.specs.desired import HostName, Instance, InstanceUuid
from reconciler.specs.health import OnFailure
from reconciler.state import InstanceState, Observed


class Part(Enum):
    """A replica's part in a plan."""

    UP = auto()
    """It runs, and goes on."""
    TAKEN = auto()
    """It runs, and a step takes it away for a while."""
    BACK = auto()
    """It does not run, and a step makes it."""
    OUT = auto()
    """It is somewhere, does not run as far as anybody knows, and is left as it is."""
    NOWHERE = auto()
    """It is on no host, and there is no place for it, or no form. It is not away: nobody took it, and the
    change of the others may be what makes room for it.
    """


@dataclass(frozen=True, slots=True)
class Replica:
    """One replica that is declared; ``host`` is where it runs or will (None where it does not).

    ``sick``: it runs, was asked, and is not healthy.
    """

    instance: Instance
    decision: Decision
    part: Part
    host: HostName | None
    sick: bool

    @property
    def stands_in(self) -> bool:
        """Whether it is there only while the others are changed."""
        return self.instance.machine.surge

    @property
    def rolls_back(self) -> bool:
        """Whether its component becomes again what it was where a new form fails."""
        return self.instance.update.on_failure is OnFailure.ROLLBACK

    @property
    def will_run(self) -> bool:
        """Whether it runs, or will when the plan is carried out."""
        return self.host is not None

    @property
    def action(self) -> Action | None:
        """What is done to it."""
        verdict = self.decision.verdict
        return verdict.action if isinstance(verdict, Act) else None

    def waited_for(self, steady: int = 0) -> Await | None:
        """To wait for its health; None where it has no check, or nobody can be asked."""
        if self.host is None or self.instance.health is None:
            return None
        if self.action is not None:
            return Await(self.host, self.instance, steady)
        # Nothing is done to it: it answers at the address that it has, whatever it is to have one day.
        as_it_is = replace(self.instance, machine=self.decision.case.found.applied)
        return Await(self.host, as_it_is, steady)


Replicas = Mapping[Group, tuple[Replica, ...]]


def replicas_of(decisions: Iterable[Decision], sick: Iterable[InstanceUuid]) -> Replicas:
    """Every replica that is declared, and who stands in, by component, in the order of the ordinals."""
    unwell = frozenset(sick)
    found: dict[Group, list[Replica]] = {}
    for decision in decisions:
        if (instance := decision.case.instance) is not None:
            part = part_of(decision.case, decision.verdict)
            replica = Replica(instance, decision, part, _host(decision, part), instance.uuid in unwell)
            found.setdefault(group_of(instance.key), []).append(replica)
    return {group: tuple(sorted(each, key=lambda one: one.instance.key)) for group, each in found.items()}


def standing_in(replicas: Iterable[Replica]) -> tuple[Replica, ...]:
    """Those of a component that stand in for the others, and run or will."""
    return tuple(each for each in replicas if each.stands_in and each.will_run)


def as_left(replica: Replica, seen: Observed) -> InstanceState:
    """The machine as the plan's own step on it leaves it; it is somewhere, or is made by that."""
    if (action := replica.action) is not None:
        step = Step(StepId(""), action, ())
        there = replace(seen, hosts=tuple(host for host in seen.hosts if host.host in step.hosts))
        seen = after(step, there)
    return seen.by_uuid[replica.instance.uuid][0]


def boots(action: Action) -> bool:
    """Whether a guest starts, or starts again, by it."""
    if isinstance(action, Update):
        return action.impact is not Impact.LIVE
    if isinstance(action, Migrate):
        return action.terms.cold
    return isinstance(action, Create | Start | Replace)


def part_of(case: Case, verdict: Verdict) -> Part:
    """The part of a replica, given what is known of it and what becomes of it."""
    if not isinstance(verdict, Act):
        if isinstance(case.sighting, Absent):
            return Part.NOWHERE
        return Part.UP if isinstance(case.sighting, Running) else Part.OUT
    if isinstance(verdict.action, Stop):
        return Part.OUT  # it goes down, and is not to be waited for
    if not boots(verdict.action):
        return Part.UP
    # Who stands still after a migration goes on before anything else is done to it.
    return Part.TAKEN if isinstance(case.sighting, Running | Stranded) else Part.BACK


def _host(decision: Decision, part: Part) -> HostName | None:
    if part is Part.OUT:
        return None
    if isinstance(decision.verdict, Act):
        return decision.verdict.action.host
    return decision.case.found.host if part is Part.UP else None
