"""Hold back what must not begin: taking one more replica away, or starting what nobody can wait for.

A replica that is away and stays so (unknown, in doubt, stopped for good) takes up one of those that
``update.parallelism`` allows to be away. A component that needs another one healthy is held while there
is no replica of that one which could become so. With ``update.order`` start-first nobody is taken away
without a stand-in, and none of those goes while somebody is away.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from reconciler.actions import Destroy, Migrate
from reconciler.plan import BlockKind, Refusal
from reconciler.planner.decide import Decision
from reconciler.planner.groups import Group, group_of
from reconciler.planner.ordering.components import earlier_in
from reconciler.planner.replicas import Part, Replica, Replicas, boots, replicas_of, standing_in
from reconciler.planner.verdicts import Act, Hold, Make, verdict_on
from reconciler.sighting import Absent, Running
from reconciler.specs.desired import InstanceKey, InstanceName, InstanceUuid
from reconciler.specs.health import Order


def held_back(
    decisions: Iterable[Decision], order: Sequence[Group], sick: Iterable[InstanceUuid]
) -> tuple[Decision, ...]:
    """The decisions, some of them turned into holds; ``order`` is that of the components."""
    decisions = tuple(decisions)
    replicas = dict(replicas_of(decisions, sick))
    holds: dict[InstanceName, Hold] = {}
    unrelieved: set[Group] = set()
    for group, earlier in earlier_in(order).items():
        own = replicas[group]
        names = [name for name in own[0].instance.healthy_first if name in earlier]
        others = [replicas[Group(group.service, name)] for name in names]
        found = _nobody_to_wait_for(own, others) or _too_many_away(own)
        if not found and (found := _nobody_to_stand_in(own)):
            unrelieved.add(group)
        if found:
            holds |= found
            replicas[group] = tuple(_as_held(each, found) for each in own)
    held = (
        replace(each, verdict=holds[each.case.name]) if each.case.name in holds else each
        for each in decisions
    )
    needed = [each for one in held for each in _needed(one, replicas, unrelieved)]
    stay = _staying(needed, replicas)
    return tuple(
        replace(each, verdict=stay[each.case.name]) if each.case.name in stay else each for each in needed
    )


def _needed(decision: Decision, replicas: Replicas, unrelieved: Container[Group]) -> Iterator[Decision]:
    """The decision, unless it is about a stand-in whom nobody needs: then, what becomes of that."""
    case, verdict = decision.case, decision.verdict
    if not case.stands_in:
        yield decision
        return
    group = group_of(case.wanted.key)
    rolls = bool(_taken(replicas[group]))
    if isinstance(case.sighting, Absent):
        if group in unrelieved if isinstance(verdict, Hold) else rolls:
            yield decision
    elif rolls:
        yield decision
    else:
        alone = replace(case, instance=None)
        left = verdict_on(alone)
        assert not isinstance(left, Make), f"{case.name} is not to be made when nobody asks for it"
        yield Decision(alone, left)


def _staying(decisions: Iterable[Decision], replicas: Replicas) -> dict[InstanceName, Hold]:
    """Holds for stand-ins that would be retired: one for each replica that is away and stays so."""
    retired: dict[Group, list[InstanceKey]] = {}
    for each in decisions:
        action = each.verdict.action if isinstance(each.verdict, Act) else None
        runs = isinstance(each.case.sighting, Running)
        if isinstance(action, Destroy) and action.before.applied.surge and runs:
            retired.setdefault(group_of(action.before.key), []).append(action.before.key)
    holds: dict[InstanceName, Hold] = {}
    for group, keys in retired.items():
        own = replicas.get(group, ())
        relieved = _taken(own) and standing_in(own)
        if (out := _out(own)) and not relieved:
            hold = _hold(out[0], f"it stands in while {_listed(out)} away")
            holds |= {key.name: hold for key in sorted(keys)[: len(out)]}
    return holds


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
    out, taken = _out(own), _taken(own)
    if not most or not taken or len(out) < most:
        return {}
    why = f"it would be taken away while {_listed(out)} away"
    return _held(taken, out[0], f"{why} (update.parallelism: {most})")


def _nobody_to_stand_in(own: Sequence[Replica]) -> dict[InstanceName, Hold]:
    """Holds for replicas that would be taken away first-started, where there is no stand-in to be had."""
    # Nobody stands in for who is carried to another host.
    taken = [each for each in _taken(own) if not isinstance(each.action, Migrate)]
    if own[0].instance.update.order is not Order.START_FIRST or not taken:
        return {}
    if len(standing_in(own)) > len(_out(own)):
        return {}
    why = "it is taken away once another one stands in for it (update.order: start-first), and"
    missing = [each for each in own if each.stands_in and not each.will_run]
    if not missing:
        return _held(taken, taken[0], f"{why} there is no name for one")
    return _held(taken, missing[0], f"{why} {missing[0].instance.name} is blocked")


def _out(replicas: Iterable[Replica]) -> list[Replica]:
    return [each for each in replicas if each.part is Part.OUT and not each.stands_in]


def _taken(replicas: Iterable[Replica]) -> list[Replica]:
    return [each for each in replicas if each.part is Part.TAKEN and not each.stands_in]


def _listed(out: Sequence[Replica]) -> str:
    """``shop-web-1, shop-web-2 are``."""
    names = ", ".join(each.instance.name for each in out[:3]) + (" …" if len(out) > 3 else "")
    return f"{names} {'is' if len(out) == 1 else 'are'}"


def _held(replicas: Iterable[Replica], because_of: Replica, why: str) -> dict[InstanceName, Hold]:
    hold = _hold(because_of, why)
    return {each.instance.name: hold for each in replicas}


def _hold(because_of: Replica, why: str) -> Hold:
    verdict = because_of.decision.verdict
    kind = verdict.kind if isinstance(verdict, Hold) else BlockKind.NO_PLACE
    return Hold(kind, (Refusal("*", why),))


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
