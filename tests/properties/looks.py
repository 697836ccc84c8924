"""What the laws look at: fleets as amounts, places and standings; halfway through a step; backwards."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from reconciler.actions import Action, Await, Create, Destroy, Migrate, Replace, Terms, Update
from reconciler.plan import BlockKind, Plan, Step
from reconciler.specs.desired import Desired, Form, Host, HostName, Instance, InstanceUuid, Resources
from reconciler.specs.formerly import meanwhile
from reconciler.state import HostState, InstanceState, Journey, Observed, Power
from tests.builders import incomplete
from tests.properties.worlds import World


def waits(plan: Plan) -> bool:
    later = any("to leave later" in hint for hint in plan.hints)
    return later or any(blocked.kind is BlockKind.NO_PLACE for blocked in plan.blocked)


def lingers(plan: Plan) -> bool:
    """Whether a host stays over its size, as the plan says, whose machines may go where this plan frees room.

    A plan never relies on room that its own steps free: the next one sees it, and moves them.
    """
    frees = any(isinstance(step.action, Destroy | Migrate | Replace | Update) for step in plan.steps)
    return frees and any("nobody there can be moved elsewhere" in hint for hint in plan.hints)


def ours(observed: Observed, world: World) -> Iterator[InstanceState]:
    return (each for host in observed.hosts for each in host.instances if each.fleet == world.fleet.name)


def said(observed: Observed, step: Step) -> tuple[HostState, ...]:
    """What each host that a step concerns said."""
    hosts = [observed.host(name) for name in step.hosts]
    return tuple(host for host in hosts if host is not None)


def used(host: HostState) -> Resources:
    amounts = [
        Resources(
            max(each.applied.cpus, each.live.cpus),
            max(each.applied.memory_mib, each.live.memory_mib),
            each.applied.resources.disk_mib,
            each.applied.resources.devices,
        )
        for each in host.instances
    ]
    kept = Resources.on_disk((volume.pool, volume.size_mib or 0) for volume in host.volumes)
    return Resources.total(amounts) + host.foreign + kept


def places(observed: Observed) -> dict[InstanceUuid, int]:
    return {uuid: len(states) for uuid, states in observed.by_uuid.items()}


def standing(observed: Observed, *, hosts: bool) -> list[tuple[str, str, Power, bool, object]]:
    """Every machine with its state, and its host where that is to be told."""
    return sorted(
        (
            (
                state.uuid,
                state.host if hosts else "",
                state.power,
                state.complete,
                # An address that was given back may be given to another, and its peers are told that.
                state.applied if hosts else replace(state.applied, nics=state.applied.plugs, peers=None),
            )
            for host in observed.hosts
            for state in host.instances
        ),
        key=lambda entry: entry[:2],
    )


def fleet_of_action(action: Action) -> str:
    return action.instance.fleet if isinstance(action, Create | Await) else action.before.fleet  # type: ignore[union-attr]


def halfway(steps: Iterable[Step], observed: Observed) -> Iterator[Observed]:
    """The fleet in the middle of a step: a machine that is being made or taken apart is incomplete."""
    for step in steps:
        match step.action:
            case Migrate(terms=Terms(cold=True)):
                yield from carried_halfway(step.action, observed)
                continue
            case Create(instance=instance, host=name):
                half = _half_made(instance, name, observed)
            case Replace(instance=instance, host=name):
                (now,) = (state for state in observed.by_uuid[instance.uuid] if state.host == name)
                former = meanwhile(now.record, instance)
                apart = replace(now, complete=False, power=Power.STOPPED, former=former)
                yield with_state(observed, apart)
                half = _half_made(instance, name, with_state(observed, apart))
            case Destroy(before=before):
                half = replace(before, complete=False, power=Power.STOPPED)
            case _:
                continue
        yield with_state(observed, half)


def carried_halfway(action: Migrate, observed: Observed) -> Iterator[Observed]:
    """What a controller that is killed may leave of a machine that it carries."""
    journey = Journey(action.from_host, action.host, action.terms.copies, cold=True)
    (now,) = (each for each in observed.by_uuid[action.before.uuid] if each.host == action.from_host)
    leaving = replace(now, journey=journey, home=action.home)
    off = replace(leaving, power=Power.STOPPED, detail="shutdown")
    gone = replace(off, journey=replace(journey, handed_over=True))
    coming = replace(leaving, host=action.host, power=Power.STOPPED, complete=False)
    there = replace(coming, complete=True)
    yield with_state(observed, leaving)
    yield with_state(with_state(observed, leaving), coming)
    yield with_state(with_state(observed, off), coming)
    yield with_state(with_state(observed, off), there)
    yield with_state(with_state(observed, gone), there)
    yield with_state(with_state(observed, gone), replace(there, power=Power.RUNNING))


def _half_made(instance: Instance, on: HostName, observed: Observed) -> InstanceState:
    """A machine that is being made, where there may have been one."""
    half, seen = incomplete(instance, on=on), observed.host(on)
    before = None if seen is None else seen.instance(instance.uuid)
    if before is None:
        return half
    refused = None if instance.form is Form.WRITTEN else before.refused
    return replace(half, former=meanwhile(before.record, instance), refused=refused)


def with_state(observed: Observed, state: InstanceState) -> Observed:
    """The fleet with a machine as it is now on its host."""
    host = next(each for each in observed.hosts if each.host == state.host)
    others = [each for each in host.instances if each.uuid != state.uuid]
    changed = replace(host, instances=tuple(sorted((*others, state), key=lambda each: (each.key, each.uuid))))
    return replace(
        observed, hosts=tuple(changed if each.host == host.host else each for each in observed.hosts)
    )


def reversed_desired(desired: Desired) -> Desired:
    return replace(
        desired,
        fleet=replace(desired.fleet, hosts=tuple(map(_reversed_host, reversed(desired.fleet.hosts)))),
        services=desired.services[::-1],
        instances=tuple(
            replace(each, depends_on=each.depends_on[::-1], healthy_first=each.healthy_first[::-1])
            for each in reversed(desired.instances)
        ),
        images=desired.images[::-1],
        segments=desired.segments[::-1],
    )


def _reversed_host(host: Host) -> Host:
    return replace(host, labels=host.labels[::-1])


def reversed_observed(observed: Observed) -> Observed:
    return replace(
        observed,
        hosts=tuple(map(_reversed_state, reversed(observed.hosts))),
        unknown=observed.unknown[::-1],
        sick=observed.sick[::-1],
        failed=observed.failed[::-1],
    )


def _reversed_state(host: HostState) -> HostState:
    return replace(
        host,
        bridges=None if host.bridges is None else host.bridges[::-1],
        networks=None if host.networks is None else host.networks[::-1],
        images=host.images[::-1],
        instances=host.instances[::-1],
        volumes=host.volumes[::-1],
        segments=None if host.segments is None else host.segments[::-1],
        foreign_links=host.foreign_links[::-1],
    )
