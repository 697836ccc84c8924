"""The kill switch: a local unix socket relayed to another stream, which can be cut at any moment.

A blocking client (libvirt) connects to ``Relay.path``; each connection is carried to whatever
``dial`` opens. ``cut`` closes everything at once, so that whatever the client is blocked in
returns an error within milliseconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

from reconciler.actuators.private import SOCKET, PrivateDirectory, sweep_once


class Wire(Protocol):
    """What carries bytes away: an asyncio transport or an SSH channel."""

    def write(self, data: bytes) -> None:
        """Queue bytes."""

    def pause_reading(self) -> None:
        """Let no more bytes arrive."""

    def resume_reading(self) -> None:
        """Let bytes arrive again."""

    def abort(self) -> None:
        """Close at once; what is queued is lost."""


class End:
    """One end of a relayed connection: what arrives here leaves at its peer.

    Its methods are those that asyncio calls on a protocol and asyncssh on a session.
    """

    def __init__(self) -> None:
        self.wire: Wire | None = None
        self.peer: End | None = None
        self.is_cut = False
        self.before_cut: Callable[[], None] | None = None

    def opened(self, wire: Wire) -> None:
        """The end is connected."""
        self.wire = wire
        if self.is_cut:
            wire.abort()

    def arrived(self, data: bytes) -> None:
        """Carry bytes to the other end."""
        if self.peer is not None and self.peer.wire is not None and not self.is_cut:
            self.peer.wire.write(data)

    def crowded(self, is_crowded: bool) -> None:
        """Bytes leave too slowly here (or no longer do): the peer must wait (or need not)."""
        if self.peer is not None and self.peer.wire is not None and not self.is_cut:
            (self.peer.wire.pause_reading if is_crowded else self.peer.wire.resume_reading)()

    def cut(self) -> None:
        """Close both ends. May be repeated."""
        if self.is_cut:
            return
        self.is_cut = True
        if self.before_cut is not None:
            self.before_cut()
        if self.wire is not None:
            self.wire.abort()
        if self.peer is not None:
            self.peer.cut()


Dial = Callable[[End], Awaitable[None]]
"""Opens a stream to the far side and ties it to an ``End``. Raises OSError or HostUnreachable."""


class _SocketWire:
    """A local socket, which closes the moment it is told to."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.write = transport.write
        self.pause_reading = transport.pause_reading
        self.resume_reading = transport.resume_reading

    def abort(self) -> None:
        # The transport would close it at the loop's next turn. Who is blocked in it may hold up the
        # loop itself: a connection that is closed by its last reference is closed anywhere.
        with contextlib.suppress(OSError):
            self._transport.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
        self._transport.abort()


class _Socket(asyncio.Protocol):
    """An ``End`` on a local socket."""

    def __init__(self, end: End) -> None:
        self._end = end

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._end.opened(_SocketWire(transport))

    def data_received(self, data: bytes) -> None:
        self._end.arrived(data)

    def connection_lost(self, _: Exception | None) -> None:
        self._end.cut()

    def pause_writing(self) -> None:
        self._end.crowded(True)

    def resume_writing(self) -> None:
        self._end.crowded(False)


async def dial_local(path: str, end: End) -> None:
    """Tie an end to a unix socket of this machine. Raises OSError."""
    try:
        await asyncio.get_running_loop().create_unix_connection(lambda: _Socket(end), path)
    except OSError as error:
        # asyncio leaves the path out, and it is what the user has to look at.
        raise OSError(error.errno, error.strerror, path) from error


class Relay:
    """A socket in a private directory; every connection to it is carried to what ``dial`` opens.

    ``before_cut`` is called before the client can notice that a connection of it has ended, whoever ended it.
    """

    def __init__(self, dial: Dial, before_cut: Callable[[], None] | None = None) -> None:
        self._dial = dial
        self._before_cut = before_cut
        self._directory: PrivateDirectory | None = None
        self._server: asyncio.Server | None = None
        self._ends: set[End] = set()
        self._dialling: set[asyncio.Task[None]] = set()
        self._keeper: asyncio.Task[None] | None = None
        self._is_cut = False
        self.fault: Exception | None = None
        """Why the last dial failed; the client only sees its connection closed."""

    @property
    def path(self) -> Path:
        """Where the client connects."""
        assert self._directory is not None, "the relay is not open"
        return self._directory.path / SOCKET

    @property
    def carries(self) -> bool:
        """Whether a client is connected through it."""
        return any(not end.is_cut for end in self._ends)

    async def open(self) -> None:
        """Begin to accept; when the event loop ends, the relay is cut."""
        self._keeper = asyncio.create_task(self._keep())
        await asyncio.to_thread(sweep_once)
        self._directory = PrivateDirectory.made()
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_unix_server(self._accept, self.path)
            if self._is_cut:
                raise ConnectionAbortedError("the relay was cut")
        except BaseException:
            self.cut()
            raise

    async def _keep(self) -> None:
        # A client that outlives the loop would wait for ever, even to say goodbye; and nobody would
        # be left to cut it. Whoever ends a loop cancels its tasks first.
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.cut()

    def hide(self) -> None:
        """Accept no more, and remove the socket; what is connected stays so."""
        if self._server is not None:
            self._server.close()
            self._server = None
        if self._directory is not None:
            self._directory.remove()
            self._directory = None

    def cut(self) -> None:
        """Close everything now, for good, and remove the socket. May be repeated."""
        self._is_cut = True
        if self._keeper is not None:
            self._keeper.cancel()
        for task in self._dialling:
            task.cancel()
        for end in tuple(self._ends):
            end.cut()
        self._ends.clear()
        self.hide()

    def _accept(self) -> asyncio.Protocol:
        near, far = _Near(self._connect), End()
        near.peer, far.peer = far, near
        near.before_cut = far.before_cut = self._before_cut
        self._ends.add(near)
        return _Socket(near)

    def _connect(self, near: End) -> None:
        task = asyncio.get_running_loop().create_task(self._carry(near))
        self._dialling.add(task)
        task.add_done_callback(self._dialling.discard)

    async def _carry(self, near: End) -> None:
        assert near.wire is not None and near.peer is not None
        near.wire.pause_reading()
        try:
            await self._dial(near.peer)
        except Exception as fault:  # noqa: BLE001 - kept, and told to whoever asks why the client failed
            self.fault = fault
            near.cut()
        else:
            near.wire.resume_reading()


class _Near(End):
    """The client's end: as soon as it is there, the far end is dialled."""

    def __init__(self, connect: Callable[[End], None]) -> None:
        super().__init__()
        self._connect = connect

    def opened(self, wire: Wire) -> None:
        super().opened(wire)
        if not self.is_cut:
            self._connect(self)
