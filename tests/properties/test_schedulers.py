"""A scheduler that nobody knows: what it is asked arrives as it was, and no bad answer of it gets through."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from itertools import permutations
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.planner.placement import check, judge, problem
from reconciler.planner.placement.check import violations
from reconciler.planner.placement.greedy import greedy
from reconciler.planner.placement.problem import NOWHERE, Ask, Integers, Problem, Question, Relation, Served
from reconciler.planner.placement.read import read_question, write_answer
from reconciler.planner.placement.written import read_answer, write_question
from tests.properties.broken import PACKAGE, Line, imported
from tests.properties.questions import questions
from tests.properties.repeatable import REPEATABLE

Law = Callable[[ModuleType, Problem, Integers], None]


@st.composite
def answers(draw: st.DrawFn) -> tuple[Problem, Integers]:
    """A question, and an answer that some scheduler or other may have given."""
    question = draw(questions())
    host = question.home.copy()
    for machine in np.flatnonzero(host == NOWHERE).tolist():
        host[machine] = draw(st.integers(NOWHERE, len(question.hosts) - 1))
    if draw(st.sampled_from([False] * 4 + [True])):
        host[draw(st.integers(0, len(host) - 1))] = draw(st.integers(NOWHERE, len(question.hosts) - 1))
    return question, host


def nothing_bad_gets_through(judging: ModuleType, question: Problem, host: Integers) -> None:
    """A new answer is good exactly if it keeps every rule, by the plainest means there are."""
    said = judging.fault_of(question, Ask(Question.PLACE), host)
    assert (said == "") == (not list(_wrongs(question, host)))


def a_repair_mends(judging: ModuleType, question: Problem, host: Integers) -> None:
    """What is moved by a repair is movable, and fewer rules are broken then."""
    moving = replace(question, movable=question.home != NOWHERE)
    kept = np.where(question.home == NOWHERE, NOWHERE, host)
    if kept.tolist() == question.home.tolist() or (kept[question.home != NOWHERE] == NOWHERE).any():
        return
    for asked in (question, moving):
        if judging.fault_of(asked, Ask(Question.REPAIR), kept) == "":
            assert (asked.movable | (kept == asked.home)).all()
            assert len(violations(asked, kept)) < len(violations(asked, asked.home))


def _wrongs(question: Problem, host: Integers) -> Iterator[object]:
    came = [each for each, at in enumerate(host.tolist()) if at != question.home[each]]
    yield from (each for each in came if question.home[each] != NOWHERE)
    yield from set(violations(question, host)) - set(violations(question, question.home))
    yield from (each for each in came if question.closed is not None and question.closed[host[each]])
    for at in range(len(question.hosts)):
        own = [each for each in came if host[each] == at]
        if not any(_can_come(question, order, at) for order in permutations(own)):
            yield at
    for rule in question.rules:
        if rule.relation is Relation.TOGETHER and rule.strict and rule.follows:
            there = [
                each
                for each, at in enumerate(host.tolist())
                if at != NOWHERE and _group(question, each) == rule.other and not question.leaving[each]
            ]
            yield from (each for each in came if _group(question, each) == rule.group and not there)


def _group(question: Problem, machine: int) -> int:
    group: int = question.shapes[question.shape[machine]].group
    return group


def _can_come(question: Problem, order: tuple[int, ...], at: int) -> bool:
    free = question.room[at].copy()
    for machine in np.flatnonzero(question.home == at).tolist():
        free -= question.shapes[question.shape[machine]].demand
    for machine in order:
        shape = question.shapes[question.shape[machine]]
        if shape.admits is not None and not shape.admits(at, free):
            return False
        free -= shape.demand
    return True


MUTANTS: tuple[tuple[str, Law, Line], ...] = (
    (
        "who stays is moved",
        nothing_bad_gets_through,
        Line(
            "placement.judge", "was_there if ask.question is Question.PLACE else", "moved & False if ask else"
        ),
    ),
    (
        "something comes to a host that is given nothing new",
        nothing_bad_gets_through,
        Line("placement.judge", "late := moved & problem.closed[host]", "late := moved & False"),
    ),
    (
        "nobody asks whether they were let in",
        nothing_bad_gets_through,
        Line("placement.judge", "for machine in not_admitted(problem, host):", "for machine in ():"),
    ),
    (
        "who came last is in the way of those before it",
        nothing_bad_gets_through,
        Line("placement.admitted", "free = free + _demand(problem, last)", "free = free + 0"),
    ),
    (
        "they come before those whom they follow",
        nothing_bad_gets_through,
        Line("placement.judge", "if early.any() and not there.any():", "if False:"),
    ),
    (
        "a repair may move whom it likes",
        a_repair_mends,
        Line("placement.judge", "~was_there | ~problem.movable)", "~was_there)"),
    ),
    (
        "a repair may move for nothing",
        a_repair_mends,
        Line("placement.judge", "moved.any() and before == after:", "False:"),
    ),
)


def try_law(law: Law, judging: ModuleType, *, examples: int) -> None:
    @settings(REPEATABLE, max_examples=examples)
    @given(answers())
    def holds(case: tuple[Problem, Integers]) -> None:
        law(judging, *case)

    holds()


@pytest.mark.parametrize("law", [nothing_bad_gets_through, a_repair_mends])
def test_no_bad_answer_is_believed_and_no_good_one_refused(law: Law) -> None:
    try_law(law, judge, examples=400)


@pytest.mark.parametrize(("law", "line"), [pytest.param(law, line, id=wrong) for wrong, law, line in MUTANTS])
def test_a_judge_that_lets_something_through_is_caught(law: Law, line: Line) -> None:
    kept = {problem.__name__: problem, check.__name__: check}
    broken = imported(line, f"{PACKAGE}.placement.judge", kept)
    with pytest.raises(AssertionError):
        try_law(law, broken, examples=5000)


@settings(REPEATABLE, max_examples=300)
@given(questions())
def test_a_question_is_read_as_it_was_written(question: Problem) -> None:
    ask = Ask(Question.REBALANCE, 3, 0.5, 2.0)
    read, asked = read_question(write_question(question, ask))
    assert asked == ask
    for each in fields(Problem):
        if each.name not in ("shapes", "names", "size"):
            assert _plain(getattr(read, each.name)) == _plain(getattr(question, each.name)), each.name
    free = question.room.copy()
    for machine in np.flatnonzero(question.home != NOWHERE).tolist():
        free[question.home[machine]] -= question.shapes[question.shape[machine]].demand
    for was, now in zip(question.shapes, read.shapes, strict=True):
        assert (was.name, was.group, was.priority) == (now.name, now.group, now.priority)
        assert (_plain(was.demand), _plain(was.allowed)) == (_plain(now.demand), _plain(now.allowed))
        assert (was.rank is None) == (now.rank is None)
        for host in range(len(question.hosts)):
            let_in = was.admits is None or was.admits(host, free[host])
            assert let_in == (now.admits is None or now.admits(host, free[host]))


@settings(REPEATABLE, max_examples=100)
@given(questions())
def test_an_answer_is_read_as_it_was_written(question: Problem) -> None:
    answer = greedy(question, Ask())
    assert read_answer(write_answer(answer), "me").host.tolist() == answer.host.tolist()


def _plain(value: object) -> object:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Served):
        return value.turn.tolist(), value.service.tolist()
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items() if name}
    return value
