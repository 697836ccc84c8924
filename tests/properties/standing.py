"""Hosts that are cordoned, drained or in maintenance, and the law of what is given to them."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from reconciler.actions import Create, Migrate
from reconciler.specs.desired import HostName
from reconciler.state import Cordon, Observed
from tests.properties.laws import Planner
from tests.properties.worlds import World, crowded_worlds, worlds

CORDON = Cordon("ops@desk", "2026-11-25T06:40:00Z", "why")
_CORDONS = [None, None, CORDON, replace(CORDON, draining=True)]


@st.composite
def standing_worlds(draw: st.DrawFn) -> World:
    """Any of them may get nothing new."""
    world = draw(st.one_of(worlds(), crowded_worlds()))
    names = [each.name for each in world.fleet.hosts]
    cordons = {name: draw(st.sampled_from(_CORDONS)) for name in names}
    hosts = tuple(replace(each, maintenance=draw(st.booleans())) for each in world.fleet.hosts)
    desired = replace(world.desired, fleet=replace(world.fleet, hosts=hosts))
    return World(desired, _cordoned(world.observed, cordons), _cordoned(world.truth, cordons))


def _cordoned(observed: Observed, cordons: dict[HostName, Cordon | None]) -> Observed:
    return replace(observed, hosts=tuple(replace(each, cordon=cordons[each.host]) for each in observed.hosts))


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
