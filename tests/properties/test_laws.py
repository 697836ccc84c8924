"""The laws hold for the planner, and catch planners that are broken."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.planner import after, confirmed, make_plan
from tests.builders import desired_of
from tests.fleets import fleet_from
from tests.properties import laws, network_laws, resume_laws, rolling, standing, surging, telling_laws, trying
from tests.properties.broken import Line, broken
from tests.properties.laws import Law, Planner
from tests.properties.mutants import MUTANTS
from tests.properties.repeatable import REPEATABLE
from tests.properties.wired import wired_worlds
from tests.properties.worlds import World, crowded_worlds, matching_worlds, rolling_worlds, worlds

PLANNER = Planner(make_plan, after, confirmed)

EVERYWHERE: tuple[Law, ...] = (
    laws.converge,
    laws.resume,
    laws.room,
    laws.mercy,
    laws.never_twice,
    laws.order_blind,
    laws.honest,
    laws.orderly,
)
OF_HEALTH: tuple[Law, ...] = (
    rolling.never_too_many_away,
    rolling.health_comes_first,
    surging.somebody_stands_in,
)
OF_TRYING: tuple[Law, ...] = (trying.never_tried_again, trying.kept_until_healthy)
OF_NETWORKS: tuple[Law, ...] = (
    network_laws.wired,
    network_laws.one_address,
    network_laws.remembered,
    network_laws.joined,
)
OF_RESUMING: tuple[Law, ...] = (resume_laws.resume_anywhere,)
OF_STANDING: tuple[Law, ...] = (standing.spared, standing.homing, standing.never_silent)
OF_STOPPING: tuple[Law, ...] = (standing.let_down,)
OF_TELLING: tuple[Law, ...] = (telling_laws.reticent, telling_laws.patient)
_WHERE: dict[Law, st.SearchStrategy[World]] = {
    laws.calm: matching_worlds(),
    laws.room: st.one_of(worlds(), crowded_worlds(), wired_worlds()),
    **dict.fromkeys(OF_HEALTH, st.one_of(worlds(), rolling_worlds(), rolling_worlds())),
    **dict.fromkeys(OF_RESUMING, resume_laws.empty_worlds()),
    **dict.fromkeys(OF_TRYING, trying.tried_worlds()),
    **dict.fromkeys(OF_STANDING, standing.standing_worlds()),
    **dict.fromkeys(OF_STOPPING, standing.evicting_worlds()),
    **dict.fromkeys(OF_NETWORKS, wired_worlds()),
    **dict.fromkeys(OF_TELLING, telling_laws.told_worlds()),
}


_CAUGHT_SOON: dict[Law, st.SearchStrategy[World]] = {
    laws.room: crowded_worlds(),
    standing.homing: standing.standing_worlds(rolling_worlds()),
}
"""Worlds in which a planner that breaks a law is soon caught, where that took 1,000 others."""


def try_law(law: Law, planner: Planner, *, examples: int) -> None:
    """Hold a planner against a law, over the same worlds each time. Raises what the law raises."""
    somewhere = st.one_of(
        worlds(),
        crowded_worlds(),
        wired_worlds(),
        rolling_worlds(),
        standing.standing_worlds(),
    )
    hold(law, planner, _WHERE.get(law, somewhere), examples=examples)


def hold(law: Law, planner: Planner, where: st.SearchStrategy[World], *, examples: int) -> None:
    """The same, over these worlds."""

    @settings(REPEATABLE, max_examples=examples)
    @given(where)
    def holds(world: World) -> None:
        law(planner, world)

    holds()


@pytest.mark.parametrize(
    "law",
    [
        *EVERYWHERE,
        *OF_NETWORKS,
        *OF_TELLING,
        *OF_STANDING,
        *OF_STOPPING,
        *OF_RESUMING,
        *OF_HEALTH,
        *OF_TRYING,
        laws.calm,
    ],
    ids=lambda law: law.__name__,
)
def test_the_planner_keeps_the_law(law: Law) -> None:
    try_law(law, PLANNER, examples=200)


def test_room_that_a_plan_frees_is_for_those_that_follow() -> None:
    fleet = fleet_from(
        """
        h0 8c/3G
        h1 8c/8G

        shop-app-0 1c/4G on=h0
        shop-app-1 1c/4G on=h0
        old-db-0   1c/7G on=h1
        """
    )
    shop = [each for each in fleet.desired.instances if each.key.service == "shop"]
    world = World(desired_of(fleet.desired.fleet, *shop), fleet.observed, fleet.observed)
    plan = make_plan(world.desired, world.observed)
    assert [step.id for step in plan.steps] == ["destroy/old-db-0"]
    assert plan.hints == (
        "h0 has given out 5 GiB of memory that it does not have, and nobody there can be moved elsewhere",
    )
    laws.converge(PLANNER, world)


@pytest.mark.parametrize("law", [*EVERYWHERE, *OF_HEALTH], ids=lambda law: law.__name__)
def test_rolling_back_keeps_the_law(law: Law) -> None:
    hold(law, PLANNER, trying.tried_worlds(), examples=200)


# Whoever is shut down is left so, which the laws of the end do not know.
@pytest.mark.parametrize(
    "law",
    [law for law in (*EVERYWHERE, *OF_HEALTH) if law not in (laws.converge, laws.resume)],
    ids=lambda law: law.__name__,
)
def test_shutting_down_who_cannot_leave_keeps_the_law(law: Law) -> None:
    hold(law, PLANNER, standing.evicting_worlds(), examples=200)


@pytest.mark.parametrize("law", _CAUGHT_SOON, ids=lambda law: law.__name__)
def test_the_planner_keeps_the_law_where_others_are_soon_caught(law: Law) -> None:
    hold(law, PLANNER, _CAUGHT_SOON[law], examples=300)


@pytest.mark.parametrize(
    ("law", "line"),
    [pytest.param(law, line, id=f"{law.__name__}: {wrong}") for wrong, law, line in MUTANTS],
)
def test_a_broken_planner_is_caught(law: Law, line: Line) -> None:
    # A line that is gone from the source is a fault of the test, and none that a law has caught.
    planner = broken(line)
    with pytest.raises(AssertionError):
        if (soon := _CAUGHT_SOON.get(law)) is not None:
            hold(law, planner, soon, examples=300)
        try_law(law, planner, examples=3000)


def test_every_law_has_a_planner_that_breaks_it() -> None:
    assert {law for _, law, _ in MUTANTS} == {
        *EVERYWHERE,
        *OF_NETWORKS,
        *OF_TELLING,
        *OF_STANDING,
        *OF_STOPPING,
        *OF_RESUMING,
        *OF_HEALTH,
        *OF_TRYING,
        laws.calm,
    }
