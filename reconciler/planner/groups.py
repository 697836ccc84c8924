"""The replicas of one component: the unit of rules between instances."""

from __future__ import annotations

from typing import NamedTuple

from reconciler.specs.desired import InstanceKey


class Group(NamedTuple):
    """One component of one service."""

    service: str
    component: str


def group_of(key: InstanceKey) -> Group:
    """The group an instance belongs to."""
    return Group(key.service, key.component)
