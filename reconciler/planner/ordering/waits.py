"""Who has to be healthy before what: the steps that only wait, and which steps need them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from reconciler.actions import Accept
from reconciler.plan import Cause, Step, StepId
from reconciler.planner.groups import Group, group_of
from reconciler.planner.ordering.deeds import Deed, Deeds, Needs, identifier_of
from reconciler.planner.ordering.precedence import Precedence
from reconciler.planner.ordering.rolling import rolls_of
from reconciler.planner.replicas import Replica, Replicas, boots
from reconciler.specs.desired import Instance, InstanceKey

_OTHERS = (Cause("others come after it is healthy"),)
_ASKED = (Cause("to be waited for"),)


@dataclass(frozen=True, slots=True)
class Waits:
    """The waits of one plan, their turns in the order of the instances, and what each step needs for them."""

    steps: Mapping[StepId, Step]
    turns: Mapping[StepId, int]
    needed: Mapping[StepId, Needs]

    def needs(self, identifier: StepId, others: Needs) -> Needs:
        """All that a step needs: the waits, and the ``others`` that no wait implies."""
        waits = self.needed.get(identifier, ())
        if not waits:
            return others
        implied = {need for step in self.named(waits) for need in step.needs}
        return tuple(dict.fromkeys((*(each for each in others if each not in implied), *waits)))

    def named(self, needs: Needs) -> Iterable[Step]:
        """The waits among these."""
        found = (need for need in needs if need in self.steps)
        return (self.steps[need] for need in sorted(found, key=self.turns.__getitem__))


def waits_of(deeds: Deeds, replicas: Replicas, precedence: Precedence, *, everyone: bool) -> Waits:
    """Work them out. ``everyone`` has a wait for each replica that has a health check."""
    # Whoever is only told of its peers is told after they are made, and they may wait for its health.
    own = {deed.key: name for name, deed in deeds.items() if _does_something(deed)}
    rolls = _rolls(deeds, replicas)
    relieved = {name: _relieved(deed, replicas) for name, deed in deeds.items()}
    rolling = {other.instance.key for others in (*rolls.values(), *relieved.values()) for other in others}
    declared = {each.instance.key: each.instance for group in replicas.values() for each in group}
    gates = {name: _gates(deed, declared, replicas, precedence) for name, deed in deeds.items()}
    all_asked = (*gates.values(), *relieved.values(), *rolls.values())
    asked = {other.instance.key: other for others in all_asked for other in others}
    everybody = (each for group in replicas.values() for each in group) if everyone else ()
    wished = {each.instance.key: each for each in everybody if not each.stands_in}
    steps = {}
    for key, replica in sorted({**wished, **asked}.items()):
        wait = replica.waited_for(replica.instance.update.monitor if key in rolling else 0)
        if wait is not None:
            needs = (own[key],) if key in own else precedence.building.get(group_of(key), ())
            steps[key] = Step(identifier_of(wait), wait, _OTHERS if key in asked else _ASKED, needs)

    # Who goes to another host while it runs is up meanwhile.
    down = {key: name for key, name in own.items() if not deeds[name].moves or deeds[name].is_carried}
    turns = {name: turn for turn, name in enumerate(deeds)}

    def back(replica: Replica) -> Needs:
        key = replica.instance.key
        return (steps[key].id,) if key in steps else (down[key],) if key in down else ()

    def is_later(replica: Replica, name: StepId) -> bool:
        """Whether it leaves only after that one, which makes room for it or was given the limits first."""
        mine = own.get(replica.instance.key)
        return mine is not None and deeds[name].is_carried and turns[mine] > turns[name]

    needed = {}
    for name, deed in deeds.items():
        rolled = () if deed.destroys or deed.records else rolls.get(deed.key, ())
        others = (other for other in (*gates[name], *relieved[name], *rolled) if not is_later(other, name))
        needed[name] = tuple(dict.fromkeys(need for other in others for need in back(other)))
    by_id = {step.id: step for step in steps.values()}
    return Waits(by_id, {identifier: turn for turn, identifier in enumerate(by_id)}, needed)


def _does_something(deed: Deed) -> bool:
    """Whether a guest is asked for its health only after it."""
    return not (deed.destroys or deed.tells or deed.records)


def _rolls(deeds: Deeds, replicas: Replicas) -> dict[InstanceKey, tuple[Replica, ...]]:
    groups = dict.fromkeys(deed.group for deed in deeds.values() if not (deed.destroys or deed.records))
    turns = {deed.key: turn for turn, deed in enumerate(deeds.values()) if deed.is_carried}
    return {key: roll for group in groups for key, roll in rolls_of(_in_turn(replicas[group], turns)).items()}


def _in_turn(replicas: Sequence[Replica], turns: Mapping[InstanceKey, int]) -> Sequence[Replica]:
    """Those that are off while they move in the order in which room and limits let them."""
    if not turns:
        return replicas
    return sorted(replicas, key=lambda each: turns.get(each.instance.key, -1))


def _gates(
    deed: Deed, declared: Mapping[InstanceKey, Instance], replicas: Replicas, precedence: Precedence
) -> tuple[Replica, ...]:
    """Replicas of other components that must be healthy before a step; those that are out are no one's."""
    if deed.destroys or not boots(deed.action):
        return ()
    groups = (Group(deed.group.service, name) for name in declared[deed.key].healthy_first)
    earlier = (group for group in groups if group in precedence.before[deed.group])
    others = (each for group in earlier for each in replicas.get(group, ()))
    return tuple(each for each in others if each.will_run and not each.stands_in)


def _relieved(deed: Deed, replicas: Replicas) -> tuple[Replica, ...]:
    """Who must be healthy before a stand-in goes, or a new form is taken for good: all that are declared."""
    own = [each for each in replicas.get(deed.group, ()) if not each.stands_in]
    trusts = isinstance(deed.action, Accept) and deed.action.trusts and own[0].rolls_back
    if not trusts and not (deed.destroys and deed.stands_in):
        return ()
    return tuple(each for each in own if each.will_run)
