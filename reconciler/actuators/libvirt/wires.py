"""The links of a libvirt host: looked at and changed with ``ip`` and ``bridge``, in one command each time.

libvirt does not make bridges. What is to be done is worked out from a look: a segment that was half
made is finished, and what is as it should be is not touched.
"""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Iterable, Iterator, Sequence
from ipaddress import ip_address
from typing import Protocol

from reconciler.actions import PutNetwork
from reconciler.actuators.libvirt.iproute import LOOK, read_links
from reconciler.actuators.links import Link, alias_of
from reconciler.actuators.ssh import RUN_SECONDS, Ssh
from reconciler.errors import ActionFailed, DeadlineExceeded
from reconciler.specs.desired import Host
from reconciler.specs.identity import link_mac, vxlan_of

Argv = Sequence[str]
PORT = 4789
"""The registered port of VXLAN."""
EVERYONE = "00:00:00:00:00:00"
"""Where frames go whose receiver is not known, or is everybody: to each peer."""

# $1 is a bridge, $2 its VXLAN device: whatever else is plugged in is somebody's.
_UNUSED = """
for each in "/sys/class/net/$1/brif"/*; do
    [ -e "$each" ] && [ "${each##*/}" != "$2" ] || continue
    echo "${each##*/} is plugged into $1" >&2; exit 1
done
"""
# What guests hang on got the MTU of their bridge when they started. One may go meanwhile.
_PLUGGED = """
for each in "/sys/class/net/$1/brif"/vnet*; do
    [ ! -e "$each" ] || ip link set dev "${each##*/}" mtu "$2" || [ ! -e "$each" ] || exit 1
done
"""
_NO_ROUTER = '[ ! -e "$1" ] || echo 0 > "$1"'


class Wires(Protocol):
    """A host's links. Raises ActionFailed, HostUnreachable."""

    @property
    def address(self) -> str:
        """The address by which other hosts reach this one; empty where it is not known."""

    async def look(self) -> tuple[Link, ...]:
        """Its bridges and VXLAN devices."""

    async def run(self, commands: Iterable[Argv]) -> None:
        """Carry out commands, one after the other, up to the first that fails."""


class RemoteWires:
    """Links of a host over SSH."""

    def __init__(self, host: Host, ssh: Ssh) -> None:
        self._host = host
        self._ssh = ssh

    @property
    def address(self) -> str:
        """As declared, or the one that we are connected to."""
        return self._host.address or _good_for_others(self._ssh.peer)

    async def look(self) -> tuple[Link, ...]:
        """By what the kernel says, in one command."""
        return understood(self._host.name, await self._ssh.run(["sh", "-c", LOOK]))

    async def run(self, commands: Iterable[Argv]) -> None:
        """In one shell."""
        await self._ssh.run(["sh", "-c", in_a_row(commands)])


