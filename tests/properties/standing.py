"""Hosts that are cordoned, drained or in maintenance, and the laws of what is given to them, and of who comes
back.
"""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from reconciler.actions import Await, Create, Destroy, Migrate, Stop
from reconciler.planner.groups import group_of
from reconciler.planner.placement.standing import why_empty
from reconciler.sighting import Running, sighting_of
from reconciler.specs.desired import Cluster, HostName, InstanceUuid
from reconciler.specs.placement import Evict
from reconciler.state import Cordon, HostState, Observed
from tests.properties.laws import ROUNDS, Planner
from tests.properties.worlds import World, crowded_worlds, rolling_worlds, worlds

CORDON = Cordon("ops@desk", "2026-11-25T06:40:00Z", "why")
_ANYWHERE = st.one_of(worlds(), crowded_worlds())
_CORDONS = [None, None, CORDON, replace(CORDON, draining=True)]


@st.composite
def standing_worlds(draw: st.DrawFn, of: st.SearchStrategy[World] = _ANYWHERE) -> World:
    """Any host may get nothing new, and machines may remember any of them as their home."""
    world = draw(of)
    names = [each.name for each in world.fleet.hosts]
    cordons = {name: draw(st.sampled_from(_CORDONS)) for name in names}
    hosts = tuple(replace(each, maintenance=draw(st.booleans())) for each in world.fleet.hosts)
    clusters = sorted({each.cluster for each in hosts})
    homes = {
        state.uuid: draw(st.sampled_from([None, *names]))
        for host in world.truth.hosts
        for state in host.instances
    }
    fleet = replace(
        world.fleet,
        hosts=hosts,
        clusters=tuple(Cluster(each, return_home=draw(st.booleans())) for each in clusters),
    )

    def seen(observed: Observed) -> Observed:
        said = (_housed(replace(each, cordon=cordons[each.host]), homes) for each in observed.hosts)
        return replace(observed, hosts=tuple(said))

    return World(replace(world.desired, fleet=fleet), seen(world.observed), seen(world.truth))


def _housed(host: HostState, homes: dict[InstanceUuid, HostName | None]) -> HostState:
    return replace(host, instances=tuple(replace(each, home=homes[each.uuid]) for each in host.instances))


@st.composite
def evicting_worlds(draw: st.DrawFn) -> World:
    """Hosts are drained whose machines are to be shut down where they are, while others are changed."""
    world = draw(st.one_of(rolling_worlds(), worlds()))
    drained = {each.name for each in world.fleet.hosts if draw(st.booleans())}
    hosts = tuple(replace(each, maintenance=each.name in drained) for each in world.fleet.hosts)
    groups = sorted({group_of(each.key) for each in world.desired.instances})
    stops = {group for group in groups if draw(st.booleans())}
    instances = (
        replace(each, placement=replace(each.placement, evict=Evict.STOP))
        if group_of(each.key) in stops
        else each
        for each in world.desired.instances
    )
    desired = replace(world.desired, fleet=replace(world.fleet, hosts=hosts), instances=tuple(instances))
    return World(desired, world.observed, world.truth)


def let_down(planner: Planner, world: World) -> None:
    """Nobody waits for the health of who is shut down by the same plan."""
    steps = planner.make_plan(world.desired, world.observed).steps
    stopped = {step.action.before.uuid for step in steps if isinstance(step.action, Stop)}
    for step in steps:
        if isinstance(step.action, Await):
            assert step.action.instance.uuid not in stopped, f"{step.id} will never end"


def spared(planner: Planner, world: World) -> None:
    """Nothing comes to a host that is given nothing new, but for what was begun there."""
    closed = {each.name for each in world.fleet.hosts if each.maintenance}
    closed |= {each.host for each in world.observed.hosts if each.cordon is not None}
    for step in planner.make_plan(world.desired, world.observed).steps:
        if not isinstance(step.action, Create | Migrate):
            continue
        host = world.observed.host(step.host)
        assert host is not None
        uuid = step.action.instance.uuid if isinstance(step.action, Create) else step.action.before.uuid
        assert step.host not in closed or host.instance(uuid) is not None, f"{step.id} comes to {step.host}"


def never_silent(planner: Planner, world: World) -> None:
    """Who runs on a host that is to be empty leaves, or the plan says by name why it does not yet."""
    plan = planner.make_plan(world.desired, world.observed)
    leaving = {
        step.action.before.uuid for step in plan.steps if isinstance(step.action, Migrate | Destroy | Stop)
    }
    told = {entry.instance for entry in plan.blocked}
    declared = {each.uuid: each for each in world.desired.instances}
    for host in world.fleet.hosts:
        there = world.observed.host(host.name)
        if there is None or not why_empty(host, there):
            continue
        for state in there.instances:
            if state.fleet != world.fleet.name or state.uuid not in declared or state.uuid in leaving:
                continue
            seen = sighting_of(world.observed, state.uuid, could_be_on=frozenset())
            if not isinstance(seen, Running) or seen.state is not state:
                continue
            if state.name not in told:
                hint = next((each for each in plan.hints if each.startswith(f"{host.name}: ")), "")
                assert state.name in hint or " more are " in hint, f"{state.name} stays in silence"


def homing(planner: Planner, world: World) -> None:
    """Who has to leave remembers its home where its cluster says so, and who has come home stays there."""
    planner = planner.remembering()
    fleet, seen = world.fleet, world.observed
    hosts = {each.name: each for each in fleet.hosts}
    arrived = set[InstanceUuid]()
    for _ in range(ROUNDS):
        plan = planner.make_plan(world.desired, seen)
        for step in plan.steps:
            if not isinstance(step.action, Migrate):
                continue
            action, before = step.action, step.action.before
            assert before.uuid not in arrived, f"{before.name} leaves its home again"
            source = hosts[action.from_host]
            if not fleet.cluster(source.cluster).return_home:
                assert action.home is None
            elif before.home is not None:
                assert action.home == before.home
            elif why_empty(source, seen.host(source.name)):
                assert action.home == source.name
            if step.host == action.home:
                arrived.add(before.uuid)
        seen = planner.folded(plan.steps, seen)
