"""A libvirt connection that cannot hang us: worker threads, a deadline on every call, a kill switch.

Blocking calls run in threads, never on the event loop, which carries the relay. A call that does
not return in time has its relay cut, so that it returns an error; its thread is waited for, and
the next call opens a new connection.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

import libvirt

from reconciler.actuators.libvirt.errors import translated
from reconciler.actuators.relay import Dial, Relay
from reconciler.errors import DeadlineExceeded, HostError, HostUnreachable, Unsupported
from reconciler.specs.desired import HostName

THREADS = 8
CALL_SECONDS = 10.0
"""For what only asks."""
CHANGE_SECONDS = 120.0
"""For what changes something: a first define probes QEMU, a destroy of a busy guest takes seconds."""
_PING_SECONDS = 5
_PINGS_MISSED = 3
"""A daemon answers pings while it works, however long that takes; one that is stopped does not."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long the session's own calls may take. Seconds."""

    open: float = 10.0
    close: float = 2.0
    cancel: float = 0.5
    """A healthy call returns within this; cutting it would fail the others of the host as well."""


T = TypeVar("T")
Work = Callable[[libvirt.virConnect], T]


@dataclass(frozen=True, slots=True)
class Target:
    """What to connect to: through ``dial``, or without a relay (None) straight to ``uri``.

    ``uri`` holds ``{socket}`` where the path of the relay goes.
    """

    host: HostName
    uri: str
    dial: Dial | None
    read_only: bool


@dataclass(eq=False, slots=True)
class Link:
    """One connection and the relay under it; the test driver's has none, and cannot be cut."""

    relay: Relay | None
    connection: libvirt.virConnect | None = None

    @property
    def is_up(self) -> bool:
        return self.connection is not None and (self.relay is None or self.relay.carries)

    def cut(self) -> None:
        """Make every call that is blocked in it return at once."""
        # The connection is not closed here: threads may still be inside it. It closes with its last
        # reference, at once, for its socket is shut down.
        if self.relay is not None:
            self.relay.cut()


