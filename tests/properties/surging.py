"""The law of start-first: whoever is taken from health has somebody healthy who stands in for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from reconciler.actions import Await, Create, Destroy, Replace, Start, Update, subject
from reconciler.plan import Step
from reconciler.planner.groups import Group, group_of
from reconciler.specs.desired import InstanceKey
from reconciler.specs.health import Order
from tests.properties.laws import Planner
from tests.properties.rolling import ORDERS, Schedule, boots, runs
from tests.properties.worlds import World


def somebody_stands_in(planner: Planner, world: World) -> None:
    """Of no component that is changed start-first are more replicas taken from health at a time than there
    are stand-ins seen healthy; and none of those goes before whoever it stands in for is healthy.
    """
    plan = planner.make_plan(world.desired, world.observed)
    for number in range(ORDERS):
        _Standing(world, plan, Random(number)).run()


def _key_of(step: Step) -> InstanceKey | None:
    match step.action:
        case Create(instance=each) | Update(instance=each) | Replace(instance=each) | Await(instance=each):
            return each.key
        case Start(before=before) | Destroy(before=before):
            return before.key
    return None


@dataclass
class _Standing(Schedule):
    """Who is taken from health meanwhile, and who stands in: names by component."""

    taken: dict[Group, set[str]] = field(default_factory=dict)
    standing: dict[Group, set[str]] = field(default_factory=dict)

    def run(self) -> None:
        self.declared = {str(each.name): each for each in self.world.desired.instances}
        self.well = {
            name
            for name, each in self.declared.items()
            if runs(each, self.world) and each.uuid not in self.world.observed.sick
        }
        self.groups = {
            group_of(each.key): each.health is not None
            for each in self.declared.values()
            if each.update.order is Order.START_FIRST
        }
        for host in self.world.observed.hosts:
            for state in host.instances:
                if state.applied.surge and self.groups.get(group_of(state.key)) is False:
                    self._of(self.standing, state.key).add(state.name)
        super().run()

    def _of(self, names: dict[Group, set[str]], key: InstanceKey) -> set[str]:
        return names.setdefault(group_of(key), set())

    def begins(self, step: Step) -> None:
        key, name = _key_of(step), str(subject(step.action))
        if key is None or group_of(key) not in self.groups:
            return
        taken, standing = self._of(self.taken, key), self._of(self.standing, key)
        if not (boots(step) or isinstance(step.action, Destroy)):
            return
        if name in self.declared:
            if name in self.well:
                taken.add(name)
        else:
            standing.discard(name)
        goes = name in taken or isinstance(step.action, Destroy)
        assert not goes or len(taken) <= len(standing), f"{step.id}: {standing} for {taken}"

    def ends(self, step: Step) -> None:
        key, name = _key_of(step), str(subject(step.action))
        if key is None or group_of(key) not in self.groups:
            return
        is_asked = self.groups[group_of(key)]
        if isinstance(step.action, Await) if is_asked else boots(step):
            self._of(self.taken, key).discard(name)
            if name not in self.declared:
                self._of(self.standing, key).add(name)
