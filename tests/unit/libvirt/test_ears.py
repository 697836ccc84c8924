"""Listening leaves nothing behind: libvirt keeps a callback, and the connection with it, until it is told."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import weakref
from collections.abc import Callable
from typing import TypeVar

import pytest

pytest.importorskip("libvirt")

import libvirt

from reconciler.actuators.libvirt.ears import Ears, run_events

_T = TypeVar("_T")
_BOOT = "<os><type arch='i686'>hvm</type></os>"
_MACHINE = f"<domain type='test'><name>heard</name><memory>8192</memory>{_BOOT}</domain>"


class Reconnecting:
    """A session on libvirt's test driver whose connection can be taken away."""

    def __init__(self) -> None:
        self._connection: libvirt.virConnect | None = None

    @property
    def is_up(self) -> bool:
        return self._connection is not None

    @property
    def can_be_cut(self) -> bool:
        return False

    async def call(
        self, what: str, work: Callable[[libvirt.virConnect], _T], *, deadline: float = 10.0
    ) -> _T:
        if self._connection is None:
            self._connection = libvirt.open("test:///default")
        return await asyncio.to_thread(work, self._connection)

    def cut(self) -> None:
        self._connection = None


async def heard(ears: Ears, session: Reconnecting) -> weakref.ref[libvirt.virConnect]:
    """Hear of one change, and return a trace of the connection it was heard on."""
    listening = asyncio.create_task(ears.changed())
    await asyncio.sleep(0.05)

    def restart(connection: libvirt.virConnect) -> weakref.ref[libvirt.virConnect]:
        # Its own machine: the test driver's are shared by all connections of the process.
        connection.createXML(_MACHINE).destroy()
        return weakref.ref(connection)

    trace = await session.call("restarting", restart)
    await asyncio.wait_for(listening, 5)
    return trace


async def gone(trace: weakref.ref[libvirt.virConnect]) -> bool:
    """libvirt's own thread takes what was removed away at its next turn."""
    for _ in range(100):
        gc.collect()
        if trace() is None:
            return True
        await asyncio.sleep(0.05)
    return False


def test_a_listener_that_was_closed_leaves_no_callback_and_so_no_connection() -> None:
    async def scene() -> None:
        run_events()
        session = Reconnecting()
        ears = Ears(session)  # type: ignore[arg-type]
        trace = await heard(ears, session)
        await ears.close()
        await ears.close()
        session.cut()
        assert await gone(trace)

    asyncio.run(scene())


def test_a_listener_leaves_nothing_on_the_connections_it_had_before() -> None:
    async def scene() -> None:
        run_events()
        session = Reconnecting()
        ears = Ears(session)  # type: ignore[arg-type]
        traces = []
        for _ in range(3):
            traces.append(await heard(ears, session))
            session.cut()
        *before, last = traces
        assert [await gone(trace) for trace in before] == [True, True]
        await ears.close()
        assert await gone(last)

    asyncio.run(scene())


_LAST_WORDS = """
import atexit, threading
atexit.register(lambda: print([each.name for each in threading.enumerate()]))
from reconciler.actuators.libvirt.ears import run_events
run_events()
"""


def test_nobody_is_called_back_once_python_has_ended() -> None:
    run = subprocess.run([sys.executable, "-c", _LAST_WORDS], capture_output=True, text=True, check=True)
    assert run.stdout == "['MainThread']\n"
