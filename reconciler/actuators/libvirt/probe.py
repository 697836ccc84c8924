"""Ask a guest for its health: over the network from its host, through its agent, or by its console."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from ipaddress import ip_address
from typing import assert_never

import libvirt
from pydantic import TypeAdapter, ValidationError

from reconciler.actuators.hostfiles import HostFiles
from reconciler.actuators.libvirt.agent import Agent
from reconciler.actuators.libvirt.domain_xml import CONSOLE_LOGS
from reconciler.actuators.libvirt.errors import is_gone
from reconciler.actuators.libvirt.order import Desk
from reconciler.actuators.questions import why_not_http
from reconciler.errors import ActionFailed, Unsupported
from reconciler.specs.desired import Instance
from reconciler.specs.health import AgentCheck, ConsoleCheck, HealthCheck, HttpCheck, TcpCheck
from reconciler.specs.identity import mac_address

_AGENT_SPARE_S = 5.0
"""Seconds that a call may take beyond what libvirt waits for the agent."""
_ADDRESSES = TypeAdapter(dict[str, dict[str, object]])
_LISTED = TypeAdapter(list[dict[str, object]])


async def probe(desk: Desk, instance: Instance, *, read_only: bool) -> None:
    """Ask once. Raises ActionFailed with the reason where it is not healthy, Unsupported, HostUnreachable."""
    health = instance.health
    assert health is not None, f"{instance.name} has no health check"
    match health.check:
        case TcpCheck() | HttpCheck() as check:
            await _over_the_network(desk, instance, check, health)
        case AgentCheck(command):
            if read_only:
                raise Unsupported(desk.host, "the guest agent is not asked by who may only look")
            await _through_the_agent(desk, instance, command, health)
        case ConsoleCheck(pattern):
            await _by_the_console(desk, instance, pattern, health)
        case _:
            assert_never(health.check)


async def _over_the_network(
    desk: Desk, instance: Instance, check: TcpCheck | HttpCheck, health: HealthCheck
) -> None:
    files = _files(desk)
    # Not within the check's own time: to give up a call of libvirt's is to give up its connection.
    address = await desk.session.call("asking for an address", lambda host: _address(host, desk, instance))
    try:
        async with asyncio.timeout(health.timeout), files.stream(address, check.port) as stream:
            why = await why_not_http(stream, address, check) if isinstance(check, HttpCheck) else ""
    except TimeoutError:
        why = f"no answer within {health.timeout} s"
    if why:
        raise ActionFailed(desk.host, f"{address}:{check.port}: {why}")


async def _through_the_agent(
    desk: Desk, instance: Instance, command: tuple[str, ...], health: HealthCheck
) -> None:
    def ask(connection: libvirt.virConnect) -> int:
        agent = Agent(_running(connection, desk.host, instance), desk.host, seconds=health.timeout)
        if command:
            return agent.run(command)
        agent.ping()
        return 0

    deadline = 3 * health.timeout + _AGENT_SPARE_S
    status = await desk.session.call("asking the guest agent", ask, deadline=deadline)
    if status != 0:
        raise ActionFailed(desk.host, f"{command[0]} ended with {status}")


async def _by_the_console(desk: Desk, instance: Instance, pattern: str, health: HealthCheck) -> None:
    await desk.session.call("asking whether it runs", lambda host: _running(host, desk.host, instance))
    files = _files(desk)
    try:
        async with asyncio.timeout(health.timeout):
            line = await files.line_like(pattern, f"{CONSOLE_LOGS}/{instance.name}-console.log")
    except TimeoutError:
        raise ActionFailed(desk.host, f"its console was not read within {health.timeout} s") from None
    if not line:
        raise ActionFailed(desk.host, "no line of its console is like that yet")


def _files(desk: Desk) -> HostFiles:
    if desk.files is None:
        raise Unsupported(desk.host, "nobody is in libvirt's test driver")
    return desk.files


def _running(connection: libvirt.virConnect, host: str, instance: Instance) -> libvirt.virDomain:
    """The instance's domain. Raises ActionFailed where it does not run."""
    try:
        domain = connection.lookupByUUIDString(instance.uuid)
        runs = domain.state()[0] == libvirt.VIR_DOMAIN_RUNNING
    except libvirt.libvirtError as error:
        if not is_gone(error):
            raise
        runs = False
    if not runs:
        raise ActionFailed(host, "it does not run")
    return domain


def _address(connection: libvirt.virConnect, desk: Desk, instance: Instance) -> str:
    """The address of its first card that has one: the one it was given, or what libvirt knows of it."""
    domain = _running(connection, desk.host, instance)
    given = next((nic.address for nic in instance.machine.nics if nic.address is not None), None)
    if given is not None:
        return given
    macs = [mac_address(instance.uuid, index) for index in range(len(instance.machine.nics))]
    sources = (
        libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE,
        libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_ARP,
        libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT,
    )
    for source in sources:
        # A network without DHCP has no leases, and a guest need not have an agent: the next may know.
        with contextlib.suppress(libvirt.libvirtError):
            known = addresses_in(domain.interfaceAddresses(source, 0))
            if found := next((known[mac] for mac in macs if mac in known), None):
                return found
    raise ActionFailed(desk.host, "its address is not known: no lease, no neighbour of the host, no agent")


def addresses_in(said: object) -> Mapping[str, str]:
    """The first usable address of each card, by MAC, out of what ``interfaceAddresses`` returns."""
    found: dict[str, str] = {}
    try:
        cards = _ADDRESSES.validate_python(said)
        for card in cards.values():
            for each in _LISTED.validate_python(card.get("addrs") or []):
                address = ip_address(str(each.get("addr")))
                if not (address.is_loopback or address.is_link_local or address.is_unspecified):
                    found.setdefault(str(card.get("hwaddr")).lower(), str(address))
    except (ValidationError, ValueError):
        # A guest's agent says what it likes.
        return {}
    return found
