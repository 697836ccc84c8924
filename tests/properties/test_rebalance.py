"""The laws hold for a rebalance, and catch one that is broken."""

from __future__ import annotations

from types import ModuleType

import pytest
from hypothesis import given, settings

from reconciler.planner.placement import improve, judge
from tests.properties.broken import Line, imported
from tests.properties.rebalance_laws import IMPROVE, JUDGE, LAWS, MUTANTS, Case, Law, Modules, cases
from tests.properties.repeatable import REPEATABLE

OURS: Modules = {IMPROVE: improve, JUDGE: judge}


def try_law(law: Law, modules: Modules, *, examples: int) -> None:
    """Hold a rebalance against a law, over the same fleets each time. Raises what the law raises."""

    @settings(REPEATABLE, max_examples=examples)
    @given(cases())
    def holds(case: Case) -> None:
        law(modules, case)

    holds()


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_a_rebalance_keeps_the_law(law: Law) -> None:
    try_law(law, OURS, examples=300)


@pytest.mark.parametrize(
    ("law", "line"),
    [pytest.param(law, line, id=f"{law.__name__}: {wrong}") for wrong, law, line in MUTANTS],
)
def test_a_broken_rebalance_is_caught(law: Law, line: Line) -> None:
    modules = dict[str, ModuleType]()
    imported(line, IMPROVE, modules)
    with pytest.raises(AssertionError):
        try_law(law, modules, examples=1500)


def test_every_law_has_a_rebalance_that_breaks_it() -> None:
    assert {law for _, law, _ in MUTANTS} == set(LAWS)
