"""A host that is far slower than the others does not hold them up."""

from __future__ import annotations

import asyncio

import pytest

from reconciler.engine.stragglers import gather_all_but_stragglers
from reconciler.specs.desired import HostName
from tests.simulation.timing import run_virtually


def gathered(*seconds: float) -> tuple[list[float], float, int]:
    """The answers that came, the seconds it took, and how many tasks were left running."""
    found: list[tuple[list[float], float, int]] = []

    async def answer(after: float) -> float:
        await asyncio.sleep(after)
        return after

    async def scene() -> None:
        tasks = {
            HostName(f"h{number}"): asyncio.create_task(answer(after)) for number, after in enumerate(seconds)
        }
        answers = await gather_all_but_stragglers(tasks)
        left = sum(not task.done() for task in tasks.values())
        found.append((sorted(answers.values()), asyncio.get_running_loop().time(), left))

    run_virtually(scene())
    return found[0]


def test_one_of_sixteen_that_hangs_is_left_out_after_a_second() -> None:
    answers, took, left = gathered(*[0.1] * 15, 1000.0)
    assert (len(answers), left) == (15, 0)
    assert took == pytest.approx(1.1)


def test_who_is_only_somewhat_slower_is_waited_for() -> None:
    answers, took, _ = gathered(*[2.0] * 7, 3.9)
    assert (len(answers), took) == (8, 3.9)


def test_who_is_slow_shows_that_others_may_be_slow_as_well() -> None:
    answers, took, _ = gathered(*[0.1] * 8, 1.0, 1.9, 3.7, 9.0)
    assert (len(answers), took) == (11, 7.4)


def test_in_a_small_fleet_everybody_is_waited_for() -> None:
    assert gathered(0.1, 0.1, 500.0) == ([0.1, 0.1, 500.0], 500.0, 0)


def test_where_most_are_slow_nobody_is_usual() -> None:
    answers, took, _ = gathered(0.1, 0.1, 50.0, 50.0, 50.0)
    assert (len(answers), took) == (5, 50.0)


def test_an_error_of_ours_is_not_hidden() -> None:
    async def broken() -> None:
        raise ZeroDivisionError

    async def scene() -> None:
        with pytest.raises(ZeroDivisionError):
            await gather_all_but_stragglers({HostName("h"): asyncio.create_task(broken())})

    run_virtually(scene())
