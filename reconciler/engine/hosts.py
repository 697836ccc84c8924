"""Open, look at and close all the hosts of a fleet at once; one that fails harms only itself."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable
from types import TracebackType
from typing import Self

from reconciler.actuators.port import Access, Actuator, Open
from reconciler.engine.look import FreshLook, observe
from reconciler.engine.patience import Patience
from reconciler.errors import DeadlineExceeded, HostError, HostUnreachable
from reconciler.specs.desired import Host, HostName
from reconciler.state import HostState, HostUnknown, Observed

# Connections being set up, or looks under way, at one time.
_AT_ONCE = 64


class Hosts:
    """The open connections of one run. Use as an async context manager."""

    def __init__(self, hosts: Iterable[Host], access: Access, *, opener: Open, patience: Patience) -> None:
        self._hosts = tuple(hosts)
        self._access = access
        self._opener = opener
        self._patience = patience
        self._actuators: dict[HostName, Actuator] = {}
        self._looks: dict[HostName, FreshLook] = {}
        self._gate = asyncio.Semaphore(_AT_ONCE)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.gather(*(self._close(actuator) for actuator in self._actuators.values()))

    async def observe(self, *, seen: Callable[[HostName], None] = lambda _: None) -> Observed:
        """Look at every host; those that do not answer are listed as unknown, with the reason.

        ``seen`` is told each host when its answer, or its silence, is known.
        """

        async def one(host: Host) -> HostState | HostUnknown:
            async with self._gate:
                try:
                    actuator = await self._opened(host)
                    return await observe(actuator, deadline=self._patience.observe)
                except HostError as error:
                    return HostUnknown(host.name, error.message)
                finally:
                    seen(host.name)

        answers = await asyncio.gather(*(one(host) for host in self._hosts))
        return Observed(
            fleet=self._access.fleet,
            hosts=tuple(sorted((a for a in answers if isinstance(a, HostState)), key=lambda a: a.host)),
            unknown=tuple(sorted((a for a in answers if isinstance(a, HostUnknown)), key=lambda a: a.host)),
        )

    def actuator(self, host: HostName) -> Actuator:
        """The hands of a host that has answered. Raises HostUnreachable for one that has not."""
        try:
            return self._actuators[host]
        except KeyError:
            raise HostUnreachable(host, "no connection to it is open") from None

    def look(self, host: HostName) -> Awaitable[HostState]:
        """A look at one host that begins after this call. Raises HostUnreachable."""
        if host not in self._looks:
            self._looks[host] = FreshLook(self.actuator(host), deadline=self._patience.observe)
        return self._looks[host].after_now()

    async def _opened(self, host: Host) -> Actuator:
        if host.name not in self._actuators:
            try:
                async with asyncio.timeout(self._patience.connect):
                    self._actuators[host.name] = await self._opener(host, self._access)
            except TimeoutError:
                raise DeadlineExceeded(host.name, "connecting", after=self._patience.connect) from None
        return self._actuators[host.name]

    async def _close(self, actuator: Actuator) -> None:
        # What cannot be closed in time is left to the end of the process.
        with contextlib.suppress(TimeoutError, HostError):
            async with asyncio.timeout(self._patience.close):
                await actuator.close()
