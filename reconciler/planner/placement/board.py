"""All that the rules of placement look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from reconciler.planner.groups import Group, group_of
from reconciler.planner.ordering.components import earlier_in, order_of
from reconciler.planner.placement.facts import Answers
from reconciler.planner.placement.ledger import Ledger, Site
from reconciler.specs.desired import HostName, Instance
from reconciler.specs.placement import Affinity


@dataclass(frozen=True, slots=True)
class Neighbours:
    """What components ask of each other.

    ``apart`` holds a group's own anti-affinities and, mirrored, those of others against it.
    ``order`` is that of all components, ``earlier`` are those of its service that are placed before it.
    """

    apart: Mapping[Group, tuple[Affinity, ...]]
    order: Sequence[Group]
    earlier: Mapping[Group, frozenset[str]]

    @staticmethod
    def among(instances: Sequence[Instance]) -> Neighbours:
        """Read the rules of every instance."""
        apart: dict[Group, set[Affinity]] = {}
        # Replicas ask for the same.
        asked = dict.fromkeys((group_of(each.key), each.placement.anti_affinity) for each in instances)
        for own, rules in asked:
            for rule in rules:
                apart.setdefault(own, set()).add(rule)
                mirrored = replace(rule, to=own.component)
                apart.setdefault(Group(own.service, rule.to), set()).add(mirrored)
        order = order_of(instances)
        sorted_apart = {group: tuple(sorted(rules, key=_by_fields)) for group, rules in apart.items()}
        return Neighbours(sorted_apart, order, earlier_in(order))


def _by_fields(rule: Affinity) -> tuple[str, str, bool]:
    return (rule.to, rule.over, rule.strict)


@dataclass(frozen=True, slots=True)
class Board:
    """The hosts, the book of who sits where, and the answers of expressions about hosts."""

    ledger: Ledger
    answers: Answers
    neighbours: Neighbours

    @property
    def sites(self) -> tuple[Site, ...]:
        """Every host of the fleet, by name."""
        return self.ledger.sites

    def values(self, over: str) -> dict[HostName, str | None]:
        """Value of one label of every host (``host`` is its name)."""
        return {site.name: site.host.label(over) for site in self.sites}
