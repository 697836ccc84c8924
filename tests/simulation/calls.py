"""One call over a wire: its time, its truth and its lock at the far end, and what strikes its effects."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn, Protocol

from reconciler import errors
from reconciler.actions import Action
from reconciler.actuators.sim.effects import Arrive, Effect, Pause
from reconciler.actuators.sim.things import Box
from reconciler.errors import ActionFailed, HostUnreachable, LockHeld
from reconciler.specs.desired import HostName, Resources
from reconciler.state import MIGRATING, HostState
from tests.simulation.places import Place, Session
from tests.simulation.timing import forever

if TYPE_CHECKING:
    from tests.simulation.wire import Wire


class Fates(Protocol):
    """Who decides what strikes, and is told what is done."""

    def strike(self, call: str, place: Place) -> str:
        """What strikes this call: the rest of a fault's kind, or nothing."""
        ...

    def delay(self, place: Place) -> float:
        """Seconds by which a late effect is late."""
        ...

    def kill(self) -> None:
        """Kill the controller at this end of the wire."""
        ...

    def performing(self, wire: Wire, action: Action) -> None:
        """An action is about to begin."""
        ...

    def has_looked(self, state: HostState) -> None:
        """A look has been taken, now."""
        ...

    def has_locked(self, host: HostName) -> None:
        """The lock is held, from now on."""
        ...

    def has_unlocked(self, host: HostName) -> None:
        """It was let go."""
        ...


@dataclass
class Call:
    """One call over a wire, and what strikes its next effect."""

    wire: Wire
    session: Session
    action: Action | None = None
    fate: str = ""
    hangs: bool = False
    peer: Call | None = None
    """The one to the other host, where there is one: nothing is done at one end before the other replies."""

    async def replied(self) -> None:
        """The reply of the last effect."""
        if self.hangs or (self.peer is not None and self.peer.hangs):
            await forever()
        await self.wire.replied(self.session)

    def reset(self) -> NoReturn:
        raise HostUnreachable(self.wire.host, "connection reset by peer")


@dataclass(frozen=True)
class CallClock:
    """Time before an effect: where its request may get lost."""

    call: Call

    async def sleep(self, seconds: float) -> None:
        call = self.call
        await call.replied()
        call.fate = call.wire.fates.strike("effect", call.wire.place)
        if call.fate == "kill-before":
            call.wire.fates.kill()
            await forever()
        if call.fate == "request-hang":
            await forever()
        if call.fate == "request-reset":
            call.reset()
        await asyncio.sleep(seconds)
        await call.wire.heard(call.session)


@dataclass(frozen=True)
class CallTruth:
    """The truth at the far end of a wire."""

    call: Call

    def look(self) -> Box:
        return self.call.wire.place.box

    def change(self, effect: Effect, room: Resources) -> None:
        call, place = self.call, self.call.wire.place
        assert call.action is not None
        if isinstance(effect, Arrive) or (isinstance(effect, Pause) and effect.why == MIGRATING):
            hosts = [place] if call.peer is None else [place, call.peer.wire.place]
            if not all(each.up and each.talks for each in hosts):
                raise ActionFailed(place.name, "unable to read from migration stream: connection timed out")
        fate, call.fate = call.fate, ""
        if kind := getattr(errors, fate, None):
            raise kind(place.name, "as the schedule has it")
        if fate.startswith("late"):
            place.postpone(effect, call.action, call.wire.fates.delay(place))
        else:
            place.change(effect, call.session, call.action)
            if fate == "twice":
                self._again(effect)
        if fate.endswith("-reset"):
            call.reset()
        if fate == "kill-after":
            call.wire.fates.kill()
        call.hangs = fate.endswith(("-hang", "kill-after"))

    def _again(self, effect: Effect) -> None:
        try:
            self.call.wire.place.change(effect, self.call.session, self.call.action)
        except ActionFailed:
            return

    def taken_over(self) -> None:
        """What was coming in went with its session."""

    async def changed(self) -> None:
        raise NotImplementedError("the wire listens itself")


@dataclass(frozen=True)
class CallLock:
    """The lock of the host, held by the session of the call."""

    call: Call

    @property
    def held(self) -> bool:
        return self.call.wire.place.owner is self.call.session and self.call.session.alive

    def acquire(self, holder: str) -> None:
        place = self.call.wire.place
        if place.owner not in (None, self.call.session):
            assert place.owner is not None
            raise LockHeld(place.host.name, place.owner.who)
        place.owner = self.call.session

    def release(self) -> None:
        if self.held:
            self.call.wire.place.owner = None
