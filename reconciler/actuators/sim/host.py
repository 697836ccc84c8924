"""One simulated host behind the port: reads the script of an action, plays it effect by effect."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Protocol

from reconciler.actions import Action, Migrate, Resume, Settle, before_of
from reconciler.actuators.lock import FileLock, Lock
from reconciler.actuators.port import Access, Actuator
from reconciler.actuators.sim.carriage import carriage, check_carriage, setting_out, taking_back
from reconciler.actuators.sim.clock import IMAGE_MIB, Clock, duration
from reconciler.actuators.sim.effects import Effect, GuestUp
from reconciler.actuators.sim.legs import Leg
from reconciler.actuators.sim.passage import backing_out, mending, migration
from reconciler.actuators.sim.script import check_stayed, script
from reconciler.actuators.sim.store import Store
from reconciler.actuators.sim.things import Box
from reconciler.actuators.sim.view import images, view
from reconciler.errors import ActionFailed, HostError, HostUnreachable
from reconciler.specs.desired import Host, HostName, Instance, Resources
from reconciler.state import HostState, Power, StoredImage

PHYSICAL = Resources(cpus=16, memory_mib=64 * 1024, disk_mib=1024 * 1024)
"""What a simulated host has unless its ``capacity`` says otherwise."""


class Truth(Protocol):
    """Holds one host's truth and lets effects happen to it, each entirely or not at all."""

    def look(self) -> Box:
        """The host as it is. Raises HostUnreachable."""
        ...

    def change(self, effect: Effect, room: Resources) -> None:
        """Let one effect happen. Raises what ``world.after`` raises, or HostUnreachable."""
        ...

    def taken_over(self) -> None:
        """The last writer is no more: what was coming in over its connection is gone."""
        ...

    async def changed(self) -> None:
        """Return when the truth may have changed since the call. Raises HostUnreachable."""
        ...


@dataclass(frozen=True, slots=True)
class World:
    """What a simulated host is made of: its truth, who makes its time pass, and its writers' lock."""

    truth: Truth
    clock: Clock
    lock: Lock


