"""Whatever part of a plan was carried out before its controller died, the next one finds the same hosts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.planner.placement import problem
from reconciler.planner.placement.greedy import greedy
from reconciler.planner.placement.problem import NOWHERE, Ask, Flags, Problem, Scheduler
from reconciler.planner.placement.search import served
from reconciler.planner.placement.seats import Seats
from tests.properties.broken import PACKAGE, Line, imported
from tests.properties.questions import questions
from tests.properties.repeatable import REPEATABLE

MUTANTS = (
    ("a plan is never recognised", Line("placement.resume", "if _again(", "if False and _again(")),
    ("who comes later stays out of it", Line("placement.resume", "(later | kin)", "False")),
)


@st.composite
def parts(draw: st.DrawFn) -> tuple[Problem, Flags]:
    """A question about services of which nobody is there yet, and who is placed before it dies."""
    question = draw(questions())
    assert question.served is not None
    missing = question.home == NOWHERE
    when = replace(question.served, turn=np.where(missing, question.served.turn, NOWHERE))
    done = np.array([draw(st.booleans()) for _ in missing], np.bool_)
    return replace(question, served=when), done & missing


def finds_the_same(scheduler: Scheduler, question: Problem, done: Flags) -> None:
    """The rest goes to where it was to go, where nobody has to be asked twice."""
    missing = np.nonzero(question.home == NOWHERE)[0].tolist()
    if list(served(Seats.of(question), missing)) != missing:
        return
    planned = scheduler(question, Ask()).host
    again = replace(question, home=np.where(done, planned, question.home))
    assert scheduler(again, Ask()).host.tolist() == planned.tolist()


def try_law(scheduler: Scheduler, *, examples: int) -> None:
    """Hold a scheduler against the law, over the same questions each time."""

    @settings(REPEATABLE, max_examples=examples)
    @given(parts())
    def holds(part: tuple[Problem, Flags]) -> None:
        finds_the_same(scheduler, *part)

    holds()


def test_any_part_of_a_plan_leads_to_the_same_hosts() -> None:
    try_law(greedy, examples=1000)


@pytest.mark.parametrize("line", [pytest.param(line, id=wrong) for wrong, line in MUTANTS])
def test_a_scheduler_that_does_not_resume_is_caught(line: Line) -> None:
    kept = {problem.__name__: problem}
    scheduler = imported(line, f"{PACKAGE}.placement.greedy", kept).greedy
    with pytest.raises(AssertionError):
        try_law(scheduler, examples=1000)
