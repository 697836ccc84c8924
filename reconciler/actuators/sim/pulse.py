"""Hear that a file was written: one listener a file, however many hosts are kept in it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakKeyDictionary

_POLL_S = 0.1


@dataclass(eq=False)
class Pulse:
    """Looks at a file from time to time, as long as somebody waits for it to change."""

    path: Path
    _waiting: int = 0
    _poll: asyncio.Task[None] | None = None

    async def beat(self) -> None:
        """Return when some process has written the file since the call, or shortly before it."""
        if self._poll is None or self._poll.done():
            self._poll = asyncio.create_task(_changed(self.path))
        poll = self._poll
        self._waiting += 1
        try:
            await asyncio.shield(poll)
        finally:
            self._waiting -= 1
            if not self._waiting and not poll.done():
                poll.cancel()


_pulses: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Path, Pulse]] = WeakKeyDictionary()


def pulse_of(path: Path) -> Pulse:
    """The one pulse of a file in the running loop."""
    return _pulses.setdefault(asyncio.get_running_loop(), {}).setdefault(path, Pulse(path))


async def _changed(path: Path) -> None:
    before = _version(path)
    while _version(path) == before:  # noqa: ASYNC110  another process sets no event of ours
        await asyncio.sleep(_POLL_S)


def _version(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:  # not there yet: that changes too
        return None
    return found.st_mtime_ns, found.st_size
