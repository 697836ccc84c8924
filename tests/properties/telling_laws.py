"""The laws of telling: nothing that is not known, and not before it is there."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from reconciler.actions import Create, Destroy, DropNetwork, Impact, PutNetwork, Replace, Update
from reconciler.plan import Step
from reconciler.planner.prepare import prepared
from reconciler.specs.desired import Instance, InstanceUuid, Sha256
from reconciler.specs.guest import GuestContext
from reconciler.state import InstanceState, Observed
from tests.builders import sha
from tests.properties.laws import Planner
from tests.properties.wired import wired_worlds
from tests.properties.worlds import World


def told_worlds() -> st.SearchStrategy[World]:
    """Wired ones whose guests were told what they are told now; a third of them of other peers."""
    return wired_worlds().map(_told)


def _told(world: World) -> World:
    instances = tuple(_written(each) for each in world.desired.instances)
    desired = replace(world.desired, instances=instances)
    peers = {each.uuid: each.machine.peers for each in prepared(desired, world.truth).desired.instances}
    return World(desired, _as_told(world.observed, peers), _as_told(world.truth, peers))


def _written(instance: Instance) -> Instance:
    machine = replace(instance.machine, context=sha(instance.name))
    after = ("db",) if instance.key.component == "app" else ()
    return replace(instance, context=GuestContext(instance.name), machine=machine, depends_on=after)


def _as_told(observed: Observed, peers: dict[InstanceUuid, Sha256 | None]) -> Observed:
    hosts = (
        replace(host, instances=tuple(_state(each, peers) for each in host.instances))
        for host in observed.hosts
    )
    return replace(observed, hosts=tuple(hosts))


def _state(state: InstanceState, peers: dict[InstanceUuid, Sha256 | None]) -> InstanceState:
    known = peers.get(state.uuid) if int(state.uuid[:8], 16) % 3 else sha("other peers")
    return replace(state, applied=replace(state.applied, context=sha(state.name), peers=known))


def reticent(planner: Planner, world: World) -> None:
    """While an address may be anywhere, nobody is told anything new, nor made, replaced or restarted."""
    if not world.observed.unknown or not _unseen(world):
        return
    for step in planner.make_plan(world.desired, world.observed).steps:
        match step.action:
            case Create() | Replace():
                assert not _is_on_a_segment(step.action.instance), step.id
            case Update(before=before, instance=instance, impact=impact) if _is_on_a_segment(instance):
                assert impact is Impact.LIVE and instance.machine.peers == before.applied.peers, step.id
            case _:
                pass


def patient(planner: Planner, world: World) -> None:
    """Who is only told of others comes after all of its service that are made, and keeps nobody waiting."""
    steps = planner.make_plan(world.desired, world.observed).steps
    made = {step.id for step in steps if isinstance(step.action, Create)}
    tellings = {step.id for step in steps if _only_tells(step)}
    for step in steps:
        if step.id in tellings:
            assert made <= set(step.follows), f"{step.id} is told before it is over with all that are new"
            assert made.isdisjoint(step.needs), f"{step.id} is not told if one of {made} fails"
        elif not isinstance(step.action, Destroy | DropNetwork | PutNetwork):
            assert tellings.isdisjoint(step.needs), f"{step.id} waits for {tellings & set(step.needs)}"


def _only_tells(step: Step) -> bool:
    action = step.action
    if not isinstance(action, Update) or action.impact is not Impact.LIVE:
        return False
    return replace(action.before.applied, peers=None) == replace(action.instance.machine, peers=None)


def _unseen(world: World) -> bool:
    """Whether somebody without a written address was seen nowhere."""
    seen = world.observed.by_uuid
    return any(
        each.uuid not in seen and any(nic.address is None for nic in each.machine.nics)
        for each in world.desired.instances
    )


def _is_on_a_segment(instance: Instance) -> bool:
    return bool(instance.machine.nics)
