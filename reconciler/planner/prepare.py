"""The one door to what is judged: what is desired with every address found, what was seen of the fleet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.plan import Blocked
from reconciler.planner.addresses import addressed
from reconciler.planner.guests import Told, told
from reconciler.planner.placement.standing import with_maintenance
from reconciler.planner.scope import scoped
from reconciler.specs.desired import Desired, InstanceName
from reconciler.state import Observed


@dataclass(frozen=True, slots=True)
class Prepared:
    """What everything after this reads. ``blocked`` are instances that must be left as they are; ``told``
    knows what guests are told in full.
    """

    desired: Desired
    observed: Observed
    blocked: Mapping[InstanceName, Blocked]
    told: Told


def prepared(desired: Desired, observed: Observed) -> Prepared:
    """Both sorted already: scope the look, find the addresses, then what guests are told of them."""
    seen = scoped(observed, desired.fleet)
    ready = addressed(with_maintenance(desired, seen), seen)
    complete = told(ready.desired, seen, ready.blocked)
    blocked = (*complete.blocked, *ready.blocked)
    return Prepared(complete.desired, seen, {each.instance: each for each in blocked}, complete)
