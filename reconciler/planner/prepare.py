"""The one door to what is judged: what is desired with every address found, what was seen of the fleet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.plan import Blocked
from reconciler.planner.addresses import addressed
from reconciler.planner.guests import Told, told
from reconciler.planner.placement.standing import with_maintenance
from reconciler.planner.refused import Forms, without_refused
from reconciler.planner.scope import scoped
from reconciler.specs.desired import Desired, Form, InstanceName
from reconciler.state import Observed


@dataclass(frozen=True, slots=True)
class Prepared:
    """What everything after this reads. ``blocked`` are instances that must be left as they are; ``told``
    knows what guests are told in full.
    """

    desired: Desired
    observed: Observed
    blocked: Mapping[InstanceName, Blocked]
    forms: Forms
    told: Told


def prepared(desired: Desired, observed: Observed) -> Prepared:
    """Both sorted already: scope the look, find the addresses, then what guests are told of them."""
    seen = scoped(observed, desired.fleet)
    ready = addressed(with_maintenance(desired, seen), seen)
    forms = without_refused(ready.desired, seen)
    # Whoever stays as it is, or becomes what it was, asks for no address that it has not.
    asking = {each.name for each in forms.desired.instances if each.form is Form.WRITTEN}
    unaddressed = tuple(each for each in ready.blocked if each.instance in asking)
    complete = told(forms.desired, seen, unaddressed)
    blocked = (*complete.blocked, *unaddressed, *forms.held)
    return Prepared(complete.desired, seen, {each.instance: each for each in blocked}, forms, complete)
