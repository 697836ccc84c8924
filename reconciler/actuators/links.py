"""Links of a host, read alike on every platform: which are a segment's, and which are somebody else's.

A link is ours by its alias, and only where name, alias and VXLAN number agree. The kernel takes an alias
only once a link is there: one that was born and has none yet is known by the MAC address it was born with.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from reconciler.specs.identity import bridge_of, is_own_link, link_mac, vni_of, vni_of_bridge, vxlan_of
from reconciler.state import ForeignLink, SegmentState

_OWNER = "reconciler:"


class LinkKind(StrEnum):
    """What a link is."""

    BRIDGE = "bridge"
    VXLAN = "vxlan"


@dataclass(frozen=True, slots=True)
class Link:
    """A bridge, or a VXLAN device with its number, its own end and those of its peers.

    ``addresses`` are a bridge's own with their prefixes; ``master`` is the bridge a device is plugged into.
    """

    name: str
    kind: LinkKind
    alias: str = ""
    mac: str = ""
    mtu: int = 1500
    up: bool = True
    addresses: tuple[str, ...] = ()
    vni: int | None = None
    local: str = ""
    peers: tuple[str, ...] = ()
    master: str = ""


def alias_of(fleet: str, service: str, network: str) -> str:
    """The alias by which a link is known to be of a segment of ours."""
    return f"{_OWNER}{fleet}/{service}/{network}"


@dataclass(frozen=True, slots=True)
class Links:
    """A host's links as a fleet sees them. ``bridges`` are those that are not its own."""

    bridges: tuple[str, ...]
    segments: tuple[SegmentState, ...]
    foreign: tuple[ForeignLink, ...]


@dataclass(frozen=True, slots=True)
class _Owner:
    service: str
    network: str


def seen_by(fleet: str, host: str, links: Iterable[Link]) -> Links:
    """Tell a fleet's own links from all others, and put the parts of each segment together."""
    links = sorted(links, key=lambda link: link.name)
    owners = {link.name: owner for link in links if (owner := _owner(link, fleet, host)) is not None}
    own = {link.name: link for link in links if link.name in owners}
    others = [link for link in links if link.name not in owners]
    vnis: dict[int, _Owner] = {}
    for name, owner in owners.items():
        known = vnis.setdefault(vni_of_bridge(name), owner)
        if not known.service:
            vnis[vni_of_bridge(name)] = owner
    return Links(
        tuple(link.name for link in others if link.kind is LinkKind.BRIDGE),
        tuple(
            _segment(vni, owner, own.get(bridge_of(vni)), own.get(vxlan_of(vni)))
            for vni, owner in sorted(vnis.items())
        ),
        tuple(
            ForeignLink(link.name, link.vni)
            for link in others
            if is_own_link(link.name) or link.vni is not None
        ),
    )


def _owner(link: Link, fleet: str, host: str) -> _Owner | None:
    """Whose part a link is, or None where it is not of this fleet."""
    if not is_own_link(link.name):
        return None
    if not link.alias and link.mac == link_mac(fleet, host, link.name):
        return _Owner("", link.name)  # whoever made it was killed before it could say for what
    if not link.alias.startswith(_OWNER):
        return None
    parts = link.alias.removeprefix(_OWNER).split("/")
    if len(parts) != 3 or parts[0] != fleet:
        return None
    vni = vni_of(*parts)
    called = bridge_of(vni) if link.kind is LinkKind.BRIDGE else vxlan_of(vni)
    return _Owner(parts[1], parts[2]) if link.name == called and link.vni in (None, vni) else None


def _segment(vni: int, owner: _Owner, bridge: Link | None, vxlan: Link | None) -> SegmentState:
    some = bridge or vxlan
    assert some is not None, "a segment is known by one of its links"
    addresses = () if bridge is None else bridge.addresses
    is_up = bridge is not None and bridge.up and bool(bridge.alias) and len(addresses) < 2
    if vxlan is not None:
        is_up = (
            is_up
            and vxlan.up
            and bool(vxlan.alias)
            and vxlan.master == bridge_of(vni)
            and vxlan.mtu == some.mtu
        )
    return SegmentState(
        service=owner.service,
        network=owner.network,
        bridge=bridge_of(vni),
        vni=vni,
        mtu=some.mtu,
        address=min(addresses, default=""),
        local=vxlan.local if vxlan else "",
        peers=tuple(sorted(vxlan.peers)) if vxlan else (),
        up=is_up,
    )
