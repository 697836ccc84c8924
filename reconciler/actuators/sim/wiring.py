"""Which effects it takes to make a segment on a simulated host, and to take it away."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.actuators.links import Link, LinkKind, alias_of, seen_by
from reconciler.actuators.sim.effects import DropLink, Effect, PutLink
from reconciler.actuators.sim.things import Box
from reconciler.errors import AlreadyExists
from reconciler.plan import DropNetwork, PutNetwork
from reconciler.specs.identity import vxlan_of


def put_network(put: PutNetwork, box: Box, fleet: str) -> Iterator[Effect]:
    """A bridge, and where there are peers the device that reaches them. Raises AlreadyExists."""
    segment, vxlan = put.segment, vxlan_of(put.segment.vni)
    _refuse_foreign(box, fleet, segment.bridge, segment.vni)
    alias = alias_of(fleet, segment.service, segment.network)
    addresses = (put.address,) if put.address else ()
    links = [Link(segment.bridge, LinkKind.BRIDGE, alias, segment.mtu, addresses=addresses)]
    if put.peers:
        links.append(
            Link(
                vxlan,
                LinkKind.VXLAN,
                alias,
                segment.mtu,
                vni=segment.vni,
                local=put.local,
                peers=put.peers,
                master=segment.bridge,
            )
        )
    elif vxlan in box.links:
        yield DropLink(vxlan)
    yield from (PutLink(link) for link in links if box.links.get(link.name) != link)


def drop_network(drop: DropNetwork, box: Box, fleet: str) -> Iterator[Effect]:
    """Neither is there any more. Raises AlreadyExists."""
    segment = drop.segment
    _refuse_foreign(box, fleet, segment.bridge, segment.vni)
    both = (vxlan_of(segment.vni), segment.bridge)
    yield from (DropLink(name) for name in both if name in box.links)


def _refuse_foreign(box: Box, fleet: str, bridge: str, vni: int) -> None:
    for link in seen_by(fleet, box.links.values()).foreign:
        if link.name in (bridge, vxlan_of(vni)) or link.vni == vni:
            raise AlreadyExists(box.host, f"there is a link {link.name} that is not ours")
