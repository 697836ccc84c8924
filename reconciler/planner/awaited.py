"""Which components are asked for their health while a plan is carried out: they stay where they are."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.planner.decide import Decision
from reconciler.planner.groups import Group, group_of
from reconciler.planner.replicas import boots
from reconciler.planner.verdicts import Act
from reconciler.sighting import Running
from reconciler.specs.desired import Instance


def awaited_by(decisions: Iterable[Decision], missing: Iterable[Instance]) -> frozenset[Group]:
    """Components whose own replicas, or those of a component that needs them healthy, boot in this plan."""
    booting = [
        each
        for each in decisions
        if each.case.instance is not None and isinstance(each.verdict, Act) and boots(each.verdict.action)
    ]
    groups = set[Group]()
    for instance in (*(each.case.wanted for each in booting), *missing):
        groups |= {Group(instance.key.service, name) for name in instance.healthy_first}
    # Before one is taken away the others are asked.
    rolling = (each.case.wanted for each in booting if isinstance(each.case.sighting, Running))
    return frozenset(groups | {group_of(each.key) for each in rolling if each.health is not None})
