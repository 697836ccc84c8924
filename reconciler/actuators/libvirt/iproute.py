"""What ``ip -j`` and ``bridge -j`` print about a host's links, read."""

from __future__ import annotations

from ipaddress import ip_interface

from pydantic import BaseModel, TypeAdapter

from reconciler.actuators.links import Link, LinkKind

# Only what can matter is listed: a host with a thousand guests has a thousand links of other kinds.
LOOK = """
ip -j -d address show type bridge && ip -j -d address show type vxlan || exit 1
for each in /sys/class/net/rx??????; do
    [ -e "$each" ] || continue
    echo "${each##*/}"
    bridge -j fdb show dev "${each##*/}" 2> /dev/null || echo '[]'
done
"""
_EVERYONE = "00:00:00:00:00:00"


class _Data(BaseModel):
    id: int | None = None
    local: str = ""
    local6: str = ""


class _Info(BaseModel):
    info_data: _Data = _Data()


class _Address(BaseModel):
    local: str = ""
    prefixlen: int = 0
    scope: str = ""


class _Link(BaseModel):
    # iproute2 prints an empty object for every link that it was told to leave out.
    ifname: str = ""
    address: str = ""
    flags: tuple[str, ...] = ()
    mtu: int = 0
    master: str = ""
    ifalias: str = ""
    linkinfo: _Info = _Info()
    addr_info: tuple[_Address, ...] = ()


class _Entry(BaseModel):
    mac: str = ""
    dst: str = ""


_LINKS: TypeAdapter[list[_Link]] = TypeAdapter(list[_Link])
_ENTRIES: TypeAdapter[list[_Entry]] = TypeAdapter(list[_Entry])


def read_links(text: str) -> tuple[Link, ...]:
    """What ``LOOK`` prints: bridges, VXLAN devices, then for each called like ours to whom it sends.

    Raises ValueError on anything else.
    """
    bridges, vxlans, *rest = [line for line in text.splitlines() if line.strip()]
    peers = {name: _peers(entries) for name, entries in zip(rest[::2], rest[1::2], strict=True)}
    return (
        *(_bridge(link) for link in _LINKS.validate_json(bridges) if link.ifname),
        *(_vxlan(link, peers.get(link.ifname, ())) for link in _LINKS.validate_json(vxlans) if link.ifname),
    )


def _peers(text: str) -> tuple[str, ...]:
    found = {entry.dst for entry in _ENTRIES.validate_json(text) if entry.mac == _EVERYONE and entry.dst}
    return tuple(sorted(found))


def _bridge(link: _Link) -> Link:
    own = (each for each in link.addr_info if each.scope == "global")
    addresses = tuple(str(ip_interface(f"{each.local}/{each.prefixlen}")) for each in own)
    is_up = "UP" in link.flags
    return Link(link.ifname, LinkKind.BRIDGE, link.ifalias, link.address, link.mtu, is_up, addresses)


def _vxlan(link: _Link, peers: tuple[str, ...]) -> Link:
    data = link.linkinfo.info_data
    return Link(
        link.ifname,
        LinkKind.VXLAN,
        link.ifalias,
        link.address,
        link.mtu,
        "UP" in link.flags,
        vni=data.id,
        local=data.local or data.local6,
        peers=peers,
        master=link.master,
    )
