"""What is written on machines whose component was changed: that it was refused, or is there for good.

A new form is taken for good when every replica that is anywhere has it and is healthy. From then on nobody
is given back what it was, however sick it may become.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from reconciler.actions import Accept, GiveUp, Migrate
from reconciler.plan import Cause
from reconciler.planner.groups import Group
from reconciler.planner.ordering.deeds import Deed
from reconciler.planner.refused import Forms, goes_back
from reconciler.planner.replicas import Part, Replica, Replicas, as_left
from reconciler.planner.verdicts import Act, Hold
from reconciler.specs.desired import Sha256
from reconciler.state import InstanceState, Observed

_REFUSED = (Cause("what the files ask for was not healthy in time"),)
_BACK = (Cause("it is again what it was"),)
_ANOTHER = (Cause("the files ask for something else than what was refused"),)
_NOTHING = (Cause("there is nothing to go back to"),)
_HEALTHY = (Cause("every replica is healthy in its new form"),)


def records_of(forms: Forms, replicas: Replicas, seen: Observed) -> Iterator[Deed]:
    """What is to be written, component by component."""
    for group in sorted(replicas):
        own = [each for each in replicas[group] if not each.stands_in]
        over = all(map(_is_settled, own))
        # What migrates is written on where it arrives, by the next plan.
        for each in (one for one in own if not isinstance(one.action, Migrate)):
            if each.decision.case.state is not None:
                for act in _acts(forms, group, each, seen, over=over):
                    yield Deed(each.instance.key, act)


def _is_settled(replica: Replica) -> bool:
    """Whether nothing is left to do to it when the plan is carried out."""
    return replica.part is not Part.OUT and not (
        isinstance(replica.decision.verdict, Hold) and replica.part is Part.UP
    )


def _acts(forms: Forms, group: Group, replica: Replica, seen: Observed, *, over: bool) -> Iterator[Act]:
    form, found = forms.asked.get(group), replica.decision.case.found
    if form is None and found.former is None and found.refused is None:
        return
    left = as_left(replica, seen)
    if form is not None and group in forms.refused:
        yield from _of_refused(found, left, form)
    elif left.former is None:
        if left.refused is not None:
            yield Act(Accept(left.host, left), _ANOTHER)
    elif form is None or not Accept(left.host, left).trusts:
        yield Act(Accept(left.host, left), _NOTHING)
    elif over:
        yield Act(Accept(left.host, left), _HEALTHY)


def _of_refused(found: InstanceState, left: InstanceState, form: Sha256) -> Iterator[Act]:
    if found.refused != form:
        yield Act(GiveUp(found.host, found, form), _REFUSED)
    if left.former is not None and not goes_back(left):
        # Whoever writes that it was refused has written it before this.
        yield Act(Accept(left.host, replace(left, refused=form), form), _BACK)
