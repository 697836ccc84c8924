"""Hear of what happens on a libvirt host: life cycles and marks of domains, and the end of the connection."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import threading
from collections.abc import Callable
from functools import lru_cache

import libvirt

from reconciler.actuators.libvirt.session import Session
from reconciler.errors import HostError

_CLOSE_SECONDS = 2.0
_REST_SECONDS = 0.01
"""Between two turns of libvirt's loop. Every call in any thread wakes it twice, and each turn takes the GIL
from those who work: a look at 1,000 domains turned it 7,000 times. An event is heard that much later.
"""
_KINDS = (libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, libvirt.VIR_DOMAIN_EVENT_ID_METADATA_CHANGE)


class _Callbacks:
    """What is registered on one connection: libvirt keeps both until it is told."""

    def __init__(self, connection: libvirt.virConnect) -> None:
        self._connection = connection
        self._ids: list[int] = []

    def on_events(self, heard: Callable[[], None]) -> None:
        for kind in _KINDS:
            self._ids.append(self._connection.domainEventRegisterAny(None, kind, lambda *_: heard(), None))

    def on_end(self, lost: Callable[[], None]) -> None:
        self._connection.registerCloseCallback(lambda *_: lost(), None)

    def remove(self) -> None:
        """Take them all away. On a connection that was cut the daemon cannot be told, and need not be."""
        for number in self._ids:
            with contextlib.suppress(libvirt.libvirtError):
                self._connection.domainEventDeregisterAny(number)
        with contextlib.suppress(libvirt.libvirtError):
            self._connection.unregisterCloseCallback()


class Ears:
    """Listens on a session's connection, and on the next one after it was cut."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._event = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._deaf = True
        self._callbacks: _Callbacks | None = None

    async def changed(self) -> None:
        """Return when something has happened since the last return. Raises HostUnreachable."""
        if self._deaf or not self._session.is_up:
            self._deaf = True
            await self._session.call("listening", self._register)
            self._deaf = False
        await self._event.wait()
        self._event.clear()

    async def close(self) -> None:
        """Leave nothing registered. Nobody may be inside ``changed`` any more. May be repeated."""
        if self._callbacks is None:
            return
        if self._session.is_up:
            with contextlib.suppress(HostError):  # it goes either way
                await self._session.call("closing", lambda _: self._let_go(), deadline=_CLOSE_SECONDS)
        else:
            # Nothing is asked over a connection that was cut: it returns at once.
            await asyncio.to_thread(self._let_go)

    def _register(self, connection: libvirt.virConnect) -> None:
        self._let_go()
        self._callbacks = _Callbacks(connection)
        self._callbacks.on_events(self._heard)
        # A connection inside this process has no end, and libvirt would keep this callback for ever.
        if self._session.can_be_cut:
            self._callbacks.on_end(self._lost)

    def _let_go(self) -> None:
        callbacks, self._callbacks = self._callbacks, None
        if callbacks is not None:
            callbacks.remove()

    def _lost(self) -> None:
        self._deaf = True
        self._heard()

    def _heard(self) -> None:
        # In libvirt's thread; the loop may have ended meanwhile, and then nobody wants to know.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._event.set)


@lru_cache(maxsize=1)
def run_events() -> None:
    """Run libvirt's own event loop in a thread, until Python ends.

    It must come before the first connection. Without the thread, and with the loop only chosen, libvirt
    would never close the socket of a connection that ended.
    """
    libvirt.virEventRegisterDefaultImpl()
    # A timer keeps the loop from sleeping without end on no handle at all, and wakes it at the end.
    timer = libvirt.virEventAddTimeout(1000, lambda *_: None, None)
    over = threading.Event()

    def turn() -> None:
        while not over.is_set():
            libvirt.virEventRunDefaultImpl()
            over.wait(_REST_SECONDS)

    thread = threading.Thread(target=turn, name="libvirt-events", daemon=True)

    def end() -> None:
        over.set()
        libvirt.virEventUpdateTimeout(timer, 0)
        thread.join(timeout=_CLOSE_SECONDS)

    # What is called back once Python is no more takes the whole process down, its exit code with it.
    atexit.register(end)
    thread.start()
