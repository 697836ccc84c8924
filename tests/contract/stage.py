"""What a script of the contract plays on: one host, its actuator, and a few words for both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import pytest

from reconciler.actions import Action, Create, Impact, PutImage, Update
from reconciler.actuators.port import Actuator
from reconciler.errors import HostError, LockHeld
from reconciler.specs.desired import Disk, Form, HostName, Image, Instance, Machine, Nic, OnDelete
from reconciler.specs.formerly import given_back
from reconciler.specs.guest import GuestContext
from reconciler.specs.health import OnFailure, UpdatePolicy
from reconciler.state import HostState, InstanceState, Live, Power
from tests import builders
from tests.contract.platforms import Flesh, Platform, opened
from tests.contract.recording import Recorded, Trace, watched

FLEET = "contract"
DB = "shop-db-0"
ROOT = Disk("root", 32)
DATA = Disk("data", 8, OnDelete.RETAIN)
SCRATCH = Disk("scratch", 8)
_HEARD_WITHIN = 5.0
_SILENCE = 0.25
_BACK_WITHIN = 10.0


@dataclass
class Stage:
    """One host of a platform. Everything that is opened on it is closed when the script is over."""

    platform: Platform
    directory: Path
    trace: Trace = field(default_factory=Trace)

    def __post_init__(self) -> None:
        self.platform = watched(self.platform, self.trace)

    @property
    def actuators(self) -> Sequence[Actuator]:
        """Those that were opened, in that order; the first is the fleet's whose host this is."""
        return self.trace.eyes

    @property
    def host(self) -> HostName:
        return self.platform.host.name

    async def open(self, *, fleet: str = FLEET, read_only: bool = False, lock: bool = True) -> Actuator:
        actuator = await opened(self.platform, self.directory, fleet=fleet, read_only=read_only)
        recorded = Recorded(actuator, self.trace, f"{fleet}{len(self.trace.eyes)}")
        self.trace.eyes.append(recorded)
        if lock and not read_only:
            await recorded.lock(f"the contract of {fleet}")
        return recorded

    async def close(self) -> None:
        await self.trace.catch_up()
        for eye in self.trace.eyes:
            await eye.actuator.close()

    async def perform(self, *actions: Action) -> None:
        """As the fleet whose host this is."""
        for action in actions:
            await self.actuators[0].perform(action)

    async def look(self) -> HostState:
        return await self.actuators[0].observe()

    async def seen(self, instance: Instance) -> InstanceState:
        """The instance as it is; it must be there."""
        state = (await self.look()).instance(instance.uuid)
        assert state is not None, f"{instance.name} is not there"
        return state

    async def fails(self, action: Action, error: type[HostError]) -> None:
        """Try what fails half-way."""
        with pytest.raises(error) as failed:
            await self.perform(action)
        assert failed.value.host == self.host

    async def free(self, actuator: Actuator, holder: str) -> None:
        """Take a lock that may not have been let go of yet."""
        inner = self.onlooker(actuator)
        async with asyncio.timeout(_BACK_WITHIN):
            while True:
                try:
                    await inner.lock(holder)
                    break
                except LockHeld:
                    await asyncio.wait({asyncio.create_task(inner.observe())}, timeout=0.1)
        await actuator.lock(holder)

    def onlooker(self, actuator: Actuator) -> Actuator:
        """The same actuator; what it does is no step."""
        assert isinstance(actuator, Recorded)
        return actuator.actuator

    async def refuses(self, action: Action, error: type[HostError], *, by: Actuator | None = None) -> str:
        """Try what must fail, and change nothing; what was said comes back."""
        before = await self.look()
        with pytest.raises(error) as refused:
            await (by or self.actuators[0]).perform(action)
        assert refused.value.host == self.host
        assert await self.look() == before, "it was refused, and yet something changed"
        return refused.value.message

    @property
    def flesh(self) -> Flesh:
        """The platform, of which more can break."""
        return cast("Flesh", self.platform)

    async def after(self, breaking: Callable[[], None]) -> None:
        """Break what ends connections, and wait until everybody has another."""
        breaking()
        async with asyncio.timeout(_BACK_WITHIN):
            for eye in self.trace.eyes:
                while isinstance(await eye.view(), str):
                    await asyncio.wait({asyncio.create_task(eye.view())}, timeout=0.1)

    async def together(self, *actions: Action) -> None:
        """All at once; they are one step."""
        actuator = self.trace.eyes[0].actuator
        deeds = asyncio.gather(*(actuator.perform(action) for action in actions))
        await self.trace.did(f"{len(actions)} at once", deeds)

    @asynccontextmanager
    async def hears(self, ear: Actuator) -> AsyncIterator[None]:
        """What is done inside is heard."""
        hearing = asyncio.create_task(ear.changed())
        try:
            await self._settle(ear, hearing)
            yield
            await self.trace.catch_up()
            async with asyncio.timeout(_HEARD_WITHIN):
                await hearing
        finally:
            await _ended(hearing)

    @asynccontextmanager
    async def hears_nothing(self, ear: Actuator) -> AsyncIterator[None]:
        """Nothing is heard of what is done inside, nor for a while after."""
        hearing = asyncio.create_task(ear.changed())
        try:
            await self._settle(ear, hearing)
            yield
            heard, _ = await asyncio.wait({hearing}, timeout=_SILENCE)
            assert not heard, "something was heard"
        finally:
            await _ended(hearing)

    async def _settle(self, ear: Actuator, hearing: asyncio.Task[None]) -> None:
        """Whoever begins to listen listens by the time that he has been asked twice for a look."""
        for _ in range(2):
            await ear.observe()
            await asyncio.wait({hearing}, timeout=0.01)

    def instance(self, name: str = DB, *disks: Disk, fleet: str = FLEET, cpus: int = 1) -> Instance:
        """A small machine with these disks, or with only a root."""
        machine = Machine(self.platform.image.use, cpus, 64, disks or (ROOT,))
        return builders.instance(name, machine, fleet=fleet)

    async def put_image(self, image: Image | None = None) -> None:
        await self.perform(PutImage(self.host, image or self.platform.image))

    async def created(self, instance: Instance) -> InstanceState:
        """The instance, made and seen."""
        await self.put_image()
        await self.perform(Create(self.host, instance))
        return await self.seen(instance)

    async def updated(self, instance: Instance, impact: Impact = Impact.RESTART) -> InstanceState:
        """The instance, changed to this and seen."""
        await self.perform(Update(self.host, await self.seen(instance), instance, impact))
        return await self.seen(instance)


