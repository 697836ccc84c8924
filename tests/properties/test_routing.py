"""The laws hold for the moves of a plan, and catch moves that are broken."""

from __future__ import annotations

import pytest

from reconciler.planner.routing import routed
from tests.properties.broken import PACKAGE, Line, imported
from tests.properties.courses import try_law
from tests.properties.routing_laws import LAWS, MUTANTS, Law


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_the_moves_of_a_plan_keep_the_law(law: Law) -> None:
    try_law(law, routed, examples=400)


@pytest.mark.parametrize(
    ("law", "line"),
    [pytest.param(law, line, id=f"{law.__name__}: {wrong}") for wrong, law, line in MUTANTS],
)
def test_broken_moves_are_caught(law: Law, line: Line) -> None:
    routing = imported(line, f"{PACKAGE}.routing").routed
    with pytest.raises(AssertionError):
        try_law(law, routing, examples=1000)


def test_every_law_of_moves_has_moves_that_break_it() -> None:
    assert {law for _, law, _ in MUTANTS} == set(LAWS)
