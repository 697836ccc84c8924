"""Ticks: that something may have changed, and nothing more.

A tick carries no data, so a lost, doubled or late one cannot matter: whoever is woken looks at
everything anew.
"""

from __future__ import annotations

import asyncio
import contextlib

QUIET_S = 0.2
"""How long nothing must follow a tick."""


class Ticks:
    """Collects ticks and wakes one listener when they have settled.

    ``quiet`` is how long nothing must follow, ``most`` how long a stream of them can put the waking
    off; both in seconds. An editor's rename, or a checkout of many files, is so one waking.
    """

    def __init__(self, *, quiet: float = QUIET_S, most: float = 2.0) -> None:
        self._quiet = quiet
        self._most = most
        self._event = asyncio.Event()

    def tick(self) -> None:
        """Something may have changed. Call it from the loop's own thread."""
        self._event.set()

    async def settled(self, *, timeout: float) -> None:
        """Return when ticks have come and settled, or after ``timeout`` seconds without any."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._event.wait()
        if not self._event.is_set():
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._most):
                while self._event.is_set():
                    self._event.clear()
                    await asyncio.sleep(self._quiet)
        self._event.clear()
