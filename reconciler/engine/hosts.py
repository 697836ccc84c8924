"""Open, lock, look at and close all the hosts of a fleet at once; one that fails harms only itself."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from types import TracebackType
from typing import Self, TypeVar

from reconciler.actions import Await
from reconciler.actuators.port import Access, Actuator, Open
from reconciler.engine.look import FreshLook, observe
from reconciler.engine.patience import Patience
from reconciler.engine.stragglers import gather_all_but_stragglers
from reconciler.engine.waiting import asked_once
from reconciler.errors import DeadlineExceeded, HostError, HostUnreachable, LockHeld
from reconciler.specs.desired import Host, HostName, InstanceUuid
from reconciler.state import HostState, HostUnknown, Observed

# Connections being set up, or looks under way, at one time.
_AT_ONCE = 64
_SLOW = "it is far slower to answer than the other hosts, and was left out of this round"

_T = TypeVar("_T")


class Hosts:
    """The open connections of one run. Use as an async context manager."""

    def __init__(self, hosts: Iterable[Host], access: Access, *, opener: Open, patience: Patience) -> None:
        self._hosts = tuple(hosts)
        self._access = access
        self._opener = opener
        self._patience = patience
        self._opening: dict[HostName, asyncio.Task[Actuator]] = {}
        self._tried: dict[HostName, float] = {}
        self._looks: dict[HostName, FreshLook] = {}
        self._listening: dict[HostName, asyncio.Task[None]] = {}
        self._locked = False
        self._given_up: dict[HostName, str] = {}
        """Hosts that failed in this round, and why: nobody waits for them again until the next."""
        self._gate = asyncio.Semaphore(_AT_ONCE)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        opening = tuple(self._opening.values())
        under_way = (*opening, *self._listening.values())
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        opened = (task.result() for task in opening if _succeeded(task))
        await asyncio.gather(*(self._close(actuator) for actuator in opened))

    async def lock(self, holder: str) -> None:
        """Become the only writer on every host that answers. Raises LockHeld, and then holds none.

        A host that does not answer, or did not in the look that came before, is not locked. Until
        ``unlock`` it counts as unknown, even if it answers later: another writer may be at work there,
        and what is not there yet may be soon.
        """
        self._locked = True

        async def one(host: Host) -> HostError | None:
            try:
                actuator = await self._opened(host)
                async with asyncio.timeout(self._patience.connect):
                    await actuator.lock(holder)
            except HostError as error:
                return error
            except TimeoutError:
                return DeadlineExceeded(host.name, "locking", after=self._patience.connect)
            return None

        outcomes = await self._of_all(one)
        failed = {name: error for name, error in outcomes.items() if error is not None}
        held = [error for error in failed.values() if isinstance(error, LockHeld)]
        if held:
            await self.unlock()
            raise min(held, key=lambda error: error.host)
        for name, error in failed.items():
            self._given_up[name] = f"it could not be locked: {error.message}"

    async def unlock(self) -> None:
        """Let others write. The round is over: the next asks every host again."""
        self._locked = False
        self._given_up = {}

        async def one(actuator: Actuator) -> None:
            with contextlib.suppress(HostError, TimeoutError):
                async with asyncio.timeout(self._patience.close):
                    await actuator.unlock()

        opened = (task.result() for task in self._opening.values() if _succeeded(task))
        await asyncio.gather(*(one(actuator) for actuator in opened))

    async def observe(self) -> Observed:
        """Look at every host; those that do not answer are listed as unknown, with the reason.

        A look without the locks begins a round: every host is asked.
        """
        if not self._locked:
            self._given_up = {}

        async def one(host: Host) -> HostState | HostError:
            try:
                return await observe(await self._opened(host), deadline=self._patience.observe)
            except HostError as error:
                return error

        found = await self._of_all(one)
        for name, answer in found.items():
            if isinstance(answer, HostError):
                self._given_up[name] = answer.message
        states = (answer for answer in found.values() if isinstance(answer, HostState))
        return Observed(
            fleet=self._access.fleet,
            hosts=tuple(sorted(states, key=lambda state: state.host)),
            unknown=tuple(HostUnknown(name, why) for name, why in sorted(self._given_up.items())),
        )

    def spec(self, host: HostName) -> Host:
        """What the fleet says of one of its hosts."""
        return next(each for each in self._hosts if each.name == host)

    async def health(self, asked: Iterable[Await]) -> Mapping[InstanceUuid, HostError | None]:
        """Ask everybody once, all at one time: what each says, None where it is healthy.

        Only an ActionFailed that is not Unsupported says that it is not.
        """

        async def one(action: Await) -> tuple[InstanceUuid, HostError | None]:
            async with self._gate:
                try:
                    await asked_once(action, lambda: self.actuator(action.host).probe(action.instance))
                except HostError as error:
                    return action.instance.uuid, error
            return action.instance.uuid, None

        return dict(await asyncio.gather(*(one(action) for action in asked)))

    def actuator(self, host: HostName) -> Actuator:
        """The hands of a host that has answered. Raises HostUnreachable for one that has not."""
        task = self._opening.get(host)
        if task is None or not _succeeded(task):
            raise HostUnreachable(host, "no connection to it is open")
        return task.result()

    def look(self, host: HostName) -> Awaitable[HostState]:
        """A look at one host that begins after this call. Raises HostUnreachable."""
        if host not in self._looks:
            self._looks[host] = FreshLook(self.actuator(host), deadline=self._patience.observe)
        return self._looks[host].after_now()

    def listen(self, tick: Callable[[], None]) -> None:
        """Have ``tick`` called when something may have changed on any host that is open now.

        May be repeated: a host is listened to once. One that falls silent ticks, and is listened to
        again when this is called again. One that cannot be listened to at all does not tick: the round
        that followed would try again at once, and so on without end.
        """
        clock = asyncio.get_running_loop().time

        async def ear(actuator: Actuator) -> None:
            since = clock()
            try:
                while True:
                    await actuator.changed()
                    tick()
            except HostError:
                if clock() - since >= self._patience.again:
                    tick()

        for name, task in self._opening.items():
            listening = self._listening.get(name)
            if _succeeded(task) and (listening is None or listening.done()):
                self._listening[name] = asyncio.create_task(ear(task.result()))

    async def _of_all(self, one: Callable[[Host], Awaitable[_T]]) -> Mapping[HostName, _T]:
        """What came of all that were not given up yet; who is far slower is given up here."""

        async def gated(host: Host) -> _T:
            async with self._gate:
                return await one(host)

        asked = [host for host in self._hosts if host.name not in self._given_up]
        tasks = {host.name: asyncio.create_task(gated(host)) for host in asked}
        answers = await gather_all_but_stragglers(tasks)
        self._given_up |= {host.name: _SLOW for host in asked if host.name not in answers}
        return answers

    async def _opened(self, host: Host) -> Actuator:
        task = self._opening.get(host.name)
        if task is None or (task.done() and not _succeeded(task) and not self._failed_lately(host)):
            task = self._opening[host.name] = asyncio.create_task(self._open(host))
        # It goes on when this round gives the host up, so that a later round finds it open.
        return await asyncio.shield(task)

    async def _open(self, host: Host) -> Actuator:
        try:
            async with asyncio.timeout(self._patience.connect):
                return await self._opener(host, self._access)
        except TimeoutError:
            raise DeadlineExceeded(host.name, "connecting", after=self._patience.connect) from None
        finally:
            self._tried[host.name] = asyncio.get_running_loop().time()

    def _failed_lately(self, host: Host) -> bool:
        # A host that has just refused is not asked again by the next look of the same round.
        return asyncio.get_running_loop().time() - self._tried[host.name] < self._patience.again

    async def _close(self, actuator: Actuator) -> None:
        # What cannot be closed in time is left to the end of the process.
        with contextlib.suppress(TimeoutError, HostError):
            async with asyncio.timeout(self._patience.close):
                await actuator.close()


def _succeeded(task: asyncio.Task[Actuator]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is None
