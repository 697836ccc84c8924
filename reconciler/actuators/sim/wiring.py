"""Which effects it takes to make a segment on a simulated host, and to take it away."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from reconciler.actions import DropNetwork, PutNetwork
from reconciler.actuators.links import Link, LinkKind, alias_of, seen_by
from reconciler.actuators.sim.effects import DropLink, Effect, PutLink
from reconciler.actuators.sim.things import Box
from reconciler.errors import AlreadyExists
from reconciler.specs.identity import link_mac, vxlan_of


def put_network(put: PutNetwork, box: Box, fleet: str) -> Iterator[Effect]:
    """A bridge, and where there are peers the device that reaches them. Raises AlreadyExists."""
    segment, vxlan = put.segment, vxlan_of(put.segment.vni)
    _refuse_foreign(box, fleet, segment.bridge, segment.vni)
    alias = alias_of(fleet, segment.service, segment.network)
    bridge = Link(
        name=segment.bridge,
        kind=LinkKind.BRIDGE,
        alias=alias,
        mac=link_mac(fleet, box.host, segment.bridge),
        mtu=segment.mtu,
        addresses=(put.address,) if put.address else (),
    )
    yield from _made(box, bridge)
    if put.peers:
        device = Link(
            name=vxlan,
            kind=LinkKind.VXLAN,
            alias=alias,
            mac=link_mac(fleet, box.host, vxlan),
            mtu=segment.mtu,
            vni=segment.vni,
            local=put.local,
            peers=put.peers,
            master=segment.bridge,
        )
        yield from _made(box, device)
    elif vxlan in box.links:
        yield DropLink(vxlan)


def _made(box: Box, link: Link) -> Iterator[Effect]:
    """A link is born with its MAC address, and gets all the rest once it is there."""
    if link.name not in box.links:
        yield PutLink(replace(link, alias="", up=False, addresses=(), peers=(), master=""))
    if box.links.get(link.name) != link:
        yield PutLink(link)


def drop_network(drop: DropNetwork, box: Box, fleet: str) -> Iterator[Effect]:
    """Neither is there any more. Raises AlreadyExists."""
    segment = drop.segment
    _refuse_foreign(box, fleet, segment.bridge, segment.vni)
    both = (vxlan_of(segment.vni), segment.bridge)
    yield from (DropLink(name) for name in both if name in box.links)


def _refuse_foreign(box: Box, fleet: str, bridge: str, vni: int) -> None:
    for link in seen_by(fleet, box.host, box.links.values()).foreign:
        if link.name in (bridge, vxlan_of(vni)) or link.vni == vni:
            raise AlreadyExists(box.host, f"there is a link {link.name} that is not ours")
