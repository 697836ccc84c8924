"""Ticks carry no data: many that come together wake once, and none that matters is lost."""

from __future__ import annotations

import asyncio

from reconciler.engine.ticks import Ticks
from tests.simulation.timing import run_virtually


def seconds_until_settled(*ticks: float, timeout: float = 60.0) -> float:
    """How long ``settled`` takes when ticks come at these times."""
    found: list[float] = []

    async def scene() -> None:
        loop = asyncio.get_running_loop()
        each = Ticks(quiet=0.2, most=2.0)
        for at in ticks:
            loop.call_at(at, each.tick)
        await each.settled(timeout=timeout)
        found.append(round(loop.time(), 3))

    run_virtually(scene())
    return found[0]


def test_without_any_tick_the_timeout_wakes() -> None:
    assert seconds_until_settled() == 60.0


def test_a_tick_wakes_when_nothing_has_followed_it_for_a_moment() -> None:
    assert seconds_until_settled(5.0) == 5.2


def test_a_burst_wakes_once_after_its_end() -> None:
    assert 5.4 <= seconds_until_settled(5.0, 5.1, 5.15, 5.3) <= 5.61


def test_a_stream_without_end_cannot_put_the_waking_off_for_long() -> None:
    assert seconds_until_settled(*(5 + number / 10 for number in range(500))) == 7.0


def test_a_tick_during_a_round_wakes_the_next_time() -> None:
    async def scene() -> None:
        each = Ticks(quiet=0.2, most=2.0)
        each.tick()
        await each.settled(timeout=60)
        each.tick()
        await each.settled(timeout=60)
        assert asyncio.get_running_loop().time() < 1

    run_virtually(scene())
