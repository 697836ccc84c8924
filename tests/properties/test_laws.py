"""The laws hold for the planner, and catch planners that are broken."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from reconciler.planner import after, confirmed, make_plan
from tests.properties import laws
from tests.properties.broken import Line, broken
from tests.properties.laws import Law, Planner
from tests.properties.mutants import MUTANTS
from tests.properties.worlds import World, crowded_worlds, matching_worlds, worlds

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


def try_law(law: Law, planner: Planner, *, examples: int) -> None:
    """Hold a planner against a law, over the same worlds each time. Raises what the law raises."""
    where: st.SearchStrategy[World] = (
        matching_worlds() if law is laws.calm else st.one_of(worlds(), crowded_worlds())
    )

    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(where)
    def holds(world: World) -> None:
        law(planner, world)

    holds()


@pytest.mark.parametrize("law", [*EVERYWHERE, laws.calm], ids=lambda law: law.__name__)
def test_the_planner_keeps_the_law(law: Law) -> None:
    try_law(law, PLANNER, examples=200)


@pytest.mark.parametrize(
    ("law", "line"),
    [pytest.param(law, line, id=f"{law.__name__}: {wrong}") for wrong, law, line in MUTANTS],
)
def test_a_broken_planner_is_caught(law: Law, line: Line) -> None:
    with pytest.raises(AssertionError):
        try_law(law, broken(line), examples=500)


def test_every_law_has_a_planner_that_breaks_it() -> None:
    assert {law for _, law, _ in MUTANTS} == {*EVERYWHERE, laws.calm}
