"""A look is shared by those who ask at the same time, and is never older than the asking."""

from __future__ import annotations

import asyncio

import pytest

from reconciler.actions import Action, Migrate, Resume, Settle
from reconciler.actuators.port import Actuator
from reconciler.engine.look import FreshLook
from reconciler.errors import DeadlineExceeded
from reconciler.specs.desired import HostName, Instance, Resources
from reconciler.state import HostState, StoredImage


class CountingHost:
    """Answers with the number of the look, as capacity, once it is let go."""

    host = HostName("hv1")

    def __init__(self) -> None:
        self.looks = 0
        self.gate = asyncio.Event()

    async def observe(self) -> HostState:
        self.looks += 1
        number = self.looks
        await self.gate.wait()
        return HostState(self.host, Resources(cpus=number))

    async def perform(self, action: Action) -> None:
        raise AssertionError("only looked at")

    async def images(self) -> tuple[StoredImage, ...]:
        return ()

    async def migrate(self, action: Migrate, destination: Actuator) -> None:
        raise AssertionError("only looked at")

    async def reunite(self, action: Resume | Settle, other: Actuator | None) -> None:
        raise AssertionError("only looked at")

    async def probe(self, instance: Instance) -> None:
        return None

    async def lock(self, holder: str) -> None:
        return None

    async def unlock(self) -> None:
        return None

    async def changed(self) -> None:
        return None

    async def close(self) -> None:
        return None


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_all_who_ask_at_the_same_time_share_one_look() -> None:
    async def scene() -> None:
        host = CountingHost()
        host.gate.set()
        look = FreshLook(host, deadline=60)
        states = await asyncio.gather(*(look.after_now() for _ in range(8)))
        assert {state.capacity.cpus for state in states} == {1}

    asyncio.run(scene())


def test_who_asks_during_a_look_gets_the_next_one() -> None:
    async def scene() -> None:
        host = CountingHost()
        look = FreshLook(host, deadline=60)
        early = asyncio.create_task(look.after_now())
        await settle()
        late = [asyncio.create_task(look.after_now()) for _ in range(3)]
        await settle()
        host.gate.set()
        assert (await early).capacity.cpus == 1
        assert [(await task).capacity.cpus for task in late] == [2, 2, 2]

    asyncio.run(scene())


def test_one_who_gives_up_does_not_take_the_look_from_the_others() -> None:
    async def scene() -> None:
        host = CountingHost()
        look = FreshLook(host, deadline=60)
        impatient = asyncio.create_task(look.after_now())
        patient = asyncio.create_task(look.after_now())
        await settle()
        impatient.cancel()
        await settle()
        host.gate.set()
        assert (await patient).capacity.cpus == 1

    asyncio.run(scene())


def test_a_host_that_never_answers_ends_in_an_error_that_names_it() -> None:
    async def scene() -> None:
        look = FreshLook(CountingHost(), deadline=0.01)
        with pytest.raises(DeadlineExceeded, match=r"hv1: looking at it did not answer within 0\.01 s"):
            await look.after_now()

    asyncio.run(scene())
