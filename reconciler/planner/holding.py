"""Hold back what must not begin: taking one more replica away, or starting what nobody can wait for.

A replica that is away and stays so (unknown, in doubt, stopped for good) takes up one of those that
``update.parallelism`` allows to be away. A component that needs another one healthy is held while there
is no replica of that one which could become so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from reconciler.plan import BlockKind, Refusal
from reconciler.planner.decide import Decision
from reconciler.planner.groups import Group
from reconciler.planner.ordering.components import earlier_in
from reconciler.planner.replicas import Part, Replica, boots, replicas_of
from reconciler.planner.verdicts import Hold
from reconciler.sighting import Absent
from reconciler.specs.desired import InstanceName, InstanceUuid


def held_back(
    decisions: Iterable[Decision], order: Sequence[Group], sick: Iterable[InstanceUuid]
) -> tuple[Decision, ...]:
    """The decisions, some of them turned into holds; ``order`` is that of the components."""
    decisions = tuple(decisions)
    replicas = dict(replicas_of(decisions, sick))
    holds: dict[InstanceName, Hold] = {}
    for group, earlier in earlier_in(order).items():
        own = replicas[group]
        names = [name for name in own[0].instance.healthy_first if name in earlier]
        others = [replicas[Group(group.service, name)] for name in names]
        found = _nobody_to_wait_for(own, others) or _too_many_away(own)
        if found:
            holds |= found
            replicas[group] = tuple(_as_held(each, found) for each in own)
    return tuple(
        replace(each, verdict=holds[each.case.name]) if each.case.name in holds else each
        for each in decisions
    )


def _nobody_to_wait_for(
    own: Sequence[Replica], needed: Iterable[Sequence[Replica]]
) -> dict[InstanceName, Hold]:
    """Holds for replicas that would boot, where a component they need healthy has no replica left."""
    for others in needed:
        if not any(other.will_run for other in others):
            first = others[0].instance
            why = f"it comes after {first.key.component} is healthy, and {first.name} is left as it is"
            return _held((each for each in own if each.action and boots(each.action)), others[0], why)
    return {}


def _too_many_away(own: Sequence[Replica]) -> dict[InstanceName, Hold]:
    """Holds for replicas that would be taken away while as many as may be are away already."""
    most = own[0].instance.update.parallelism
    out = [each for each in own if each.part is Part.OUT]
    taken = [each for each in own if each.part is Part.TAKEN]
    if not most or not taken or len(out) < most:
        return {}
    names = ", ".join(each.instance.name for each in out[:3]) + (" …" if len(out) > 3 else "")
    why = f"it would be taken away while {names} {'is' if len(out) == 1 else 'are'} away"
    return _held(taken, out[0], f"{why} (update.parallelism: {most})")


def _held(replicas: Iterable[Replica], because_of: Replica, why: str) -> dict[InstanceName, Hold]:
    verdict = because_of.decision.verdict
    kind = verdict.kind if isinstance(verdict, Hold) else BlockKind.NO_PLACE
    return {each.instance.name: Hold(kind, (Refusal("*", why),)) for each in replicas}


def _as_held(replica: Replica, holds: Mapping[InstanceName, Hold]) -> Replica:
    """The same replica, as it is when nothing is done to it."""
    hold = holds.get(replica.instance.name)
    if hold is None:
        return replica
    held = replace(replica, decision=replace(replica.decision, verdict=hold))
    if replica.part is Part.BACK:
        absent = isinstance(replica.decision.case.sighting, Absent)
        return replace(held, part=Part.NOWHERE if absent else Part.OUT, host=None)
    return replace(held, part=Part.UP, host=replica.decision.case.found.host)
