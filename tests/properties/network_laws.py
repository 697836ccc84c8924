"""The laws of segments: no start without one, one owner of an address, and nobody forgotten in silence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from reconciler.actions import Create, DropNetwork, PutNetwork, Replace, Start, Update
from reconciler.plan import Step
from reconciler.specs.desired import Nic
from reconciler.specs.identity import is_own_link
from reconciler.state import Observed
from tests.properties.laws import ROUNDS, Planner
from tests.properties.looks import waits
from tests.properties.worlds import World


def wired(planner: Planner, world: World) -> None:
    """What starts a machine comes after all that its segments need on its host; what runs keeps them."""
    plan = planner.make_plan(world.desired, world.observed)
    seen = world.observed
    for step in plan.steps:
        action = step.action
        if isinstance(action, DropNetwork):
            host = seen.host(step.host)
            assert host is not None
            users = [each for each in host.instances if action.segment.bridge in _bridges(each.applied.nics)]
            assert not users, f"{step.id} pulls the plug of {users[0].name}"
        before = world.observed.host(step.host)
        assert before is not None
        for bridge in _bridges(_started(step)):
            makers = [
                each.id
                for each in plan.steps
                if isinstance(each.action, PutNetwork)
                and (each.host, each.action.segment.bridge) == (step.host, bridge)
                and each.id.startswith("network/")
            ]
            assert makers or before.segment(bridge) is not None, f"{step.id} starts without its network"
            assert set(makers) <= set(step.needs), f"{step.id} does not wait for its network"
        seen = planner.after(step, seen)


def one_address(planner: Planner, world: World) -> None:
    """No address has two owners, hosts included, at any instant; silent hosts count."""
    plan = planner.make_plan(world.desired, world.observed)
    start = _owners(world.truth)
    for seen in planner.prefixes(plan, world.truth):
        for address, count in _owners(seen).items():
            assert count <= max(1, start.get(address, 0)), address


def remembered(planner: Planner, world: World) -> None:
    """While a host is silent no segment goes, and no peer is forgotten; what is foreign stays so."""
    plan = planner.make_plan(world.desired, world.observed)
    for step in plan.steps:
        action = step.action
        host = world.observed.host(step.host)
        assert host is not None
        if isinstance(action, PutNetwork):
            assert action.segment.bridge not in {link.name for link in host.foreign_links}, step.id
        if not world.observed.unknown:
            continue
        assert not isinstance(action, DropNetwork), step.id
        before = host.segment(action.segment.bridge) if isinstance(action, PutNetwork) else None
        if before is not None and isinstance(action, PutNetwork):
            assert set(before.peers) <= set(action.peers), f"{step.id} forgets who may be silent"


def joined(planner: Planner, world: World) -> None:
    """In the end every host with a machine on a segment reaches every other, and no other host has one."""
    if world.observed.unknown:
        return
    rounds = ROUNDS if waits(planner.make_plan(world.desired, world.observed)) else 1
    _, end = planner.end(world, world.observed, rounds)
    for segment in world.desired.segments:
        members = {
            host.host: host
            for host in end.hosts
            if any(segment.bridge in _bridges(each.applied.nics) for each in host.instances)
        }
        for host in end.hosts:
            state = host.segment(segment.bridge)
            if host.host not in members:
                assert state is None, f"{host.host} keeps {segment.title} for nothing"
                continue
            if host.foreign_links:
                continue
            assert state is not None and state.up, f"{host.host} lacks {segment.title}"
            assert state.peers == tuple(
                sorted(each.address for each in members.values() if each is not host)
            ), f"{host.host} sends to {state.peers}"


def _started(step: Step) -> tuple[Nic, ...]:
    match step.action:
        case Create(instance=instance) | Update(instance=instance) | Replace(instance=instance):
            return instance.machine.nics
        case Start(before=before):
            return before.applied.nics
        case _:
            return ()


def _bridges(nics: tuple[Nic, ...]) -> set[str]:
    return {nic.source for nic in nics if is_own_link(nic.source)}


def _owners(observed: Observed) -> Counter[tuple[str, str]]:
    return Counter(_each_owner(observed))


def _each_owner(observed: Observed) -> Iterator[tuple[str, str]]:
    machines = {(state.uuid, state.host): state for host in observed.hosts for state in host.instances}
    for state in machines.values():
        yield from ((nic.source, nic.address) for nic in state.applied.nics if nic.address is not None)
    for host in observed.hosts:
        for each in host.segments or ():
            if each.address:
                yield (each.bridge, each.address.partition("/")[0])
