"""What a host's death would do: who would be lost, who of them finds another place, and who does not.

The hosts are thought away, with all that is on them, and what they ran is placed anew beside everything
else that was seen. Nothing else is planned: what is missing already stays missing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from reconciler.actions import Create
from reconciler.plan import Plan, Refusal
from reconciler.planner.make import make_plan
from reconciler.planner.named import host_named
from reconciler.planner.placement.builtin import built_in
from reconciler.planner.placement.problem import Scheduler
from reconciler.planner.scope import scoped, sorted_desired, sorted_observed
from reconciler.planner.supposing import as_they_are, without_hosts
from reconciler.specs.desired import Desired, HostName, Instance, InstanceName, InstanceUuid
from reconciler.state import HostUnknown, InstanceState, Observed


@dataclass(frozen=True, slots=True)
class Lost:
    """An instance that would be lost with ``was``, its host.

    ``host`` is where it would be made again; None: nowhere, and ``refusals`` say why. ``disks`` are those
    of its data disks that would be lost with it.
    """

    instance: InstanceName
    was: HostName
    host: HostName | None
    refusals: tuple[Refusal, ...] = ()
    disks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WhatIf:
    """Everybody who would be lost, by name.

    ``strays`` would be lost as well, and nothing declares them. ``unknown`` are the other hosts of which
    nothing is known: they are not counted on.
    """

    without: tuple[HostName, ...]
    lost: tuple[Lost, ...]
    strays: tuple[InstanceName, ...] = ()
    unknown: tuple[HostUnknown, ...] = ()

    @property
    def homeless(self) -> tuple[Lost, ...]:
        """Those that find no place."""
        return tuple(each for each in self.lost if each.host is None)


def what_if(
    desired: Desired, observed: Observed, without: Sequence[str], scheduler: Scheduler = built_in
) -> WhatIf:
    """Think these hosts away. Raises InvalidInput for a host that nobody knows."""
    desired, observed = sorted_desired(desired), sorted_observed(observed)
    dead = tuple(sorted({host_named(desired, name).name for name in without}))
    seen = scoped(observed, desired.fleet)
    victims = _only_on(dead, seen)
    unknown = tuple(each for each in seen.unknown if each.host not in dead)
    gone = {*dead, *(each.host for each in unknown)}
    world = without_hosts(desired, seen, gone)
    wanted = [each for each in desired.instances if each.uuid in victims]
    there = as_they_are(desired.instances, world.observed)
    plan = make_plan(replace(world.desired, instances=(*there, *wanted)), world.observed, scheduler=scheduler)
    shared = _survivors(desired, gone)
    lost = tuple(
        sorted(
            (_lost(each, victims[each.uuid], plan, shared) for each in wanted),
            key=lambda each: each.instance,
        )
    )
    declared = {each.uuid for each in wanted}
    strays = sorted(state.name for uuid, state in victims.items() if uuid not in declared)
    return WhatIf(dead, lost, tuple(strays), unknown)


def _only_on(dead: Collection[HostName], seen: Observed) -> dict[InstanceUuid, InstanceState]:
    """What would not be seen any more."""
    return {
        uuid: states[0]
        for uuid, states in seen.by_uuid.items()
        if all(state.host in dead for state in states)
    }


def _survivors(desired: Desired, gone: Collection[HostName]) -> frozenset[HostName]:
    """The dead hosts whose pool another host still has."""
    hosts = desired.fleet.hosts
    left = {host.storage for host in hosts if host.storage is not None and host.name not in gone}
    return frozenset(host.name for host in hosts if host.storage in left)


def _lost(instance: Instance, state: InstanceState, plan: Plan, shared: Collection[HostName]) -> Lost:
    host = next(
        (
            step.host
            for step in plan.steps
            if isinstance(step.action, Create) and step.action.instance.uuid == instance.uuid
        ),
        None,
    )
    refusals = next((each.refusals for each in plan.blocked if each.instance == instance.name), ())
    disks = () if state.host in shared else (disk.name for disk in state.applied.disks if disk.name != "root")
    return Lost(instance.name, state.host, host, () if host else refusals, tuple(disks))
