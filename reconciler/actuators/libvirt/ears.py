"""Hear of what happens on a libvirt host: life cycles and marks of domains, and the end of the connection."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from functools import lru_cache

import libvirt

from reconciler.actuators.libvirt.session import Session


class Ears:
    """Listens on a session's connection, and on the next one after it was cut."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._event = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._deaf = True

    async def changed(self) -> None:
        """Return when something has happened since the last return. Raises HostUnreachable."""
        if self._deaf or not self._session.is_up:
            self._deaf = True
            await self._session.call("listening", self._register)
            self._deaf = False
        await self._event.wait()
        self._event.clear()

    def _register(self, connection: libvirt.virConnect) -> None:
        for kind in (libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, libvirt.VIR_DOMAIN_EVENT_ID_METADATA_CHANGE):
            connection.domainEventRegisterAny(None, kind, lambda *_: self._heard(), None)
        try:
            connection.registerCloseCallback(lambda *_: self._lost(), None)
        except libvirt.libvirtError as error:
            # A connection inside this process has nothing to lose.
            if error.get_error_code() != libvirt.VIR_ERR_NO_SUPPORT:
                raise

    def _lost(self) -> None:
        self._deaf = True
        self._heard()

    def _heard(self) -> None:
        # In libvirt's thread; the loop may have ended meanwhile, and then nobody wants to know.
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._event.set)


@lru_cache(maxsize=1)
def run_events() -> None:
    """Run libvirt's own event loop in a thread, for the rest of the process.

    It must come before the first connection. Without the thread, and with the loop only chosen, libvirt
    would never close the socket of a connection that ended.
    """
    libvirt.virEventRegisterDefaultImpl()
    threading.Thread(
        target=_for_ever(libvirt.virEventRunDefaultImpl), name="libvirt-events", daemon=True
    ).start()


def _for_ever(turn: Callable[[], object]) -> Callable[[], None]:
    def work() -> None:
        # A timer that never fires keeps the loop from sleeping without end on no handle at all.
        libvirt.virEventAddTimeout(1000, lambda *_: None, None)
        while True:
            turn()

    return work
