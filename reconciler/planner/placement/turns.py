"""In which order hosts are sought for those that have none: who counts more comes first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from reconciler.planner.groups import Group, group_of
from reconciler.planner.placement.problem import NOWHERE, Served
from reconciler.specs.desired import Instance


@dataclass(frozen=True, slots=True)
class Turns:
    """``weights`` is the priority of each group, ``place`` when it comes among those of its service."""

    weights: Mapping[Group, int]
    place: Mapping[Group, int]

    @staticmethod
    def among(instances: Iterable[Instance], order: Sequence[Group]) -> Turns:
        """Read every instance's priority: what others need, or follow, counts as much as they do."""
        first = {group_of(each.key): each for each in instances}
        weights = {group: each.placement.priority for group, each in first.items()}
        for group in reversed(order):
            followed = (rule.to for rule in first[group].placement.affinity)
            for other in (*first[group].depends_on, *followed):
                needed = Group(group.service, other)
                if needed in weights:
                    weights[needed] = max(weights[needed], weights[group])
        return Turns(weights, {group: number for number, group in enumerate(order)})

    def of(self, instance: Instance) -> tuple[bool, int, str, int, int]:
        """When a host is sought for it: whoever only stands in takes no place from those that stay."""
        key, group = instance.key, group_of(instance.key)
        return (instance.machine.surge, -self.weights[group], key.service, self.place[group], key.ordinal)

    def served(self, asked: Sequence[Instance | None]) -> Served:
        """The turns of those who may be served, as numbers; None is for who may not."""
        number: dict[str, int] = {}
        turn, service = np.full(len(asked), NOWHERE, np.int64), np.full(len(asked), NOWHERE, np.int64)
        known = [(self.of(each), machine) for machine, each in enumerate(asked) if each is not None]
        for place, (order, machine) in enumerate(sorted(known)):
            turn[machine], service[machine] = place, number.setdefault(order[2], len(number))
        return Served(turn, service)
