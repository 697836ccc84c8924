"""All hosts are looked at together, and one that fails harms only itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from pathlib import Path
from typing import TypeVar

from reconciler.actuators.port import Access, Actuator
from reconciler.engine.hosts import Hosts
from reconciler.engine.patience import Patience
from reconciler.errors import HostUnreachable
from reconciler.specs.desired import Connect, Host, HostName, Scheme
from reconciler.state import HostState, Observed
from tests.simulation.timing import run_virtually
from tests.unit.engine.scripted import NoSupplies, ScriptedHost, hosts_of

_T = TypeVar("_T")
_NAMES = ("good", "hung", "refusing", "silent")


class Silent(ScriptedHost):
    """Opens, and then answers nothing, not even its closing."""

    async def observe(self) -> None:  # type: ignore[override]
        await asyncio.Event().wait()

    async def close(self) -> None:
        await asyncio.Event().wait()


async def opener(host: Host, _: Access) -> Actuator:
    match host.name:
        case "refusing":
            raise HostUnreachable(host.name, "connection refused")
        case "hung":
            await asyncio.Event().wait()
        case "silent":
            return Silent(host.name, {})  # type: ignore[return-value]
    return ScriptedHost(host.name, {})


def look() -> Observed:
    hosts = [Host(HostName(name), Connect(Scheme.SIM, "sim://")) for name in reversed(_NAMES)]
    access = Access("lab", read_only=True, store=Path("/nowhere"), supplies=NoSupplies())

    async def scene() -> Observed:
        patience = Patience(connect=0.01, observe=0.01, close=0.01)
        async with Hosts(hosts, access, opener=opener, patience=patience) as opened:
            return await opened.observe()

    return asyncio.run(scene())


def test_hosts_that_do_not_answer_are_unknown_with_the_reason_and_the_others_are_seen() -> None:
    observed = look()
    assert [host.host for host in observed.hosts] == ["good"]
    assert [(unknown.host, unknown.reason) for unknown in observed.unknown] == [
        ("hung", "connecting did not answer within 0.01 s; the connection was cut"),
        ("refusing", "connection refused"),
        ("silent", "looking at it did not answer within 0.01 s; the connection was cut"),
    ]


class Stubborn(ScriptedHost):
    """Looks well, and does not answer when it is to be locked."""

    async def lock(self, holder: str) -> None:
        raise HostUnreachable(self.host, "no answer")


class Moody(ScriptedHost):
    """Answers nothing while it is silent; counts what it is asked."""

    def __init__(self, name: str) -> None:
        super().__init__(name, {})
        self.silent = False
        self.looks = self.locks = 0

    async def observe(self) -> HostState:
        self.looks += 1
        return await self._answer(super().observe())

    async def lock(self, holder: str) -> None:
        self.locks += 1
        await self._answer(super().lock(holder))

    async def _answer(self, answer: Awaitable[_T]) -> _T:
        result = await answer
        if self.silent:
            await asyncio.Event().wait()
        return result


def test_a_host_that_was_given_up_costs_its_round_one_waiting_and_is_asked_again_in_the_next() -> None:
    async def scene() -> None:
        clock = asyncio.get_running_loop().time
        moody = Moody("hv16")
        others = [ScriptedHost(f"hv{number}", {}) for number in range(1, 16)]
        async with hosts_of(*others, moody) as hosts:
            moody.silent = True
            assert [each.host for each in (await hosts.observe()).unknown] == ["hv16"]
            moody.silent = False
            waited = clock()
            await hosts.lock("me")
            # It answers again, and another writer may be at work there: nobody looks.
            assert [each.host for each in (await hosts.observe()).unknown] == ["hv16"]
            assert (moody.looks, moody.locks, clock()) == (1, 0, waited)
            await hosts.unlock()
            assert (await hosts.observe()).unknown == ()
            await hosts.lock("me")
            assert (moody.looks, moody.locks, clock()) == (2, 1, waited)

    run_virtually(scene())


def test_a_host_that_could_not_be_locked_is_unknown_until_the_locks_are_let_go() -> None:
    """Another writer may be at work there: what is not there yet may be soon."""

    async def scene() -> None:
        async with hosts_of(ScriptedHost("hv1", {}), Stubborn("hv2", {})) as hosts:
            await hosts.lock("me")
            observed = await hosts.observe()
            assert [host.host for host in observed.hosts] == ["hv1"]
            assert [(each.host, each.reason) for each in observed.unknown] == [
                ("hv2", "it could not be locked: no answer")
            ]
            await hosts.unlock()
            assert (await hosts.observe()).unknown == ()

    asyncio.run(scene())
