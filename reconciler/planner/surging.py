"""Who stands in while a component is changed start-first: so many more replicas as may be away.

A stand-in is an instance like the others, with a number beyond theirs and a mark of its own on the
machine. It is there before the first replica is taken away and until the last one is back; a plan that
finds one left over makes use of it, or retires it. Nobody is told of it as a peer.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count, islice, takewhile

from reconciler.actions import Destroy
from reconciler.plan import Cause
from reconciler.planner.decide import Judged, judge
from reconciler.planner.groups import Group, group_of
from reconciler.planner.ordering.deeds import Deed
from reconciler.planner.prepare import Prepared, prepared
from reconciler.planner.replicas import Part, Replica, Replicas, as_left, part_of, standing_in
from reconciler.planner.verdicts import Act
from reconciler.specs.desired import Desired, HostName, Instance, InstanceKey, OnDelete
from reconciler.specs.fingerprint import digest_of_written
from reconciler.specs.health import Order
from reconciler.specs.identity import LONGEST_NAME, instance_uuid
from reconciler.state import Observed

_OVER = (Cause("it stood in while the others were changed"),)


@dataclass(frozen=True, slots=True)
class Staffed:
    """What is desired, stand-ins included, and the verdicts on all of it."""

    ready: Prepared
    judged: Sequence[Judged]


def staffed(desired: Desired, observed: Observed) -> Staffed:
    """Prepare and judge; where a component is about to be changed start-first, with its stand-ins.

    Both are sorted already.
    """
    ready = prepared(desired, observed)
    judged = judge(ready)
    surges = tuple(_surges(desired, ready.observed, judged))
    if not surges:
        return Staffed(ready, judged)
    everybody = sorted((*desired.instances, *surges), key=lambda each: each.key)
    ready = prepared(replace(desired, instances=tuple(everybody)), observed)
    return Staffed(ready, judge(ready))


def retirements(replicas: Replicas, seen: Observed) -> Iterator[Deed]:
    """The stand-ins of a plan go when it is done, but for one for each replica that stays away."""
    for group in sorted(replicas):
        out = sum(each.part is Part.OUT and not each.stands_in for each in replicas[group])
        for each in standing_in(replicas[group])[out:]:
            yield Deed(each.instance.key, Act(Destroy(_there(each), as_left(each, seen)), _OVER))


def _there(replica: Replica) -> HostName:
    assert replica.host is not None, f"{replica.instance.name} stands in and runs nowhere"
    return replica.host


def _surges(desired: Desired, seen: Observed, judged: Iterable[Judged]) -> Iterator[Instance]:
    first: dict[Group, Instance] = {}
    beyond: dict[Group, int] = {}
    for each in desired.instances:
        if each.update.order is Order.START_FIRST:
            group = group_of(each.key)
            first.setdefault(group, each)
            beyond[group] = each.key.ordinal + 1
    if not first:
        return
    away = {group: [0, 0] for group in first}
    for one in judged:
        # Who is given back what it was is changed stop-first: nobody is made in the refused form for it.
        surges = one.case.instance is not None and one.case.wanted.update.order is Order.START_FIRST
        part = part_of(one.case, one.verdict) if surges else Part.UP
        if part in (Part.TAKEN, Part.OUT) and (group := group_of(one.case.wanted.key)) in away:
            away[group][part is Part.OUT] += 1
    for group, (taken, out) in sorted(away.items()):
        if taken:
            wanted = min(first[group].update.parallelism or taken + out, taken + out)
            keys = _keys(InstanceKey(*group, beyond[group]), seen)
            yield from (_stand_in(first[group], key) for key in islice(keys, wanted))


def _keys(beyond: InstanceKey, seen: Observed) -> Iterator[InstanceKey]:
    """Who may stand in: those that are there already, then whoever nothing is known of.

    A machine or a disk that is there for another reason is not taken: it would go with the update.
    """
    group = group_of(beyond)
    known = {state.key: state for host in seen.hosts for state in host.instances}
    there = sorted(key for key, state in known.items() if state.applied.surge and _follows(key, beyond))
    yield from there
    disks = {volume.key for host in seen.hosts for volume in host.volumes}
    taken: Container[InstanceKey] = {key for key in (*known, *disks) if group_of(key) == group}
    numbered = (replace(beyond, ordinal=number) for number in count(beyond.ordinal))
    yield from (
        key for key in takewhile(lambda key: len(key.name) <= LONGEST_NAME, numbered) if key not in taken
    )


def _follows(key: InstanceKey, beyond: InstanceKey) -> bool:
    return group_of(key) == group_of(beyond) and key.ordinal >= beyond.ordinal


def _stand_in(of: Instance, key: InstanceKey) -> Instance:
    """One more of a component: nothing of it is kept, nothing protects it, no address was written for it."""
    context = None if of.context is None else replace(of.context, hostname=key.name)
    machine = replace(
        of.machine,
        surge=True,
        protect=False,
        disks=tuple(replace(disk, on_delete=OnDelete.DELETE) for disk in of.machine.disks),
        nics=of.machine.plugs,
        context=of.machine.context if context is None else digest_of_written(context),
    )
    return replace(of, key=key, uuid=instance_uuid(of.fleet, key), machine=machine, context=context)