class LocalWires:
    """Links of this machine."""

    def __init__(self, host: Host) -> None:
        self._host = host

    @property
    def address(self) -> str:
        """As declared: nobody can tell which of its own addresses others use."""
        return self._host.address or ""

    async def look(self) -> tuple[Link, ...]:
        """By what the kernel says, in one command."""
        return understood(self._host.name, await self._sh(LOOK))

    async def run(self, commands: Iterable[Argv]) -> None:
        """In one shell."""
        await self._sh(in_a_row(commands))

    async def _sh(self, script: str) -> str:
        process = await asyncio.create_subprocess_exec(
            "sh",
            "-c",
            script,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(RUN_SECONDS):
                out, err = await process.communicate()
        except TimeoutError:
            raise DeadlineExceeded(self._host.name, "ip", after=RUN_SECONDS) from None
        finally:
            if process.returncode is None:
                process.kill()
        if process.returncode != 0:
            said = err.decode(errors="replace").strip() or f"exit {process.returncode}"
            raise ActionFailed(self._host.name, f"sh: {said}")
        return out.decode(errors="replace")


def understood(host: str, text: str) -> tuple[Link, ...]:
    """The links that a host tells of. Raises ActionFailed where nobody can read what it printed."""
    try:
        return read_links(text)
    except ValueError as error:
        raise ActionFailed(host, "what `ip -j` and `bridge -j` print there cannot be understood") from error


def in_a_row(commands: Iterable[Argv]) -> str:
    """Argument vectors as one line for a shell, up to the first that fails."""
    return " && ".join(map(shlex.join, commands)) or ":"


def _good_for_others(peer: str) -> str:
    """The address at the other end, unless it is that of a tunnel's end on this machine."""
    try:
        address = ip_address(peer.partition("%")[0])
    except ValueError:
        return ""
    return "" if address.is_loopback or address.is_link_local else str(address)


def making(put: PutNetwork, fleet: str, links: Iterable[Link]) -> Iterator[Argv]:
    """The commands that are left to do until a segment is as asked; ``links`` are the host's own."""
    there = {link.name: link for link in links}
    bridge, vxlan = put.segment.bridge, vxlan_of(put.segment.vni)
    alias = alias_of(fleet, put.segment.service, put.segment.network)
    if bridge not in there:
        quiet = ["stp_state", "0", "forward_delay", "0", "mcast_snooping", "0"]
        yield _add(bridge, "address", link_mac(fleet, put.host, bridge), "type", "bridge", *quiet)
    elif there[bridge].mtu != put.segment.mtu:
        # Before its bridge's, which is what is looked at: cut short, it is done again.
        yield ["sh", "-c", _PLUGGED, "sh", bridge, str(put.segment.mtu)]
    yield from _set_up(bridge, alias, put.segment.mtu)
    # Segments meet nowhere: a host that routes for others does not route for them.
    yield from (["sh", "-c", _NO_ROUTER, "sh", _forwarding(version, bridge)] for version in (4, 6))
    yield from _addressing(put, there.get(bridge))
    old = there.get(vxlan)
    if old is not None and not (put.peers and old.local == put.local):
        yield ["ip", "link", "delete", "dev", vxlan]
        old = None
    if put.peers:
        if old is None:
            number = ["id", str(put.segment.vni), "local", put.local, "dstport", str(PORT)]
            yield _add(vxlan, "address", link_mac(fleet, put.host, vxlan), "type", "vxlan", *number)
        yield from _set_up(vxlan, alias, put.segment.mtu, "master", bridge)
        yield from _tunnels(vxlan, () if old is None else old.peers, put.peers)


def removing(bridge: str, vxlan: str, links: Iterable[Link]) -> Iterator[Argv]:
    """The commands that take a segment away, unless somebody is plugged in; ``links`` are the host's own."""
    there = {link.name for link in links}
    yield ["sh", "-c", _UNUSED, "sh", bridge, vxlan]
    yield from (["ip", "link", "delete", "dev", name] for name in (vxlan, bridge) if name in there)


def _add(name: str, *rest: str) -> Argv:
    return ["ip", "link", "add", "name", name, *rest]


def _set_up(name: str, alias: str, mtu: int, *rest: str) -> Iterator[Argv]:
    # The owner's mark comes first. Without a link-local address the kernel speaks to nobody by itself.
    yield ["ip", "link", "set", "dev", name, "alias", alias]
    yield ["ip", "link", "set", "dev", name, "addrgenmode", "none"]
    yield ["ip", "link", "set", "dev", name, "mtu", str(mtu), *rest, "up"]


def _forwarding(version: int, bridge: str) -> str:
    return f"/proc/sys/net/ipv{version}/conf/{bridge}/forwarding"


def _addressing(put: PutNetwork, bridge: Link | None) -> Iterator[Argv]:
    now = () if bridge is None else bridge.addresses
    for old in now:
        if old != put.address:
            yield ["ip", "address", "delete", old, "dev", put.segment.bridge]
    if put.address and put.address not in now:
        yield ["ip", "address", "add", put.address, "dev", put.segment.bridge]


def _tunnels(vxlan: str, now: Iterable[str], wanted: Iterable[str]) -> Iterator[Argv]:
    now, wanted = set(now), set(wanted)
    for peer in sorted(wanted - now):
        yield ["bridge", "fdb", "append", EVERYONE, "dev", vxlan, "dst", peer]
    for peer in sorted(now - wanted):
        yield ["bridge", "fdb", "delete", EVERYONE, "dev", vxlan, "dst", peer]