async def _ended(hearing: asyncio.Task[None]) -> None:
    hearing.cancel()
    await asyncio.gather(hearing, return_exceptions=True)


Script = Callable[[Stage], Awaitable[None]]


def changed(instance: Instance, **fields: object) -> Instance:
    """The same instance with other fields of its machine."""
    return replace(instance, machine=replace(instance.machine, **fields))  # type: ignore[arg-type]


def rolls_back(instance: Instance) -> Instance:
    """The same instance, of a component that becomes again what it was where a change fails."""
    return replace(instance, update=UpdatePolicy(on_failure=OnFailure.ROLLBACK))


def told(instance: Instance, text: str) -> Instance:
    """The same instance, whose guest is told that."""
    context = GuestContext(instance.name, environment=(("A", text),))
    return replace(changed(instance, context=builders.sha(text)), context=context)


def as_it_was(instance: Instance, state: InstanceState) -> Instance:
    """The instance as the host has kept it: what its guest was told is known there only."""
    was = given_back(state.record)
    assert was is not None, "nothing was kept of it"
    return replace(instance, machine=was, context=None, form=Form.AS_IT_WAS)


def assert_as_asked(state: InstanceState, instance: Instance) -> None:
    """Runs, is complete, and is what was asked for as far as the hypervisor can say."""
    machine = instance.machine
    assert (state.key, state.fleet, state.uuid) == (instance.key, instance.fleet, instance.uuid)
    assert (state.power, state.complete) == (Power.RUNNING, True)
    assert state.applied == machine
    assert_live(state.live, machine.cpus, machine.memory_mib, machine.plugs)
    assert {disk.name for disk in state.live.disks} == {disk.name for disk in machine.disks}


def assert_live(live: Live, cpus: int, memory_mib: int, nics: tuple[Nic, ...]) -> None:
    assert (live.cpus, live.memory_mib, live.nics) == (cpus, memory_mib, nics)


def names(state: HostState) -> list[str]:
    """Names of the instances, in the order in which they were listed."""
    return [each.name for each in state.instances]


def disks(state: HostState) -> dict[str, int | None]:
    """Size by disk, as listed: None while a machine has it."""
    return {f"{volume.key.name}/{volume.disk}": volume.size_mib for volume in state.volumes}
