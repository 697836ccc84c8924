"""In which order the components of a service come: for finding hosts and for doing things alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from reconciler.planner.groups import Group, group_of
from reconciler.specs.desired import Instance


@dataclass(frozen=True, slots=True)
class _Wishes:
    """Which components of its service a group comes after: those it depends on, those it follows."""

    needs: set[Group] = field(default_factory=set)
    follows: set[Group] = field(default_factory=set)


def order_of(instances: Iterable[Instance]) -> tuple[Group, ...]:
    """Groups, each after those it depends on and those it wants to be near; else by name.

    Where both cannot be had, ``depends_on`` decides; where that goes in a circle, the name does.
    Components that have no instance do not count.
    """
    services: dict[str, dict[Group, _Wishes]] = {}
    for group, wish in _wishes(instances).items():
        services.setdefault(group.service, {})[group] = wish
    ordered: list[Group] = []
    for _, waiting in sorted(services.items()):
        while waiting:
            ordered.append(_ready(waiting))
            del waiting[ordered[-1]]
    return tuple(ordered)


def _ready(waiting: Mapping[Group, _Wishes]) -> Group:
    """The next group."""
    free = [group for group, wish in waiting.items() if wish.needs.isdisjoint(waiting)]
    alone = [group for group in free if waiting[group].follows.isdisjoint(waiting)]
    return min(alone or free or waiting)


def _wishes(instances: Iterable[Instance]) -> dict[Group, _Wishes]:
    wishes: dict[Group, _Wishes] = {}
    # Replicas wish for the same.
    wished = dict.fromkeys(
        (group_of(each.key), each.depends_on, each.placement.affinity) for each in instances
    )
    for own, depends_on, affinity in wished:
        wish = wishes.setdefault(own, _Wishes())
        wish.needs.update(Group(own.service, other) for other in depends_on)
        wish.follows.update(Group(own.service, rule.to) for rule in affinity)
        # It is its own neighbour, and does not wait for itself.
        wish.needs.discard(own)
        wish.follows.discard(own)
    return wishes


def earlier_in(order: Iterable[Group]) -> Mapping[Group, frozenset[str]]:
    """For each group, the components of its service that come before it."""
    earlier: dict[Group, frozenset[str]] = {}
    so_far: dict[str, frozenset[str]] = {}
    for group in order:
        earlier[group] = so_far.get(group.service, frozenset())
        so_far[group.service] = earlier[group] | {group.component}
    return earlier
