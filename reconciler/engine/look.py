"""Look at one host, once for all who ask at the same time.

Confirming each step needs a look that began after the step's call returned. Steps run many at a
time, so those that finish while a look is under way share the next one.
"""

from __future__ import annotations

import asyncio

from reconciler.actuators.port import Actuator
from reconciler.errors import DeadlineExceeded
from reconciler.state import HostState


class FreshLook:
    """Shares looks at one host between everybody who wants one."""

    def __init__(self, actuator: Actuator, *, deadline: float) -> None:
        self._actuator = actuator
        self._deadline = deadline
        self._turn = asyncio.Lock()
        self._queued: asyncio.Task[HostState] | None = None

    async def after_now(self) -> HostState:
        """A look that begins after this call. Raises HostUnreachable."""
        if self._queued is None:
            self._queued = asyncio.create_task(self._take())
        # Whoever is cancelled while waiting must not take the look away from the others.
        return await asyncio.shield(self._queued)

    async def _take(self) -> HostState:
        async with self._turn:
            self._queued = None  # whoever asks from here on needs a newer look than this one
            return await observe(self._actuator, deadline=self._deadline)


async def observe(actuator: Actuator, *, deadline: float) -> HostState:
    """One look within ``deadline`` seconds. Raises HostUnreachable."""
    try:
        async with asyncio.timeout(deadline):
            return await actuator.observe()
    except TimeoutError:
        raise DeadlineExceeded(actuator.host, "looking at it", after=deadline) from None
