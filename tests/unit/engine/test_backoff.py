"""What fails rests for itself: longer each time, never longer than five minutes, and not for ever."""

from __future__ import annotations

from random import Random

from reconciler.engine.backoff import FIRST_S, JITTER, LONGEST_S, Backoff
from reconciler.plan import StepId

ONE, OTHER = StepId("create/a"), StepId("create/b")


def rests(failures: int) -> list[float]:
    """How long it rests after each of that many failures in a row."""
    backoff, now, found = Backoff(Random(1)), 0.0, []
    for _ in range(failures):
        backoff.failed(ONE, now=now)
        found.append(backoff.next_due(now=now))
        now += found[-1]
    return found


def test_each_failure_rests_about_twice_as_long_up_to_a_limit() -> None:
    for number, rest in enumerate(rests(12)):
        expected = min(LONGEST_S, FIRST_S * 2**number)
        assert expected * (1 - JITTER) <= rest <= expected * (1 + JITTER)


def test_a_thousand_failures_are_no_number_too_large() -> None:
    assert max(rests(1100)) <= LONGEST_S * (1 + JITTER)


def test_only_what_failed_rests_and_only_until_its_time() -> None:
    backoff = Backoff(Random(1))
    backoff.failed(ONE, now=100.0)
    assert backoff.resting(now=100.0) == {ONE}
    due = 100.0 + backoff.next_due(now=100.0)
    assert backoff.resting(now=due) == frozenset()
    assert backoff.next_due(now=due) == float("inf")


def test_after_a_success_the_next_failure_is_a_first_one() -> None:
    backoff = Backoff(Random(1))
    for _ in range(6):
        backoff.failed(ONE, now=0.0)
    backoff.succeeded(ONE)
    assert backoff.resting(now=0.0) == frozenset()
    backoff.failed(ONE, now=0.0)
    assert backoff.next_due(now=0.0) <= FIRST_S * (1 + JITTER)


def test_what_is_not_planned_any_more_is_forgotten() -> None:
    backoff = Backoff(Random(1))
    backoff.failed(ONE, now=0.0)
    backoff.failed(OTHER, now=0.0)
    backoff.keep(frozenset({OTHER}))
    assert backoff.resting(now=0.0) == {OTHER}
