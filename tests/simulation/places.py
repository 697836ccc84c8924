"""The truth of each host: what is on it, who may write to it, and what is still on its way there."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from reconciler.actions import Action
from reconciler.actuators.sim.effects import (
    AddVolume,
    Arrive,
    Define,
    Effect,
    GoOn,
    GrowVolume,
    GuestUp,
    PowerOff,
    PowerOn,
    StoreImage,
)
from reconciler.actuators.sim.host import PHYSICAL
from reconciler.actuators.sim.things import Box
from reconciler.actuators.sim.world import after
from reconciler.errors import ActionFailed, NoRoom
from reconciler.specs.desired import Host, InstanceUuid, Resources
from reconciler.state import Power
from tests.simulation.timing import later

KEEPALIVE = 30.0
"""Seconds after which a host gives up a session that it hears nothing of."""
STALEST = 5.0
"""Seconds by which a look may be older than it says."""
BOOT = 12.0
"""Seconds that the slowest guest takes."""
EVERYTHING = Resources(memory_mib=sys.maxsize, disk_mib=sys.maxsize)


@dataclass(eq=False)
class Session:
    """One connection, as both ends know it."""

    who: str
    alive: bool = True
    """The host still takes it for a connection."""
    given_up: bool = False
    """The client does not."""


@dataclass(frozen=True)
class Late:
    """An effect that is on its way after its client gave up."""

    due: float
    effect: Effect
    action: Action


@dataclass(frozen=True)
class Happened:
    """One effect, as the laws are told of it.

    ``action`` is what it is part of, None for a human's or the world's hand; ``session`` is None for
    those, and where the connection is gone by now: the effect is late.
    """

    place: Place
    before: Box
    effect: Effect
    session: Session | None
    action: Action | None

    @property
    def late(self) -> bool:
        return self.action is not None and self.session is None

    def told(self) -> str:
        """In a few words."""
        effect = self.effect
        name = type(effect).__name__
        for attribute in ("domain", "uuid", "volume", "sha256"):
            if hasattr(effect, attribute):
                thing = getattr(effect, attribute)
                box = self.before if name == "Undefine" else self.place.box
                domain = box.domains.get(thing) if attribute == "uuid" else thing
                if attribute == "volume":
                    return f"{name} {thing.key.name}/{thing.disk}"
                if attribute == "sha256":
                    return f"{name} {thing[:8]}"
                mark = domain.mark if domain is not None else None
                half = "" if mark is None or mark.complete else " (half made)"
                return f"{name} {domain.name if domain else thing}{half}"
        return name


@dataclass(eq=False)
class Place:
    """One host."""

    host: Host
    told: Callable[[Happened], None]
    box: Box = field(init=False)
    up: bool = True
    daemon_up: bool = True
    daemon_hung: bool = False
    requests: bool = True
    replies: bool = True
    disk_full: bool = False
    owner: Session | None = None
    sessions: list[Session] = field(default_factory=list)
    version: int = 0
    deaf: bool = False
    talks: bool = True
    """Other hosts hear it, and it hears them."""
    coming: dict[InstanceUuid, Session] = field(default_factory=dict)
    """What is coming in, and over whose connection."""
    _late: list[Late] = field(default_factory=list)
    _switched_on: dict[InstanceUuid, float] = field(default_factory=dict)
    _history: list[tuple[float, Box]] = field(default_factory=list)
    _waiting: list[asyncio.Future[None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.box = Box(self.host.name)

    @property
    def name(self) -> str:
        return self.host.name

    @property
    def room(self) -> Resources:
        return replace(self.host, reserve=Resources()).usable(PHYSICAL)

    @property
    def hears(self) -> bool:
        """Whether requests reach the daemon and are worked on."""
        return self.up and self.requests and not self.daemon_hung

    # Waiting

    async def moved(self) -> None:
        """Return when anything about the host has changed."""
        waiting = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        await waiting

    def wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    # Effects

    def change(self, effect: Effect, session: Session | None = None, action: Action | None = None) -> None:
        """Let one effect happen. Raises what ``after`` raises."""
        if self.disk_full and isinstance(effect, AddVolume | GrowVolume | StoreImage):
            raise NoRoom(self.name, "no space left on device")
        if isinstance(effect, Arrive) and session is not None:
            self.coming[effect.domain.uuid] = session
        before = self.box
        self.box = after(before, effect, self.room if action else EVERYTHING)
        now = asyncio.get_running_loop().time()
        self._history = [(time, box) for time, box in self._history if time > now - 2 * STALEST]
        self._history.append((now, before))
        self.told(Happened(self, before, effect, session, action))
        if isinstance(effect, PowerOn | GoOn) and not self.box.domains[effect.uuid].booted:
            self._switched_on[effect.uuid] = now
            later(BOOT, self._boots, effect.uuid, now)
        if not self.deaf:
            self.version += 1
        self.wake()

    def _boots(self, uuid: InstanceUuid, since: float) -> None:
        """A guest boots by itself, whoever switched it on and whatever became of them."""
        domain = self.box.domains.get(uuid)
        waits = domain is not None and domain.power is Power.RUNNING and not domain.booted
        if self.up and waits and self._switched_on[uuid] == since:
            self.change(GuestUp(uuid))

    def seen_at(self, time: float) -> Box:
        """The host as it was then."""
        return next((box for until, box in self._history if until > time), self.box)

    def boxes_since(self, time: float) -> list[Box]:
        """The host as it was at any time since then."""
        return [box for until, box in self._history if until > time]

    def postpone(self, effect: Effect, action: Action, delay: float) -> None:
        late = Late(asyncio.get_running_loop().time() + delay, effect, action)
        self._late.append(late)
        later(delay, self._arrive, late)

    def flush(self) -> None:
        """What was asked over old connections is done before a new one is answered."""
        for late in tuple(self._late):
            self._arrive(late)

    def _arrive(self, late: Late) -> None:
        if late in self._late:
            self._late.remove(late)
            if self.up:
                with contextlib.suppress(ActionFailed):
                    self.change(self._as_it_is(late.effect), None, late.action)
                    self._orphan(late.effect)

    def _as_it_is(self, effect: Effect) -> Effect:
        """A definition starts and stops nobody, whatever was seen when it was asked for."""
        if not isinstance(effect, Define):
            return effect
        now = self.box.domains.get(effect.domain.uuid)
        if now is None:
            return Define(replace(effect.domain, power=Power.STOPPED, booted=False))
        return Define(replace(effect.domain, power=now.power, why=now.why, booted=now.booted))

    def lose(self) -> None:
        """Power is lost, and with it what was asked and not done."""
        self.up = False
        self._late.clear()

    # Sessions

    def drop(self, session: Session) -> None:
        """The host notices that a session has ended: now, or when it has heard nothing for long enough."""
        if self.up and self.requests:
            self.end(session)
        else:
            later(KEEPALIVE, self.end, session)

    def end(self, session: Session) -> None:
        session.alive = False
        if self.owner is session:
            self.owner = None
        self._give_back(session)
        if session in self.sessions:
            self.sessions.remove(session)
        self.wake()

    def _orphan(self, effect: Effect) -> None:
        """What begins to come in for somebody who is gone already goes with him."""
        domain = self.box.domains.get(effect.domain.uuid) if isinstance(effect, Arrive) else None
        if domain is not None and domain.is_coming:
            self.change(PowerOff(domain.uuid, "destroyed"))

    def _give_back(self, session: Session) -> None:
        """What was coming in over a connection goes with it."""
        for uuid in [uuid for uuid, each in self.coming.items() if each is session]:
            del self.coming[uuid]
            domain = self.box.domains.get(uuid)
            if self.up and domain is not None and domain.is_coming:
                self.change(PowerOff(uuid, "destroyed"))

    def end_all(self) -> None:
        for session in tuple(self.sessions):
            self.end(session)