class SimHost:
    """An actuator for a simulated host.

    Between any two effects, while the clock runs, the host may fall silent, be closed, or be changed
    by others; each effect is checked again against what is then true.
    """

    def __init__(self, host: Host, access: Access, world: World) -> None:
        self._declared = host
        self._access = access
        self._truth = world.truth
        self._clock = world.clock
        self._lock = world.lock
        self._closed = False
        self._cuts: int | None = None

    @property
    def host(self) -> HostName:
        """Which host this is."""
        return self._declared.name

    async def observe(self) -> HostState:
        """One fresh look. Raises HostUnreachable."""
        seen = view(self._look(), self._access.fleet, self._declared.capacity or PHYSICAL)
        return replace(seen, address=self._declared.address or seen.address)

    async def images(self) -> tuple[StoredImage, ...]:
        """Every base image and its users. Raises HostUnreachable."""
        return images(self._look(), IMAGE_MIB)

    async def lock(self, holder: str) -> None:
        """Become the only writer. Raises LockHeld, HostUnreachable."""
        self._writable()
        self._look()
        is_new = not self._lock.held
        self._lock.acquire(holder)
        if is_new:
            self._truth.taken_over()

    async def unlock(self) -> None:
        """Let others write. May be repeated."""
        self._lock.release()

    async def perform(self, action: Action) -> None:
        """Carry out one action. Raises ActionFailed and its kinds, or HostUnreachable."""
        self._writable()
        before = before_of(action)
        for effect in script(action, self._look(), self._access.fleet):
            await self._clock.sleep(duration(effect))
            check_stayed(self._look(), before)
            self._hold()
            self._truth.change(effect, self._room)

    async def migrate(self, action: Migrate, destination: Actuator) -> None:
        """Move a machine from here to ``destination``. Raises as ``perform``."""
        self._writable()
        there = self._akin(destination)
        if action.terms.cold:
            await self._carry(action, there)
            return
        uuid = action.before.uuid
        legs = migration(action, self._look(), there._look(), self._access.fleet)
        try:
            for leg in legs:
                await self._go(leg, there)
        except ActionFailed:
            with contextlib.suppress(HostError):
                await self._until_done(there, lambda: backing_out(uuid, self._look(), there._look()))
                await self._mend(Settle(self.host, there.host, action.before), there)
            raise
        await there._mend(Settle(there.host, self.host, action.before), self)

    async def _carry(self, action: Migrate, there: SimHost) -> None:
        fleet, uuid = self._access.fleet, action.before.uuid
        check_carriage(action, self._look(), there._look(), fleet)
        try:
            for stage in (setting_out, carriage):
                await self._until_done(
                    there,
                    lambda stage=stage: stage(action, self._look(), there._look(), fleet),  # type: ignore[misc]
                )
        except ActionFailed:
            with contextlib.suppress(HostError):
                await self._until_done(there, lambda: taking_back(uuid, self._look(), there._look()))
                if self._look().domain(uuid).power is Power.STOPPED:
                    await self._mend(Resume(self.host, there.host, action.before), there)
                await self._mend(Settle(self.host, there.host, action.before), there)
            raise
        await there._mend(Settle(there.host, self.host, action.before), self)

    async def reunite(self, action: Resume | Settle, other: Actuator | None) -> None:
        """Mend here what a migration left. Raises as ``perform``."""
        self._writable()
        await self._mend(action, None if other is None else self._akin(other))

    async def _mend(self, action: Resume | Settle, other: SimHost | None) -> None:
        fleet = self._access.fleet
        await self._until_done(
            other, lambda: mending(action, self._look(), None if other is None else other._look(), fleet)
        )

    async def _until_done(self, other: SimHost | None, left: Callable[[], Iterable[Leg]]) -> None:
        """Let the first effect that is left happen, if it still is when its time has come; then the next."""
        while (leg := next(iter(left()), None)) is not None:
            await self._go(leg, other, unless=lambda leg=leg: next(iter(left()), None) != leg)  # type: ignore[misc]

    async def _go(self, leg: Leg, other: SimHost | None, unless: Callable[[], bool] = lambda: False) -> None:
        end = self if leg.here else other
        assert end is not None, "there is an other end to what is done there"
        await end._clock.sleep(leg.seconds)
        for each in (self, other):
            if each is not None:
                each._look()
                each._hold()
        if not unless():
            end._truth.change(leg.effect, end._room)

    def _akin(self, other: Actuator) -> SimHost:
        if not isinstance(other, SimHost):
            raise ActionFailed(self.host, f"{other.host} is of another platform")
        other._writable()
        return other

    def _hold(self) -> None:
        if not self._lock.held:
            raise HostUnreachable(self.host, "the lock is not held: nothing is done without it")

    async def probe(self, instance: Instance) -> None:
        """A guest that has booted is healthy, unless it or its image is sick. Raises ActionFailed."""
        box = self._look()
        domain = box.domains.get(instance.uuid)
        if domain is None or domain.power is not Power.RUNNING:
            raise ActionFailed(self.host, "it does not run")
        if not domain.booted:
            raise ActionFailed(self.host, "its guest has not booted yet")
        digests = domain.mark.applied.image.digests if domain.mark else ()
        if domain.sick or not box.sick_images.isdisjoint(digests):
            raise ActionFailed(self.host, "its guest does not do its work")

    async def changed(self) -> None:
        """Return when something may have changed. Raises HostUnreachable."""
        self._reach()
        await self._truth.changed()

    async def close(self) -> None:
        """Let go of the host. May be repeated."""
        self._lock.release()
        self._closed = True

    def _writable(self) -> None:
        self._reach()
        if self._access.read_only:
            raise ActionFailed(self.host, "opened read-only; nothing is changed")

    @property
    def _room(self) -> Resources:
        # What is kept in reserve is the planner's promise, not a wall of the host.
        return replace(self._declared, reserve=Resources()).usable(PHYSICAL)

    def _look(self) -> Box:
        self._reach()
        box = self._truth.look()
        if box.silent:
            raise HostUnreachable(self.host, "the simulated host does not answer")
        if self._cuts not in (None, box.cuts):
            self._lock.release()  # it was held over a connection that is no more
        self._cuts = box.cuts
        return box

    def _reach(self) -> None:
        if self._closed:
            raise HostUnreachable(self.host, "the connection was closed")


@dataclass(frozen=True, slots=True)
class StoredClock:
    """Time that is kept beside the truth and jumps ahead instead of passing."""

    store: Store

    async def sleep(self, seconds: float) -> None:
        """Jump; others get their turn."""
        self.store.advance(seconds)
        await asyncio.sleep(0)


async def open_sim(host: Host, access: Access) -> SimHost:
    """Open one simulated host, kept in ``<access.store>/sim.sqlite``."""
    store = Store(access.store, host.name, read_only=access.read_only)
    if not access.read_only:
        _let_boot(store)
    lock = FileLock(host.name, access.store / "locks" / f"{access.fleet}.{host.name}")
    return SimHost(host, access, World(store, StoredClock(store), lock))


def _let_boot(store: Store) -> None:
    """Whoever was switched on by a process that is gone has booted meanwhile: guests do so by themselves."""
    for domain in store.look().domains.values():
        if domain.power is Power.RUNNING and not domain.booted:
            with contextlib.suppress(ActionFailed):
                store.change(GuestUp(domain.uuid), PHYSICAL)
