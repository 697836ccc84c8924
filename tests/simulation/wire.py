"""What lies between a controller and a host: every call passes through here, and faults strike here.

The actuator behind the wire is the real simulated host, one for each call, so that the steps that
are carried out at one time do not share their faults.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from reconciler.actions import Action, Migrate, PairAction, Resume, Settle
from reconciler.actuators.port import Access, Actuator
from reconciler.actuators.sim.host import PHYSICAL, SimHost, World
from reconciler.actuators.sim.things import Box
from reconciler.actuators.sim.view import view
from reconciler.errors import HostUnreachable
from reconciler.specs.desired import HostName, Instance
from reconciler.state import HostState, StoredImage
from tests.simulation.calls import Call, CallClock, CallLock, CallTruth, Fates
from tests.simulation.places import STALEST, Place, Session
from tests.simulation.timing import forever

LATENCY = 0.004
OPENING = 10.0
"""Seconds that an actuator gives a connection that it opens again."""
_T = TypeVar("_T")


class Wire:
    """One controller's connection to one host, opened again after it was cut."""

    def __init__(self, place: Place, access: Access, fates: Fates, who: str) -> None:
        self.place = place
        self.access = access
        self.fates = fates
        self.session: Session | None = None
        self.who = who
        self._linking = asyncio.Lock()
        self._closed = False
        self._newest = 0.0

    @property
    def host(self) -> HostName:
        return self.place.host.name

    # The port

    async def observe(self) -> HostState:
        async def look(session: Session) -> HostState:
            fate = self.fates.strike("look", self.place)
            await self._struck(fate)
            await asyncio.sleep(LATENCY)
            await self.heard(session)
            sim = self._sim(Call(self, session))
            state = await sim.observe()
            if fate == "stale":
                state = self._view(self.place.seen_at(max(self._newest, _now() - STALEST)))
            if fate == "partial" and self.place.owner is not session and state.instances:
                state = replace(state, instances=state.instances[1:])
            self.fates.has_looked(state)
            return state

        return await self._call(look)

    async def images(self) -> tuple[StoredImage, ...]:
        async def take_stock(session: Session) -> tuple[StoredImage, ...]:
            return await self._sim(Call(self, session)).images()

        return await self._call(take_stock)

    async def lock(self, holder: str) -> None:
        async def take(session: Session) -> None:
            fate = self.fates.strike("lock", self.place)
            await self._struck(fate)
            await asyncio.sleep(LATENCY)
            await self.heard(session)
            self.place.flush()
            await self._sim(Call(self, session)).lock(holder)
            self._newest = _now()
            self.fates.has_locked(self.host)
            if fate == "kill":
                self.fates.kill()
                await forever()

        await self._call(take)

    async def unlock(self) -> None:
        self.fates.has_unlocked(self.host)

        async def let_go(session: Session) -> None:
            if self.place.owner is session:
                self.place.owner = None

        if self.session is not None and self.session.alive:
            await self._call(let_go)

    async def perform(self, action: Action) -> None:
        self.fates.performing(self, action)

        async def act(session: Session) -> None:
            call = Call(self, session, action)
            await self._sim(call).perform(action)
            await call.replied()

        await self._call(act)

    async def migrate(self, action: Migrate, destination: Actuator) -> None:
        await self._both(action, destination, lambda here, there: here.migrate(action, there))

    async def reunite(self, action: Resume | Settle, other: Actuator | None) -> None:
        if other is None:
            self.fates.performing(self, action)

            async def act(session: Session) -> None:
                call = Call(self, session, action)
                await self._sim(call).reunite(action, None)
                await call.replied()

            await self._call(act)
            return
        await self._both(action, other, lambda here, there: here.reunite(action, there))

    async def _both(
        self, action: PairAction, other: Actuator, body: Callable[[SimHost, SimHost], Awaitable[None]]
    ) -> None:
        """What needs two connections: when one is lost the other is given up too."""
        assert isinstance(other, Wire)
        self.fates.performing(self, action)
        sessions = [await wire.linked() for wire in (self, other)]
        try:
            here, there = (
                Call(wire, session, action) for wire, session in zip((self, other), sessions, strict=True)
            )
            here.peer, there.peer = there, here
            for wire, session in zip((self, other), sessions, strict=True):
                await wire.heard(session)
            await body(self._sim(here), other._sim(there))
            for call in (here, there):
                await call.replied()
        except (asyncio.CancelledError, HostUnreachable):
            for wire, session in zip((self, other), sessions, strict=True):
                wire.give_up(session)
            raise

    async def probe(self, instance: Instance) -> None:
        async def ask(session: Session) -> None:
            await self._struck(self.fates.strike("probe", self.place))
            await asyncio.sleep(LATENCY)
            await self.heard(session)
            await self._sim(Call(self, session)).probe(instance)

        await self._call(ask)

    async def changed(self) -> None:
        async def listen(session: Session) -> None:
            before = self.place.version
            while self.place.version == before:
                await self.place.moved()
                await self.heard(session)

        await self._call(listen)

    async def close(self) -> None:
        self._closed = True
        self.give_up(self.session)

    # Connections

    async def _call(self, body: Callable[[Session], Awaitable[_T]]) -> _T:
        session = await self.linked()
        try:
            await self.heard(session)
            result = await body(session)
            await self.replied(session)
            return result
        except (asyncio.CancelledError, HostUnreachable):
            self.give_up(session)
            raise

    async def linked(self) -> Session:
        async with self._linking:
            if self._closed:
                raise HostUnreachable(self.host, "the connection was closed")
            if self.session is not None and not self.session.given_up:
                return self.session
            try:
                async with asyncio.timeout(OPENING):
                    await self._struck(self.fates.strike("open", self.place))
                    while not self.place.hears:
                        await self.place.moved()
            except TimeoutError:
                raise HostUnreachable(self.host, "connecting took too long") from None
            self._refuse_if_down()
            self.place.flush()
            self.session = Session(self.who)
            self.place.sessions.append(self.session)
            self._newest = _now()
            return self.session

    def give_up(self, session: Session | None) -> None:
        """The client lets go of a connection."""
        if session is not None and not session.given_up:
            session.given_up = True
            self.place.drop(session)
            self.place.wake()

    async def heard(self, session: Session) -> None:
        """Return when a request has arrived. Raises HostUnreachable."""
        while not session.given_up and not self.place.hears:
            await self.place.moved()
        self._refuse_if_down()
        if session.given_up or not session.alive:
            raise HostUnreachable(self.host, "the connection was reset")

    async def replied(self, session: Session) -> None:
        """Return when a reply has arrived. Raises HostUnreachable."""
        while not session.given_up and not self.place.replies:
            await self.place.moved()
        if session.given_up or not session.alive:
            raise HostUnreachable(self.host, "the connection was reset")
        self._newest = _now()

    def _refuse_if_down(self) -> None:
        if not self.place.daemon_up:
            raise HostUnreachable(self.host, "connection refused")

    async def _struck(self, fate: str) -> None:
        if fate == "hang":
            await forever()
        if fate in ("reset", "refused"):
            raise HostUnreachable(self.host, f"connection {fate}")

    def _sim(self, call: Call) -> SimHost:
        return SimHost(self.place.host, self.access, World(CallTruth(call), CallClock(call), CallLock(call)))

    def _view(self, box: Box) -> HostState:
        return view(box, self.access.fleet, self.place.host.capacity or PHYSICAL)


def _now() -> float:
    return asyncio.get_running_loop().time()
