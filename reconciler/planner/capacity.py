"""How many more instances like those of a component would fit, and what stops the next.

Counted on the fleet as it will be once everything that is pending is done.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from reconciler.actions import Create
from reconciler.errors import Fault, InvalidInput
from reconciler.plan import Refusal
from reconciler.planner.addresses import most_on
from reconciler.planner.groups import group_of
from reconciler.planner.make import make_plan
from reconciler.planner.named import stranger
from reconciler.planner.placement.builtin import built_in
from reconciler.planner.placement.problem import Scheduler
from reconciler.planner.scope import scoped, sorted_desired, sorted_observed
from reconciler.planner.simulate import after
from reconciler.planner.supposing import Supposed, as_they_are, without_hosts
from reconciler.planner.wires import segments_in
from reconciler.specs.desired import Desired, HostName, Instance, InstanceKey, Resources
from reconciler.specs.identity import instance_uuid
from reconciler.state import HostUnknown, Observed

MOST = 20_000
"""More are not counted."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """``count`` more would fit, on ``hosts`` (so many on each, by name).

    ``refusals`` say of each host why the next would not; there are none where counting ended at ``MOST``.
    """

    like: str
    count: int
    hosts: tuple[tuple[HostName, int], ...]
    refusals: tuple[Refusal, ...]
    unknown: tuple[HostUnknown, ...] = ()

    @property
    def reasons(self) -> tuple[tuple[str, int], ...]:
        """How many hosts give the same reason, whatever is free there; the most first."""
        counts = Counter(each.reason.partition(",")[0] for each in self.refusals)
        return tuple(sorted(counts.items(), key=lambda entry: (-entry[1], entry[0])))


def capacity_for(
    desired: Desired, observed: Observed, like: str, scheduler: Scheduler = built_in
) -> Capacity:
    """Count. ``like`` is ``service/component``, or a component whose name is one service's alone.

    Raises InvalidInput where there is no such component, or where it has no instance to go by.
    """
    desired, observed = sorted_desired(desired), sorted_observed(observed)
    model = _model(desired, like)
    seen = scoped(observed, desired.fleet)
    done = _done(desired, seen, scheduler)
    # An instance that is nowhere may be on a host that is silent; of a new one that is known.
    world = without_hosts(desired, done, {each.host for each in seen.unknown})
    there = as_they_are(desired.instances, world.observed)
    wired = _wired(world, there, model)
    count = min(MOST, _bound(world, model.machine.resources)) + 1
    more = tuple(_copies(model, desired.instances, min(wired.count, count)))
    plan = make_plan(replace(world.desired, instances=(*there, *more)), world.observed, scheduler=scheduler)
    uuids = {each.uuid for each in more}
    made = Counter(
        step.host
        for step in plan.steps
        if isinstance(step.action, Create) and step.action.instance.uuid in uuids
    )
    names = {each.name for each in more}
    blocked = next((entry.refusals for entry in plan.blocked if entry.instance in names), ())
    if made.total() == wired.count:
        blocked = wired.refusals
    title = f"{model.key.service}/{model.key.component}"
    return Capacity(title, made.total(), tuple(sorted(made.items())), blocked, seen.unknown)


def _model(desired: Desired, like: str) -> Instance:
    """The instance to go by."""
    titles: dict[str, Instance] = {}
    for each in reversed(desired.instances):
        titles[f"{each.key.service}/{each.key.component}"] = each
    found = sorted(title for title in titles if like in (title, title.partition("/")[2]))
    if not found:
        raise stranger("component with an instance", like, titles, desired)
    if len(found) > 1:
        message = f"{len(found)} components are called {like!r}"
        raise InvalidInput([Fault(desired.fleet.origin, message, hint=f"which one: {', '.join(found)}?")])
    return titles[found[0]]


def _done(desired: Desired, seen: Observed, scheduler: Scheduler) -> Observed:
    """The fleet once everything that is pending is done."""
    for step in make_plan(desired, seen, scheduler=scheduler).steps:
        seen = after(step, seen)
    return seen


def _bound(world: Supposed, need: Resources) -> int:
    """As many could not possibly be more: what empty hosts would hold."""
    states = ((host, world.observed.host(host.name)) for host in world.desired.fleet.hosts)
    sizes = (host.usable(state.capacity) for host, state in states if state is not None)
    return sum(max(0, min(size.cpus // need.cpus, size.memory_mib // need.memory_mib)) for size in sizes)


@dataclass(frozen=True, slots=True)
class _Wired:
    """How many more there are addresses for, and why not for one more."""

    count: int
    refusals: tuple[Refusal, ...] = ()


def _wired(world: Supposed, there: Sequence[Instance], model: Instance) -> _Wired:
    own, hosts = segments_in(model.machine.nics), len(world.desired.fleet.hosts)
    tightest = _Wired(sys.maxsize)
    for segment in world.desired.segments:
        if segment.bridge not in own:
            continue
        members = sum(segment.bridge in segments_in(each.machine.nics) for each in there)
        left = max(0, most_on(segment, world.observed, hosts) - members)
        if left < tightest.count:
            why = f"{segment.title} is full: {segment.cidr} has no address for one more beside the hosts"
            tightest = _Wired(left, (Refusal("*", why),))
    return tightest


def _copies(model: Instance, instances: Iterable[Instance], count: int) -> Iterator[Instance]:
    """So many more of its component, each with an address of its own."""
    own = group_of(model.key)
    first = 1 + max(each.key.ordinal for each in instances if group_of(each.key) == own)
    nics = tuple(replace(nic, address=None) for nic in model.machine.nics)
    machine = replace(model.machine, nics=nics)
    for ordinal in range(first, first + count):
        key = InstanceKey(own.service, own.component, ordinal)
        uuid = instance_uuid(model.fleet, key)
        yield replace(model, key=key, uuid=uuid, machine=machine, depends_on=(), healthy_first=())
