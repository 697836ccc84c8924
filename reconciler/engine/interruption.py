"""Being told to stop: first gently, then at once."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Iterator


class Interruption:
    """Asked once, nothing new begins; asked twice, nothing is waited for."""

    def __init__(self) -> None:
        self._asked = asyncio.Event()
        self._insisted = asyncio.Event()

    @property
    def asked(self) -> bool:
        """Whether nothing new should begin."""
        return self._asked.is_set()

    def ask(self) -> None:
        """Interrupt; the second time, insist."""
        if self._asked.is_set():
            self._insisted.set()
        self._asked.set()

    async def first(self) -> None:
        """Return at the first asking."""
        await self._asked.wait()

    async def wait(self, *, grace: float) -> None:
        """Return ``grace`` seconds after the first asking, or at the second, whichever is sooner."""
        await self._asked.wait()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await self._insisted.wait()


@contextlib.contextmanager
def on_signals(interruption: Interruption) -> Iterator[None]:
    """Turn SIGINT and SIGTERM into askings, while inside."""
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        loop.add_signal_handler(number, interruption.ask)
    try:
        yield
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
