"""What a script of two hosts plays on: a stage a host, and what is done between them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from reconciler.actions import Migrate, Resume, Settle
from reconciler.errors import HostError
from reconciler.specs.desired import Instance
from reconciler.state import HostState, InstanceState
from tests.contract.recording import Step
from tests.contract.stage import Stage


@dataclass(frozen=True)
class Duo:
    """Two hosts of a platform, each open and locked."""

    here: Stage
    there: Stage

    async def migrate(self, instance: Instance) -> None:
        """From here to there."""
        before = await self.here.seen(instance)
        await self.act(Migrate(self.there.host, self.here.host, before))

    async def emigrate(self, instance: Instance) -> None:
        """A human moves it from here to there."""
        self.here.flesh.emigrate(instance.name, self.there.platform)
        await self.there.trace.did("seen after a human moved it", asyncio.sleep(0))

    async def act(self, action: Migrate | Resume | Settle) -> None:
        """Of the actuator that it is asked of; both hosts are looked at then."""
        here, there = self.here.actuators[0], self.there.actuators[0]
        try:
            if isinstance(action, Migrate):
                await here.migrate(action, there)
            else:
                await here.reunite(action, there)
        finally:
            await self.there.trace.did(f"seen after {type(action).__name__}", asyncio.sleep(0))

    async def refuses(self, action: Migrate | Resume | Settle, error: type[HostError]) -> str:
        """Try what must fail, and change nothing; what was said comes back."""
        before = await self.look()
        with pytest.raises(error) as refused:
            await self.act(action)
        assert await self.look() == before, "it was refused, and yet something changed"
        return refused.value.message

    async def look(self) -> tuple[HostState, HostState]:
        return await self.here.look(), await self.there.look()

    async def runs_here(self) -> tuple[Instance, InstanceState]:
        """A machine that runs here, and may go there: its image is there."""
        instance = self.here.instance()
        state = await self.here.created(instance)
        await self.there.put_image()
        return instance, state

    def steps(self) -> tuple[Step, ...]:
        """What happened on both, as far as it is known of each."""
        return (*self.here.trace.steps, *self.there.trace.steps)


DuoScript = Callable[[Duo], Awaitable[None]]
