"""What is asked of a guest over the network: whether it listens, and what it answers to a GET.

How its address is reached is the host's affair: the question is asked on a stream that is open already.
"""

from __future__ import annotations

from typing import Protocol

import h11

from reconciler.specs.health import HttpCheck

_CHUNK = 4096
_AGENT = "reconciler"


class Line(Protocol):
    """An open connection to a guest."""

    async def read(self, most: int) -> bytes:
        """What has come, or nothing at its end. Raises OSError."""
        ...

    async def write(self, data: bytes) -> None:
        """Send. Raises OSError."""
        ...


class _Reader(Protocol):
    async def read(self, n: int = ..., /) -> bytes: ...


class _Writer(Protocol):
    def write(self, data: bytes, /) -> None: ...

    async def drain(self) -> None: ...


class Both(Line):
    """A reader and a writer as one stream."""

    def __init__(self, reader: _Reader, writer: _Writer) -> None:
        self._reader = reader
        self._writer = writer

    async def read(self, most: int) -> bytes:
        """What has come."""
        return await self._reader.read(most)

    async def write(self, data: bytes) -> None:
        """Send, as fast as it is taken."""
        self._writer.write(data)
        await self._writer.drain()


async def why_not_http(stream: Line, address: str, check: HttpCheck) -> str:
    """What is wrong with the answer to a GET; empty where nothing is."""
    wire = h11.Connection(h11.CLIENT)
    where = f"[{address}]" if ":" in address else address
    headers = [("Host", f"{where}:{check.port}"), ("User-Agent", _AGENT), ("Connection", "close")]
    request = h11.Request(method="GET", target=check.path, headers=headers)
    try:
        await stream.write((wire.send(request) or b"") + (wire.send(h11.EndOfMessage()) or b""))
        while True:
            event = wire.next_event()
            if event is h11.NEED_DATA:
                wire.receive_data(await stream.read(_CHUNK))
            elif isinstance(event, h11.Response):
                expected = " or ".join(str(status) for status in check.expect)
                good = event.status_code in check.expect
                return "" if good else f"it answered {event.status_code}, not {expected}"
            elif not isinstance(event, h11.InformationalResponse):
                return "it closed the connection without an answer"
    except h11.RemoteProtocolError as error:
        return f"it does not speak HTTP: {error}"
    except OSError as error:
        return f"it broke the connection off: {error}"
