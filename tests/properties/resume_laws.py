"""Killed at any moment, and resumed: hosts work beside each other, so that any of them may be behind then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from hypothesis import strategies as st

from reconciler.actions import Await, Create, PutImage, PutNetwork, Start
from reconciler.plan import Plan, Step
from reconciler.specs.desired import HostName, Instance
from reconciler.specs.placement import Placement, Spread
from reconciler.state import HostState, Observed
from tests.builders import GIB, desired_of, fleet_of, host, machine, observed_of, replicas, size
from tests.properties.laws import ROUNDS, Planner
from tests.properties.looks import standing, waits
from tests.properties.wired import wired_worlds
from tests.properties.worlds import World, crowded_worlds, rolling_worlds, worlds

_RULES = (*[Placement()] * 3, Placement(priority=5), Placement(spread=(Spread("host"),)))


@st.composite
def even_worlds(draw: st.DrawFn) -> World:
    """Three equal hosts, and services whose machines differ: where each goes depends on who went before."""
    fleet = fleet_of(*(host(name, size(64, 256 * GIB, 4096 * GIB)) for name in ("h0", "h1", "h2")))
    wanted: list[Instance] = []
    for service in ("crm", "shop"):
        for name in ("app", "db"):
            of = machine(memory_mib=draw(st.integers(1, 5)) * GIB)
            placement, count = draw(st.sampled_from(_RULES)), draw(st.integers(0, 4))
            depends_on = ("db",) if name == "app" else ()
            wanted += replicas(count, f"{service}-{name}", of, placement=placement, depends_on=depends_on)
    observed = observed_of(fleet)
    return World(desired_of(fleet, *wanted), observed, observed)


@st.composite
def empty_worlds(draw: st.DrawFn) -> World:
    """Any of them before anything of ours was there."""
    world = draw(st.one_of(even_worlds(), worlds(), crowded_worlds(), wired_worlds(), rolling_worlds()))

    def emptied(seen: Observed) -> Observed:
        return replace(seen, hosts=tuple(map(_emptied, seen.hosts)), sick=())

    def _emptied(seen: HostState) -> HostState:
        others = tuple(each for each in seen.instances if each.fleet != world.fleet.name)
        return replace(seen, instances=others, volumes=())

    return World(world.desired, emptied(world.observed), emptied(world.truth))


def resume_anywhere(planner: Planner, world: World) -> None:
    """Whichever host has not begun when the rest of a first plan is done, the same end is reached."""
    planner = planner.remembering()
    plan = planner.make_plan(world.desired, world.observed)
    last, end = planner.end(world, world.observed, ROUNDS)
    if waits(plan) or any(not isinstance(step.action, _MAKES) for step in plan.steps):
        return
    for behind in sorted({step.host for step in plan.steps}):
        start = planner.folded(_without(plan, behind), world.observed)
        other_last, other_end = planner.end(world, start, ROUNDS)
        assert other_last.steps == ()
        assert other_last.blocked == last.blocked
        assert standing(other_end, hosts=True) == standing(end, hosts=True)


_MAKES = Create | Start | PutImage | PutNetwork | Await


def _without(plan: Plan, behind: HostName) -> Iterator[Step]:
    """The steps of the other hosts that need none of this one's."""
    left: set[str] = set()
    for step in plan.steps:
        if step.host == behind or left.intersection(step.needs):
            left.add(step.id)
        else:
            yield step
