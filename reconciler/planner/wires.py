"""Which machines are plugged into which segments, and what of other people's stands in a segment's way."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from ipaddress import ip_network
from typing import TypeVar

from reconciler.plan import Refusal
from reconciler.specs.addresses import Address
from reconciler.specs.desired import Nic, Segment
from reconciler.specs.identity import is_own_link, vni_of_bridge, vxlan_of
from reconciler.state import HostState, InstanceState, Observed

T = TypeVar("T")


def segments_in(nics: Iterable[Nic]) -> frozenset[str]:
    """Bridges of the segments that cards are on: nobody else may call a bridge like ours."""
    return frozenset([nic.source for nic in nics if is_own_link(nic.source)])


def on_segments(things: Iterable[T], nics_of: Callable[[T], Iterable[Nic]]) -> Mapping[str, Sequence[T]]:
    """Those that have a card on a segment, in their order, by its bridge: told once for all segments."""
    found: dict[str, list[T]] = {}
    for thing in things:
        for bridge in segments_in(nics_of(thing)):
            found.setdefault(bridge, []).append(thing)
    return found


def segments_of_state(state: InstanceState) -> frozenset[str]:
    """Bridges of the segments that a machine is on: as it was applied or as it is."""
    return segments_in((*state.applied.nics, *state.live.nics))


def plugged_into(bridge: str, host: HostState) -> tuple[InstanceState, ...]:
    """The machines of a host that are on a segment."""
    return tuple(state for state in host.instances if bridge in segments_of_state(state))


def swallowed_by(segment: Segment, observed: Observed) -> tuple[Refusal, ...]:
    """Hosts whose own address lies in a segment's network: a bridge of it would cut them off."""
    network = ip_network(segment.cidr)
    first = bisect_left(observed.by_address, _number(network.network_address), key=_of_host)
    last = bisect_right(observed.by_address, _number(network.broadcast_address), key=_of_host)
    return tuple(
        Refusal(
            host.host, f"its own address {host.address} is in {segment.cidr}, the cidr of {segment.title}"
        )
        for host in sorted((host for _, host in observed.by_address[first:last]), key=lambda each: each.host)
    )


def _number(address: Address) -> tuple[int, int]:
    return (address.version, int(address))


def _of_host(known: tuple[Address, HostState]) -> tuple[int, int]:
    return _number(known[0])


def foreign_in_the_way(bridge: str, host: HostState) -> str | None:
    """Why a segment cannot be on a host; None where it can."""
    if host.segments is None:
        return "makes no networks"
    vni = vni_of_bridge(bridge)
    for link in host.foreign_links:
        if link.name in (bridge, vxlan_of(vni)):
            return f"has a link {link.name} that is not ours: rename it, or rename the network"
        if link.vni == vni:
            return f"has a link {link.name} with VXLAN number {vni}: that is the network's own"
    return None
