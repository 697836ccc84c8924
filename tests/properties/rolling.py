"""The laws of health: how many replicas are away while a plan is carried out, in whatever order its
steps happen to begin and end, and who waits for whom.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random

from reconciler.actions import Await, Create, Impact, Migrate, Replace, Start, Stop, Update, subject
from reconciler.plan import BlockKind, Plan, Step, StepId
from reconciler.planner.groups import Group, group_of
from reconciler.sighting import Running, sighting_of
from reconciler.specs.desired import Instance
from tests.properties.laws import Planner
from tests.properties.worlds import World

ORDERS = 6


def never_too_many_away(planner: Planner, world: World) -> None:
    """Whoever is taken away, at most so many of its component as are allowed to are away then.

    Away is who does not run, who is sick, and who was taken and is not back: not yet done, or not yet
    seen healthy. Who is sick already may be taken though others are sick whose turn is still to come.
    """
    plan = planner.make_plan(world.desired, world.observed)
    for number in range(ORDERS):
        _Away(world, plan, Random(number)).run()


def health_comes_first(planner: Planner, world: World) -> None:
    """A guest boots only after every replica that is there of what it needs healthy was waited for."""
    plan = planner.make_plan(world.desired, world.observed)
    steps = {step.id: step for step in plan.steps}
    by_name = {str(each.name): each for each in world.desired.instances}
    acted = {subject(step.action) for step in plan.steps if boots(step)}
    stopped = {subject(step.action) for step in plan.steps if isinstance(step.action, Stop)}
    circle = _circles(world)
    for step in plan.steps:
        instance = by_name.get(str(subject(step.action)))
        if instance is None or not boots(step):
            continue
        before = all_before(step, steps)
        for name in instance.healthy_first:
            group = Group(instance.key.service, name)
            others = [each for each in world.desired.instances if group_of(each.key) == group]
            if group in circle or group_of(instance.key) in circle:
                continue
            there = [each for each in others if str(each.name) in acted or runs(each, world)]
            assert there or not others, f"{step.id} is begun, and nobody of {name} can become healthy"
            for other in there:
                if other.health is not None and str(other.name) not in stopped:
                    assert StepId(f"wait/{other.name}") in before, f"{step.id} does not wait for {other.name}"


def _circles(world: World) -> set[Group]:
    """Components whose dependence goes round: a loader refuses them, and somebody has to come first."""
    needs = {
        group_of(each.key): {Group(each.key.service, name) for name in each.depends_on}
        for each in world.desired.instances
    }
    found = set()
    for group, direct in needs.items():
        seen: set[Group] = set()
        ahead = set(direct)
        while ahead:
            other = ahead.pop()
            if other not in seen:
                seen.add(other)
                ahead |= needs.get(other, set())
        if group in seen:
            found.add(group)
    return found


def all_before(step: Step, steps: Mapping[StepId, Step]) -> set[StepId]:
    """Every step that is done when this one begins."""
    found: set[StepId] = set()
    ahead = list(step.needs)
    while ahead:
        if (need := ahead.pop()) not in found:
            found.add(need)
            ahead.extend(steps[need].needs)
    return found


def boots(step: Step) -> bool:
    action = step.action
    if isinstance(action, Update):
        return action.impact is Impact.RESTART
    if isinstance(action, Migrate):
        return action.terms.cold
    return isinstance(action, Create | Start | Replace)


def runs(each: Instance, world: World) -> bool:
    return isinstance(sighting_of(world.observed, each.uuid, could_be_on=frozenset()), Running)


@dataclass
class Schedule:
    """One order in which the steps of a plan begin and end."""

    world: World
    plan: Plan
    luck: Random
    begun: set[StepId] = field(default_factory=set)
    done: set[StepId] = field(default_factory=set)

    def begins(self, step: Step) -> None:
        raise NotImplementedError

    def ends(self, step: Step) -> None:
        raise NotImplementedError

    def run(self) -> None:
        waiting = list(self.plan.steps)
        while waiting or self.begun - self.done:
            ready = [step for step in waiting if self.done.issuperset((*step.needs, *step.follows))]
            under_way = [step for step in self.plan.steps if step.id in self.begun - self.done]
            # Beginnings are likelier than endings: many things at once are what is to be tried.
            if ready and (not under_way or self.luck.random() < 0.7):
                step = self.luck.choice(ready)
                waiting.remove(step)
                self.begun.add(step.id)
                self.begins(step)
            else:
                assert under_way, "the steps wait for each other"
                step = self.luck.choice(under_way)
                self.done.add(step.id)
                self.ends(step)


@dataclass
class _Away(Schedule):
    """Who is away meanwhile."""

    down: set[str] = field(default_factory=set)
    unwell: set[str] = field(default_factory=set)

    def run(self) -> None:
        without_place = {
            str(entry.instance)
            for entry in self.plan.blocked
            if entry.kind in (BlockKind.NO_PLACE, BlockKind.REFUSED)
        }
        for each in self.world.desired.instances:
            if not runs(each, self.world):
                if self.world.observed.by_uuid.get(each.uuid) or str(each.name) not in without_place:
                    self.down.add(str(each.name))
            elif each.uuid in self.world.observed.sick:
                self.unwell.add(str(each.name))
        super().run()

    def begins(self, step: Step) -> None:
        name = str(subject(step.action))
        each = next((one for one in self.world.desired.instances if str(one.name) == name), None)
        if each is None or not (boots(step) or isinstance(step.action, Stop)) or name in self.down:
            return
        fellows = {
            str(one.name) for one in self.world.desired.instances if group_of(one.key) == group_of(each.key)
        }
        to_come = {
            str(subject(each.action)) for each in self.plan.steps if boots(each) and each.id not in self.begun
        }
        excused = to_come if name in self.unwell else set()
        self.down.add(name)
        if isinstance(step.action, Stop):
            return  # a host that is to be empty asks nobody; but nobody else is taken away meanwhile
        away = fellows & (self.down | (self.unwell - excused))
        most = each.update.parallelism
        assert not most or len(away) <= most, f"{step.id} leaves {sorted(away)} away"

    def ends(self, step: Step) -> None:
        name = str(subject(step.action))
        if isinstance(step.action, Await):
            self.unwell.discard(name)
        elif boots(step):
            self.down.discard(name)
            self.unwell.discard(name)
            each = next((one for one in self.world.desired.instances if str(one.name) == name), None)
            if each is not None and each.health is not None:
                self.unwell.add(name)
