"""A drain empties its host, does nothing else, and is finished by the next one wherever it is cut off."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.actions import Create, Destroy, Migrate, PutCordon, Replace, Update, subject
from reconciler.plan import Plan, Step
from reconciler.planner import after
from reconciler.planner.draining import Drain, plan_drain
from reconciler.specs.desired import Desired, HostName
from reconciler.specs.placement import Evict
from reconciler.state import MIGRATED, Journey, Observed, Power
from tests.properties.broken import Line, imported, within
from tests.properties.looks import carried_halfway, with_state
from tests.properties.repeatable import REPEATABLE
from tests.properties.standing import CORDON, standing_worlds
from tests.properties.worlds import World, matching_worlds, worlds

_AGAIN = 3


@dataclass(frozen=True)
class Drainer:
    """The planner of drains under the law, for one host."""

    plan_drain: Callable[[Desired, Observed, Drain], Plan]
    host: HostName

    def plan(self, world: World, observed: Observed) -> Plan:
        return self.plan_drain(world.desired, observed, Drain(self.host, CORDON))


Law = Callable[[Drainer, World], None]


def folded(steps: Iterable[Step], observed: Observed) -> Observed:
    for step in steps:
        observed = after(step, observed)
    return observed


def cut_off(step: Step, observed: Observed) -> Iterator[Observed]:
    """What a controller that is killed in the middle of a step may leave, once the daemons are done."""
    yield observed
    if not isinstance(step.action, Migrate):
        return
    if step.action.terms.cold:
        yield from carried_halfway(step.action, observed)
        return
    action, arrived = step.action, after(step, observed)
    journey = Journey(action.from_host, action.host, action.terms.copies)
    (there,) = (each for each in arrived.by_uuid[action.before.uuid] if each.host == action.host)
    coming = replace(there, journey=journey, home=action.home)
    leaving = replace(observed.by_uuid[action.before.uuid][0], journey=journey, home=action.home)
    yield with_state(observed, leaving)
    yield with_state(arrived, coming)
    left = replace(leaving, power=Power.STOPPED, detail=MIGRATED)
    yield with_state(with_state(observed, left), coming)


def ended(drainer: Drainer, world: World, observed: Observed) -> None:
    """Drains that follow leave nobody there but who is told, and then there is nothing left to do."""
    for _ in range(_AGAIN):
        observed = folded(drainer.plan(world, observed).steps, observed)
    last = drainer.plan(world, observed)
    assert last.steps == ()
    told = {each.instance for each in last.blocked}
    sits = {each.uuid for each in world.desired.instances if each.placement.evict is Evict.STOP}
    host = observed.host(drainer.host)
    for state in host.instances if host is not None else ():
        is_off = state.power is Power.STOPPED and state.uuid in sits
        assert is_off or state.name in told or state.fleet != world.fleet.name, f"{state.name} is still there"


def finished(drainer: Drainer, world: World) -> None:
    """Cut off after any step or in the middle of one, it is finished by the next: whoever was on its way is
    gone then.
    """
    seen = world.observed
    for step in drainer.plan(world, seen).steps:
        for left in cut_off(step, seen):
            ended(drainer, world, left)
            if _empties(step, drainer.host):
                then = folded(drainer.plan(world, left).steps, left).host(drainer.host)
                assert then is not None
                assert subject(step.action) not in {each.name for each in then.instances}, step.id
        seen = after(step, seen)
    ended(drainer, world, seen)


def nothing_else(drainer: Drainer, world: World) -> None:
    """First the cordon and everything after it; nobody is made, changed or destroyed, and nobody is moved
    but from there, or out of the way of one who is.
    """
    steps = drainer.plan(world, world.observed).steps
    needed = {need for step in steps for need in step.needs}
    done = set[str]()
    for step in steps:
        assert done.issuperset(step.needs)
        assert not isinstance(step.action, Create | Update | Replace | Destroy), step.id
        if isinstance(step.action, Migrate):
            assert step.action.from_host == drainer.host or step.id in needed, step.id
            assert step.action.host != drainer.host, f"{subject(step.action)} comes there"
        done.add(step.id)
    if any(isinstance(step.action, PutCordon) for step in steps):
        assert all(steps[0].id in step.needs for step in steps[1:])


def _empties(step: Step, host: HostName) -> bool:
    return isinstance(step.action, Migrate) and step.action.from_host == host


LAWS: tuple[Law, ...] = (finished, nothing_else)
MUTANTS = (
    (
        "what a drain that was killed left is for others",
        finished,
        Line("draining", "    if mends:", "    if False:"),
    ),
    (
        "who leaves does not wait for the cordon",
        nothing_else,
        Line("draining", "(first.id, *step.needs)", "step.needs"),
    ),
    ("all that is pending is done", nothing_else, Line("draining", "if _leaves(step, host)]", "if True]")),
    (
        "who stays is not told",
        finished,
        Line("draining", 'yield _blocked(state, f"{what} comes first: apply, and drain again")', "pass"),
    ),
)


@st.composite
def drained(draw: st.DrawFn) -> tuple[World, HostName]:
    world = draw(st.one_of(worlds(), matching_worlds(), standing_worlds()))
    cold = {each.key.component for each in world.desired.instances if draw(st.booleans())}
    wanted = tuple(
        replace(each, placement=replace(each.placement, evict=Evict.COLD))
        if each.key.component in cold
        else each
        for each in world.desired.instances
    )
    world = World(replace(world.desired, instances=wanted), world.observed, world.truth)
    return world, draw(st.sampled_from([each.name for each in world.fleet.hosts]))


def try_law(law: Law, plan: Callable[[Desired, Observed, Drain], Plan], *, examples: int) -> None:
    """Hold a planner of drains against a law, over the same worlds each time."""

    @settings(REPEATABLE, max_examples=examples)
    @given(drained())
    def holds(drawn: tuple[World, HostName]) -> None:
        world, host = drawn
        law(Drainer(plan, host), world)

    holds()


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_a_drain_keeps_the_law(law: Law) -> None:
    try_law(law, plan_drain, examples=100)


@pytest.mark.parametrize(("law", "line"), [pytest.param(law, line, id=wrong) for wrong, law, line in MUTANTS])
def test_a_broken_drain_is_caught(law: Law, line: Line) -> None:
    modules: dict[str, ModuleType] = {}
    plan = within(line, modules, imported(line, "reconciler.planner.draining", modules).plan_drain)
    with pytest.raises(AssertionError):
        try_law(law, plan, examples=300)
