"""For small questions no way of placing what is missing serves more than the one that is found."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from reconciler.planner.placement import problem
from reconciler.planner.placement.greedy import greedy
from reconciler.planner.placement.problem import Ask, Problem, Scheduler
from tests.properties.broken import PACKAGE, Line, imported
from tests.properties.brute_force import reachable, worth
from tests.properties.questions import questions
from tests.properties.repeatable import REPEATABLE

MUTANTS = (
    ("nobody looks further", Line("placement.greedy", "look_further(seats, missing, ask.effort)")),
    (
        "only the order of the turns is tried",
        Line("placement.search", "for number in self._turns():", "for number in self._turns()[:1]:"),
    ),
    (
        "priorities are not looked at",
        Line("placement.search", "return problem.shapes[int(problem.shape[machine])].priority", "return 0"),
    ),
    (
        "too little is hoped for",
        Line("placement.search", "(min(rest, _slots(self.seats, number)) if rest else 0)", "0"),
    ),
    (
        "who is apart from nobody comes anywhere",
        Line(
            "placement.seats", "good = seats.tally(rule.other, rule.over).taken == 0", "good = own.taken >= 0"
        ),
    ),
    (
        "the first goes to nobody",
        Line("placement.seats", "there if rule.follows or there[:-1].any() else", "there if True else"),
    ),
    (
        "an uneven spread is good enough",
        Line("placement.seats", "good = own.staying + 1 - least <= rule.max_skew", "good = own.staying >= 0"),
    ),
    (
        "what is closed is open",
        Line(
            "placement.bid",
            "may = shape.allowed if problem.closed is None else shape.allowed & ~problem.closed",
            "may = shape.allowed",
        ),
    ),
    (
        "who is not admitted comes",
        Line("placement.bid", "may = may & seats.remembered(shape.admits)", "seats.remembered(shape.admits)"),
    ),
    (
        "who is there is taken for part of the same plan",
        Line("placement.resume", "same = home[machine] in (NOWHERE, seats.host[machine])", "same = True"),
    ),
)


def as_brute_force(scheduler: Scheduler, question: Problem) -> None:
    """What is found can come about, and serves as many as anything that can, by priority."""
    found = tuple(scheduler(question, Ask()).host.tolist())
    there = reachable(question)
    assert found in there
    assert worth(question, found) == max(worth(question, each) for each in there)


def try_law(scheduler: Scheduler, *, examples: int) -> None:
    """Hold a scheduler against brute force, over the same questions each time."""

    @settings(REPEATABLE, max_examples=examples)
    @given(questions())
    def holds(question: Problem) -> None:
        as_brute_force(scheduler, question)

    holds()


def test_no_placement_serves_more_than_the_one_that_is_found() -> None:
    try_law(greedy, examples=500)


@pytest.mark.parametrize("line", [pytest.param(line, id=wrong) for wrong, line in MUTANTS])
def test_a_broken_scheduler_is_caught(line: Line) -> None:
    # The question stays what it is: its words would be others in a copy, and nobody would understand it.
    kept = {problem.__name__: problem}
    scheduler = imported(line, f"{PACKAGE}.placement.greedy", kept).greedy
    with pytest.raises(AssertionError):
        try_law(scheduler, examples=1500)
