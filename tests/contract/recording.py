"""What happened in a script, step by step, in words that two platforms can be compared in."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import TypeVar, cast

import pytest

from reconciler.actions import Action, DropImage, Migrate, PutImage, Resume, Settle, Update, subject
from reconciler.actuators.port import Actuator
from reconciler.errors import HostError, ReconcilerError
from reconciler.specs.desired import HostName, Instance, Resources
from reconciler.state import HostState, InstanceState, StoredImage
from tests.contract.platforms import Platform

T = TypeVar("T")

View = HostState | str
"""What was seen, or why nothing was."""

# Whether a guest listened, was unplugged or never came up is the guest's affair, and the hour's.
_OFF = frozenset({"", "shutdown", "destroyed", "failed"})


@dataclass(frozen=True, slots=True)
class Step:
    """One thing done, the class of the error that it ended in (or nothing), and what all saw then."""

    what: str
    error: str = ""
    seen: tuple[View, ...] = ()


def ending_of(scene: Coroutine[object, object, None]) -> Exception | None:
    """Play a scene; what it ended in."""
    try:
        asyncio.run(scene)
    except Exception as error:  # noqa: BLE001  whatever it is, it is raised when somebody asks
        return error
    except pytest.fail.Exception as error:  # of pytest.raises; no Exception
        return AssertionError(str(error))
    return None


@dataclass
class Trace:
    """The steps so far; a human's deed is seen before the next step."""

    steps: list[Step] = field(default_factory=list)
    eyes: list[Recorded] = field(default_factory=list)
    unseen: bool = False

    async def did(self, what: str, deed: Awaitable[T]) -> T:
        """Do it, and look."""
        await self.catch_up()
        error = ""
        try:
            return await deed
        except ReconcilerError as raised:
            error = type(raised).__name__
            raise
        finally:
            self.steps.append(Step(what, error, await self._look()))

    def hand(self, what: str) -> None:
        """A human did it."""
        self.steps.append(Step(what))
        self.unseen = True

    async def catch_up(self) -> None:
        """See what a human has done."""
        if self.unseen:
            self.unseen = False
            self.steps[-1] = replace(self.steps[-1], seen=await self._look())

    async def _look(self) -> tuple[View, ...]:
        return tuple([await eye.view() for eye in self.eyes])


@dataclass
class Recorded:
    """An actuator whose every deed is written down."""

    actuator: Actuator
    trace: Trace
    title: str

    @property
    def host(self) -> HostName:
        return self.actuator.host

    async def observe(self) -> HostState:
        await self.trace.catch_up()
        return await self.actuator.observe()

    async def images(self) -> tuple[StoredImage, ...]:
        await self.trace.catch_up()
        return await self.actuator.images()

    async def lock(self, holder: str) -> None:
        await self.trace.did(f"{self.title}: lock", self.actuator.lock(holder))

    async def unlock(self) -> None:
        await self.trace.did(f"{self.title}: unlock", self.actuator.unlock())

    async def perform(self, action: Action) -> None:
        await self.trace.did(f"{self.title}: {told(action)}", self.actuator.perform(action))

    async def migrate(self, action: Migrate, destination: Actuator) -> None:
        assert isinstance(destination, Recorded)
        deed = self.actuator.migrate(action, destination.actuator)
        await self.trace.did(f"{self.title}: {told(action)}", deed)

    async def reunite(self, action: Resume | Settle, other: Actuator | None) -> None:
        inner = other.actuator if isinstance(other, Recorded) else None
        await self.trace.did(f"{self.title}: {told(action)}", self.actuator.reunite(action, inner))

    async def probe(self, instance: Instance) -> None:
        await self.trace.did(f"{self.title}: probe {instance.name}", self.actuator.probe(instance))

    async def changed(self) -> None:
        await self.actuator.changed()

    async def close(self) -> None:
        await self.trace.did(f"{self.title}: close", self.actuator.close())

    async def view(self) -> View:
        """What it sees now."""
        try:
            return comparable(await self.actuator.observe())
        except HostError as error:
            return type(error).__name__


def told(action: Action) -> str:
    """An action in a few words."""
    what = "image" if isinstance(action, PutImage | DropImage) else subject(action)
    how = f" ({action.impact.name})" if isinstance(action, Update) else ""
    return f"{type(action).__name__} {what}{how}"


def comparable(state: HostState) -> HostState:
    """A look without what every box has its own: size, disks of others, wires, and who pulled a plug."""
    return replace(
        state,
        capacity=Resources(),
        foreign=replace(state.foreign, disk_mib=0, devices=()),
        bridges=None,
        networks=None,
        address="",
        instances=tuple(_comparable(each) for each in state.instances),
    )


def _comparable(state: InstanceState) -> InstanceState:
    # Where a disk has strayed to is a name that a human gave.
    disks = tuple(replace(disk, source="astray" if disk.source else "") for disk in state.live.disks)
    detail = "" if state.detail in _OFF else state.detail
    return replace(state, detail=detail, live=replace(state.live, disks=disks))


_QUESTIONS = frozenset({"definition", "litters"})


class Watched:
    """A platform whose humans are watched."""

    def __init__(self, platform: Platform, trace: Trace) -> None:
        self._platform = platform
        self._trace = trace

    def __str__(self) -> str:
        return self._platform.host.name

    def __getattr__(self, name: str) -> object:
        value = getattr(self._platform, name)
        if not callable(value) or name in _QUESTIONS:
            return value
        hand = cast("Callable[..., None]", value)

        def work(*words: object) -> None:
            self._trace.hand(" ".join(["human:", name, *(str(word) for word in words)]))
            hand(*words)

        return work


def watched(platform: Platform, trace: Trace) -> Platform:
    """The same platform; what its humans do is written down."""
    return cast("Platform", Watched(platform, trace))