class Session:
    """One host's connection, opened at the first call and again after it was cut."""

    def __init__(self, target: Target, deadlines: Deadlines = Deadlines()) -> None:
        self._target = target
        self._deadlines = deadlines
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix=f"libvirt-{target.host}")
        self._opening = asyncio.Lock()
        self._link: Link | None = None
        self._under_way: set[asyncio.Future[Any]] = set()
        self._closed = False

    @property
    def host(self) -> HostName:
        """Which host this is."""
        return self._target.host

    @property
    def is_up(self) -> bool:
        """Whether a connection is open, as far as is known here."""
        return self._link is not None and self._link.is_up

    @property
    def can_be_cut(self) -> bool:
        """Whether a relay is under it; the test driver is within this process, and has none."""
        return self._target.dial is not None

    async def call(
        self,
        what: str,
        work: Work[T],
        *,
        deadline: float = CALL_SECONDS,
        allowed: Callable[[], None] = lambda: None,
    ) -> T:
        """Run ``work`` on the connection in a worker thread and wait ``deadline`` seconds for it.

        ``allowed`` may refuse, by raising, once the connection is there. Raises DeadlineExceeded
        (naming ``what``), HostUnreachable, or what ``work`` means.
        """
        link = await self._linked()
        allowed()
        try:
            return await self._in_thread(what, lambda: work(link.connection), link, deadline=deadline)
        except HostUnreachable:
            link.cut()
            raise

    async def call_with(
        self,
        other: Session,
        what: str,
        work: Callable[[libvirt.virConnect, libvirt.virConnect], T],
        *,
        allowed: Callable[[], None],
    ) -> T:
        """Run ``work`` on the connections of two hosts, this one's first. As ``call``, for what changes."""
        mine, its = await self._linked(), await other._linked()
        allowed()
        links = (mine, its)
        try:
            return await self._in_thread(
                what, lambda: work(mine.connection, its.connection), *links, deadline=CHANGE_SECONDS
            )
        except HostUnreachable:
            for link in links:
                link.cut()
            raise

    async def close(self) -> None:
        """Let go of the host; calls under way end with HostUnreachable. May be repeated."""
        if self._closed:
            return
        self._closed = True
        link = self._link
        if link is not None and link.connection is not None and not self._under_way:
            with contextlib.suppress(HostError):  # it goes either way
                await self._in_thread("closing", link.connection.close, link, deadline=self._deadlines.close)
        if link is not None:
            link.cut()
        if self._under_way:
            await asyncio.wait(self._under_way)
        self._link = None
        self._threads.shutdown()

    async def _linked(self) -> Link:
        async with self._opening:
            if self._link is not None and not self._link.is_up:
                self._link.cut()  # by us, or the daemon hung up between two calls
                self._link = None
            if self._closed:
                raise HostUnreachable(self.host, "the connection was closed")
            if self._link is None:
                await self._open()
            assert self._link is not None
            return self._link

    @asynccontextmanager
    async def link_of_its_own(self, before_cut: Callable[[], None] | None = None) -> AsyncIterator[Link]:
        """Another connection, cut at the end, that nobody else's call can cut. Raises HostUnreachable.

        It has no keepalive: who it is for watches over it.
        """
        if self._target.dial is None:
            raise Unsupported(self.host, "libvirt's test driver does not migrate")
        link = Link(Relay(self._target.dial, before_cut))
        try:
            await self._connect(link, keeps_alive=False)
            yield link
        finally:
            link.cut()

    async def run_over(
        self, links: Sequence[Link], what: str, work: Callable[[], T], *, deadline: float
    ) -> T:
        """Run in a worker thread what uses these links; when its time is over they are cut, in order."""
        return await self._in_thread(what, work, *links, deadline=deadline)

    async def _open(self) -> None:
        self._link = link = Link(None if self._target.dial is None else Relay(self._target.dial))
        await self._connect(link, keeps_alive=True)

    async def _connect(self, link: Link, *, keeps_alive: bool) -> None:
        uri = self._target.uri
        try:
            if link.relay is not None:
                await self._open_relay(link.relay)
                uri = uri.format(socket=quote(str(link.relay.path)))
            link.connection = await self._in_thread(
                "opening libvirt",
                lambda: self._opened(uri, keeps_alive=keeps_alive),
                link,
                deadline=self._deadlines.open,
            )
        except BaseException as error:
            link.cut()
            fault = None if link.relay is None else link.relay.fault
            if fault is not None and isinstance(error, HostError):
                raise HostUnreachable(self.host, _told(fault)) from error
            raise
        if link.relay is not None:
            link.relay.hide()

    async def _open_relay(self, relay: Relay) -> None:
        try:
            await relay.open()
        except OSError as error:  # the temporary directory is full, or is not there
            raise HostUnreachable(self.host, f"no socket can be made on this machine: {error}") from error

    def _opened(self, uri: str, *, keeps_alive: bool) -> libvirt.virConnect:
        connection = (libvirt.openReadOnly if self._target.read_only else libvirt.open)(uri)
        if self._target.dial is not None and keeps_alive:
            connection.setKeepAlive(_PING_SECONDS, _PINGS_MISSED)
        return connection

    async def _in_thread(self, what: str, work: Callable[[], T], *links: Link, deadline: float) -> T:
        if self._closed and any(link.connection is None for link in links):
            raise HostUnreachable(self.host, "the connection was closed")
        job = self._threads.submit(self._guarded, work)
        future = asyncio.wrap_future(job)
        self._under_way.add(future)
        future.add_done_callback(self._returned)
        try:
            done, _ = await asyncio.wait({future}, timeout=deadline)
            if not done:
                raise DeadlineExceeded(self.host, what, after=deadline)
            return future.result()
        except asyncio.CancelledError:
            await asyncio.wait({future}, timeout=self._deadlines.cancel)
            raise
        finally:
            if not future.done():
                for link in links:
                    link.cut()
                job.cancel()
                await asyncio.wait({future})

    def _guarded(self, work: Callable[[], T]) -> T:
        with translated(self.host):
            return work()

    def _returned(self, future: asyncio.Future[Any]) -> None:
        self._under_way.discard(future)
        if not future.cancelled():
            future.exception()  # seen: an abandoned call may fail in silence


def _told(fault: Exception) -> str:
    if isinstance(fault, HostError):
        return fault.message
    if isinstance(fault, OSError):
        return f"{fault.filename}: {fault.strerror}: is libvirtd running?"
    return str(fault)


async def together(*jobs: Coroutine[object, object, T]) -> list[T]:
    """Results in order, when all have ended; the first failure (in order) is raised then."""
    results = await asyncio.gather(*jobs, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if not isinstance(result, BaseException)]
