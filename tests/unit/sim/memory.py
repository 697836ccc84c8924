"""Another driver of the simulated world: in memory, with faults where a test wants them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.actuators import open_host
from reconciler.actuators.port import Access, Actuator
from reconciler.actuators.sim.effects import Effect
from reconciler.actuators.sim.host import SimHost, World
from reconciler.actuators.sim.things import Box
from reconciler.actuators.sim.world import after
from reconciler.context import nocloud_seed
from reconciler.errors import HostUnreachable
from reconciler.specs.desired import HostName, ImagePart, Instance, Resources
from tests.builders import FLEET, host


@dataclass
class Memory:
    """A truth in memory; the connection breaks after ``breaks_after`` more effects, if ever."""

    box: Box = field(default_factory=lambda: Box(HostName("hv1")))
    breaks_after: int | None = None
    happened: list[Effect] = field(default_factory=list)

    def look(self) -> Box:
        return self.box

    def change(self, effect: Effect, room: Resources) -> None:
        if self.breaks_after == len(self.happened):
            raise HostUnreachable(self.box.host, "the cable was pulled")
        self.box = after(self.box, effect, room)
        self.happened.append(effect)

    async def changed(self) -> None:
        return None


@dataclass
class OpenDoor:
    """A lock that is ours from the beginning, until it is taken away."""

    held: bool = True

    def acquire(self, holder: str) -> None:
        self.held = True

    def release(self) -> None:
        self.held = False


@dataclass
class Stopwatch:
    """Time passes at once, and is added up."""

    seconds: float = 0.0

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds


@dataclass(frozen=True, slots=True)
class NoSupplies:
    """Nothing is fetched for a simulated host."""

    async def image(self, part: ImagePart) -> Path:
        raise AssertionError(f"{part.source} was fetched")

    def seed(self, instance: Instance) -> bytes:
        return nocloud_seed(instance)

    def telling(self, instance: Instance) -> str:
        raise AssertionError(instance)


def access_to(store: Path, *, read_only: bool = False, fleet: str = FLEET) -> Access:
    return Access(fleet, read_only, store, NoSupplies())


def host_of(truth: Memory, clock: Stopwatch | None = None, *, capacity: Resources | None = None) -> SimHost:
    """An actuator for a world in memory."""
    return SimHost(
        host("hv1", capacity), access_to(Path("/nowhere")), World(truth, clock or Stopwatch(), OpenDoor())
    )


@asynccontextmanager
async def writing(store: Path, name: str = "hv1") -> AsyncIterator[Actuator]:
    """A host of a stored world, opened by its only writer."""
    actuator = await open_host(host(name), access_to(store))
    try:
        await actuator.lock("a test")
        yield actuator
    finally:
        await actuator.close()
