"""What guests are told, once every address is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_network

from reconciler.specs.desired import Desired, Instance, Interface, Nic, Segment
from reconciler.specs.identity import mac_address


def told(desired: Desired) -> Desired:
    """Desired with everything in the instances' contexts that follows from addresses."""
    if not desired.segments:
        return desired
    segments = {segment.bridge: segment for segment in desired.segments}
    return replace(desired, instances=tuple(_with_interfaces(each, segments) for each in desired.instances))


def _with_interfaces(instance: Instance, segments: Mapping[str, Segment]) -> Instance:
    """A guest without a segment sets up its cards as it always did."""
    nics = instance.machine.nics
    if instance.context is None or not any(nic.source in segments for nic in nics):
        return instance
    cards = tuple(
        _interface(nic, mac_address(instance.uuid, number), segments.get(nic.source))
        for number, nic in enumerate(nics)
    )
    return replace(instance, context=replace(instance.context, interfaces=cards))


def _interface(nic: Nic, mac: str, segment: Segment | None) -> Interface:
    if segment is None:
        return Interface(mac)
    prefix = ip_network(segment.cidr).prefixlen
    return Interface(mac, None if nic.address is None else f"{nic.address}/{prefix}", segment.mtu)
