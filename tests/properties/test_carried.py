"""Machines that are off while they move: the laws hold for them, and two of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import strategies as st

from reconciler.actions import Migrate
from reconciler.plan import Step, StepId
from reconciler.planner import after, confirmed, make_plan
from reconciler.planner.groups import Group, group_of
from reconciler.specs.desired import Instance
from reconciler.specs.limits import MigrationLimits
from reconciler.specs.placement import Evict, Placement
from reconciler.state import InstanceState
from tests.builders import (
    GIB,
    desired_of,
    fleet_of,
    host,
    instance,
    machine,
    observed_of,
    running,
    size,
    stopped,
)
from tests.properties import laws, rolling, standing
from tests.properties.broken import Line, broken
from tests.properties.laws import Law, Planner
from tests.properties.test_laws import EVERYWHERE, hold
from tests.properties.wishes import checks, policies
from tests.properties.worlds import World

PLANNER = Planner(make_plan, after, confirmed)


@st.composite
def carried_worlds(draw: st.DrawFn) -> World:
    """Hosts that are to be empty, with components that depend on each other, most of them evicted cold."""
    tight = draw(st.booleans())
    room = st.sampled_from([3, 4, 6] if tight else [24])
    hosts = [
        replace(
            host(f"h{number}", size(16, draw(room) * GIB, 4096 * GIB)),
            maintenance=draw(st.sampled_from([number < 2, number == 0])),
        )
        for number in range(4)
    ]
    limits = MigrationLimits(draw(st.sampled_from([1, 2])), draw(st.sampled_from([1, 5])))
    fleet = replace(fleet_of(*hosts), migrations=limits)
    wanted: list[Instance] = []
    for name, depends_on in (("db", ()), ("app", ("db",)), ("web", ("app",))):
        health, update = draw(checks()), draw(policies())
        evict = draw(st.sampled_from([Evict.COLD, Evict.COLD, Evict.COLD, Evict.LIVE]))
        healthy_first = depends_on if draw(st.booleans()) else ()
        wanted += [
            replace(
                instance(
                    f"shop-{name}-{number}",
                    machine(1, draw(st.sampled_from([1, 2])) * GIB),
                    depends_on=depends_on,
                    placement=Placement(evict=evict),
                ),
                health=health,
                update=update,
                healthy_first=healthy_first,
            )
            for number in range(draw(st.integers(1, 3)))
        ]
    free = {each.name: (each.capacity.memory_mib if each.capacity else 0) for each in hosts}
    states: list[InstanceState] = []
    for one in wanted:
        places = [name for name in ("h0", "h0", "h1", "h2", "h3") if free[name] >= one.machine.memory_mib]  # type: ignore[index]
        met = draw(st.sampled_from([running] * 12 + [stopped, None]))
        if met is not None and places:
            place = draw(st.sampled_from(places))
            free[place] -= one.machine.memory_mib  # type: ignore[index]
            states.append(met(one, on=place))
    sick = draw(st.sampled_from([(), (), tuple(each.uuid for each in states[:1])]))
    seen = replace(observed_of(fleet, *states), sick=sick)
    return World(desired_of(fleet, *wanted), seen, seen)


def ahead(step: Step, steps: Mapping[StepId, Step]) -> set[StepId]:
    """Every step that is over when this one begins."""
    found: set[StepId] = set()
    waiting = [*step.needs, *step.follows]
    while waiting:
        if (need := waiting.pop()) not in found:
            found.add(need)
            waiting += (*steps[need].needs, *steps[need].follows)
    return found


def never_with_what_it_depends_on(planner: Planner, world: World) -> None:
    """Of two who are off while they move, and one of which depends on the other, one waits for the other."""
    plan = planner.make_plan(world.desired, world.observed)
    steps = {step.id: step for step in plan.steps}
    depends = {each.uuid: each.depends_on for each in world.desired.instances}
    carried = [step for step in plan.steps if isinstance(step.action, Migrate) and step.action.terms.cold]
    for one in carried:
        for other in carried:
            assert isinstance(one.action, Migrate)
            assert isinstance(other.action, Migrate)
            needed, key = group_of(other.action.before.key), one.action.before.key
            if needed in {Group(key.service, name) for name in depends[one.action.before.uuid]}:
                assert other.id in ahead(one, steps) or one.id in ahead(other, steps), (one.id, other.id)


LAWS: tuple[Law, ...] = (
    *EVERYWHERE,
    rolling.never_too_many_away,
    standing.never_silent,
    never_with_what_it_depends_on,
)
MUTANTS: tuple[tuple[str, Law, Line], ...] = (
    (
        "who is carried is thought to be up",
        rolling.never_too_many_away,
        Line(
            "ordering.waits",
            "if not deeds[name].moves or deeds[name].is_carried}",
            "if not deeds[name].moves}",
        ),
    ),
    (
        "who is carried is taken away as if nobody else were",
        rolling.never_too_many_away,
        Line("replicas", "return action.terms.cold", "return False"),
    ),
    (
        "who is carried comes in any order",
        never_with_what_it_depends_on,
        Line("ordering.precedence", "return self._among_carried(self.carrying_back, deed)", "return ()"),
    ),
    (
        "who is carried waits for what comes later",
        laws.orderly,
        Line("ordering.waits", "deeds[name].is_carried and turns[mine] > turns[name]", "False"),
    ),
    (
        "who is carried waits for who is made",
        laws.orderly,
        Line(
            "make",
            "put_off(held_back(settle(desired, judged, board, scheduler), order, unwell))",
            "held_back(settle(desired, judged, board, scheduler), order, unwell)",
        ),
    ),
)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_the_planner_keeps_the_law_for_who_is_carried(law: Law) -> None:
    hold(law, PLANNER, carried_worlds(), examples=150)


@pytest.mark.parametrize(("law", "line"), [pytest.param(law, line, id=wrong) for wrong, law, line in MUTANTS])
def test_a_planner_that_is_wrong_about_who_is_carried_is_caught(law: Law, line: Line) -> None:
    planner = broken(line)
    with pytest.raises(AssertionError):
        hold(law, planner, carried_worlds(), examples=2000)
