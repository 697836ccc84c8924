"""The laws hold for the order of moves, and catch orderings that are broken."""

from __future__ import annotations

import pytest

from reconciler.planner.ordering.order import in_order
from tests.properties.broken import PACKAGE, Line, imported
from tests.properties.courses import try_law
from tests.properties.route_laws import LAWS, MUTANTS, Law


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_the_order_of_moves_keeps_the_law(law: Law) -> None:
    try_law(law, in_order, examples=400)


@pytest.mark.parametrize(
    ("law", "line"),
    [pytest.param(law, line, id=f"{law.__name__}: {wrong}") for wrong, law, line in MUTANTS],
)
def test_a_broken_order_is_caught(law: Law, line: Line) -> None:
    order = imported(line, f"{PACKAGE}.ordering.order").in_order
    with pytest.raises(AssertionError):
        try_law(law, order, examples=1000)


def test_every_law_has_an_order_that_breaks_it() -> None:
    assert {law for _, law, _ in MUTANTS} == set(LAWS)
