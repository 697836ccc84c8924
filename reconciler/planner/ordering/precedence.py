"""Which steps of a service come before which.

What is made or changed comes after the components it depends on. Guests are told of their peers once it is
over with all that are new, whether they are there or not, and nothing waits for that. What is destroyed
comes after all that, dependants first; components that are no longer declared, whose order nobody knows
any more, come last.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from reconciler.plan import StepId
from reconciler.planner.groups import Group, group_of
from reconciler.planner.ordering.components import earlier_in
from reconciler.planner.ordering.deeds import Deed, Deeds, Needs, identifier_of
from reconciler.specs.desired import Instance


@dataclass(frozen=True, slots=True)
class Precedence:
    """What every step of a group needs, worked out once and shared by its replicas."""

    before: Mapping[Group, Collection[Group]]
    """Whom each group waits for."""
    building: Mapping[Group, Needs]
    destroying: Mapping[Group, Needs]
    removing: Mapping[str, Needs]
    """By service: what the destructions of components that are no longer declared need."""
    telling: Mapping[str, Needs]
    """By service: what is over before its guests are told of each other."""
    carrying: Mapping[Group, Needs]
    """Those that are off while they move, of the components that each group comes after."""
    carrying_back: Mapping[Group, Needs]
    """And of those that come after each group."""
    turns: Mapping[StepId, int]
    """The places of all steps that do something to instances."""

    def needs(self, deed: Deed) -> Needs:
        """The steps that must have succeeded before this one."""
        if deed.is_carried:
            return self._among_carried(self.carrying, deed)
        if deed.moves or deed.tells or deed.records:
            return ()
        if not deed.destroys:
            return self.building[deed.group]
        return self.destroying.get(deed.group, self.removing[deed.group.service])

    def follows(self, deed: Deed) -> Needs:
        """The steps that must be over before this one, however they ended."""
        if deed.is_carried:
            return self._among_carried(self.carrying_back, deed)
        return self.telling.get(deed.group.service, ()) if deed.tells else ()

    def _among_carried(self, others: Mapping[Group, Needs], deed: Deed) -> Needs:
        """Those of them that come earlier: room and limits decide who does."""
        turn = self.turns.get(identifier_of(deed.action), 0)
        return tuple(each for each in others.get(deed.group, ()) if self.turns[each] < turn)


def precedence_of(deeds: Deeds, instances: Iterable[Instance], order: Sequence[Group]) -> Precedence:
    """What each step needs; ``order`` is that of the components of all instances."""
    services = {deed.group.service for deed in deeds.values()}
    declared = [each for each in instances if each.key.service in services]
    order = [group for group in order if group.service in services]
    before = _dependencies(declared, order)
    gone = _by_group(deeds, lambda deed: deed.destroys)
    all_made = _by_service(_by_group(deeds, lambda deed: not (deed.destroys or deed.moves or deed.records)))
    made = _by_group(deeds, lambda deed: not _aside(deed))
    all_gone = _by_service({group: gone[group] for group in order if group in gone})
    destroying = _passed_on(order[::-1], _reversed(before), gone)
    carried = _by_group(deeds, lambda deed: deed.is_carried)
    return Precedence(
        before=before,
        building=_passed_on(order, before, made),
        destroying={group: (*all_made.get(group.service, ()), *needs) for group, needs in destroying.items()},
        removing={name: (*all_made.get(name, ()), *all_gone.get(name, ())) for name in services},
        carrying=_passed_on(order, before, carried) if carried else {},
        carrying_back=_passed_on(order[::-1], _reversed(before), carried) if carried else {},
        turns={identifier: turn for turn, identifier in enumerate(deeds)},
        telling=_by_service(_by_group(deeds, lambda deed: deed.creates and not deed.stands_in)),
    )


def _aside(deed: Deed) -> bool:
    """Whether what comes after a component does not come after this."""
    return deed.destroys or deed.moves or deed.tells or deed.records or deed.stands_in


def _dependencies(instances: Iterable[Instance], order: Sequence[Group]) -> dict[Group, set[Group]]:
    """Whom each group waits for; where they wait for each other in a circle, the first does not."""
    earlier = earlier_in(order)
    before: dict[Group, set[Group]] = {group: set() for group in order}
    for instance in instances:
        own = group_of(instance.key)
        before[own].update(
            Group(own.service, other) for other in instance.depends_on if other in earlier[own]
        )
    return before


def _reversed(before: Mapping[Group, set[Group]]) -> dict[Group, set[Group]]:
    after: dict[Group, set[Group]] = {group: set() for group in before}
    for group, others in before.items():
        for other in others:
            after[other].add(group)
    return after


def _passed_on(
    order: Sequence[Group], before: Mapping[Group, set[Group]], own: Mapping[Group, Needs]
) -> dict[Group, Needs]:
    """What each group's steps need: the steps of the groups before it, and where one of those has
    none, what it would need itself.
    """
    needs: dict[Group, Needs] = {}
    for group in order:
        found: dict[StepId, None] = {}
        for other in sorted(before[group]):
            found.update(dict.fromkeys(own.get(other) or needs[other]))
        needs[group] = tuple(found)
    return needs


def _by_group(deeds: Deeds, wanted: Callable[[Deed], bool]) -> dict[Group, Needs]:
    steps: dict[Group, Needs] = {}
    for identifier, deed in deeds.items():
        if wanted(deed):
            steps[deed.group] = (*steps.get(deed.group, ()), identifier)
    return steps


def _by_service(groups: Mapping[Group, Needs]) -> dict[str, Needs]:
    steps: dict[str, Needs] = {}
    for group, each in groups.items():
        steps[group.service] = (*steps.get(group.service, ()), *each)
    return steps
