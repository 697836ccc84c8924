"""What is supposed to be otherwise than it is, so that a plan can say what would come of it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from reconciler.specs.desired import Desired, HostName, Instance
from reconciler.state import Observed


@dataclass(frozen=True, slots=True)
class Supposed:
    """What would be desired, and what would be seen."""

    desired: Desired
    observed: Observed


def without_hosts(desired: Desired, observed: Observed, gone: Collection[HostName]) -> Supposed:
    """Both without these hosts; nothing is unknown of the others, which have all answered."""
    hosts = tuple(each for each in desired.fleet.hosts if each.name not in gone)
    left = tuple(each for each in observed.hosts if each.host not in gone)
    fleet = replace(desired.fleet, hosts=hosts)
    return Supposed(replace(desired, fleet=fleet), Observed(observed.fleet, left))


def as_they_are(instances: Collection[Instance], observed: Observed) -> tuple[Instance, ...]:
    """Those that are there, without what is to be changed about them."""
    return tuple(
        replace(each, machine=observed.by_uuid[each.uuid][0].applied)
        for each in instances
        if each.uuid in observed.by_uuid
    )
