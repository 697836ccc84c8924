"""Networks of a service: which are made by us, what they are called on a host, and who has which address."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_address, ip_network

from reconciler.errors import Fault
from reconciler.specs.addresses import Network, unusable
from reconciler.specs.desired import MTU, Nic, NicKind, Segment
from reconciler.specs.documents import Document
from reconciler.specs.identity import bridge_of, vni_of
from reconciler.specs.models.component import ComponentModel
from reconciler.specs.models.service import NetworkModel, ServiceModel
from reconciler.specs.resolve.moves import key_of_service
from reconciler.specs.yaml.source import Place


def segments_of(document: Document[ServiceModel], fleet: str) -> Iterator[Segment]:
    """The networks of a service that we make."""
    service = key_of_service(document.model)
    for name, network in document.model.networks.items():
        if network.cidr is not None:
            vni = vni_of(fleet, service, name)
            yield Segment(service, name, network.cidr, vni, bridge_of(vni), network.mtu or MTU)


@dataclass(frozen=True)
class Cards:
    """The network cards of a component's replicas."""

    fleet: str
    service: ServiceModel
    component: ComponentModel

    @property
    def addressed(self) -> bool:
        """Whether one of them is on a segment."""
        return any(self.service.networks[name].cidr for name in self.component.networks)

    @cached_property
    def alike(self) -> tuple[Nic, ...]:
        """What those of all replicas have in common."""
        return self._cards(self.component.replicas)

    def of(self, ordinal: int) -> tuple[Nic, ...]:
        """Those of one replica, in the order of the YAML, with the addresses that were written."""
        written = any(plug.addresses for plug in self.component.networks.values())
        return self._cards(ordinal) if written else self.alike

    def _cards(self, ordinal: int) -> tuple[Nic, ...]:
        return tuple(self._card(name, ordinal) for name in self.component.networks)

    def _card(self, name: str, ordinal: int) -> Nic:
        network = self.service.networks[name]
        if network.bridge:
            return Nic(NicKind.BRIDGE, network.bridge)
        if network.libvirt_network:
            return Nic(NicKind.NETWORK, network.libvirt_network)
        written = self.component.networks[name].addresses
        bridge = bridge_of(vni_of(self.fleet, key_of_service(self.service), name))
        return Nic(NicKind.BRIDGE, bridge, written[ordinal] if ordinal < len(written) else None)


def check_networks(documents: Sequence[Document[ServiceModel]], fleet: str | None) -> Iterator[Fault]:
    """What is wrong with segments and addresses once services, and all that is in them, meet."""
    for document in documents:
        yield from _addresses(document)
    yield from _overlaps(documents)
    if fleet is not None:
        yield from _collisions(documents, fleet)


def _addresses(document: Document[ServiceModel]) -> Iterator[Fault]:
    """Each address lies in its network, has one owner, and there are no more than replicas."""
    service = document.model
    owners: dict[tuple[str, str], Place] = {}
    for name, component in service.components.items():
        for network, plug in component.networks.items():
            model = service.networks.get(network)
            if model is None or not plug.addresses:
                continue
            found = document.find("components", name, "networks", network, "addresses")
            if model.cidr is None:
                place = found.key or found.node.place
                yield place.fault(
                    f"only a network with a cidr has addresses, {network!r} is {_kind(model)}",
                    hint="delete 'addresses'",
                )
                continue
            for index, text in enumerate(plug.addresses):
                place = document.find("components", name, "networks", network, "addresses", index).node.place
                other = owners.setdefault((network, text), place)
                if index >= component.replicas:
                    yield place.fault(f"{len(plug.addresses)} addresses for {component.replicas} replicas")
                elif why := unusable(ip_address(text), ip_network(model.cidr)):
                    yield place.fault(why)
                elif other is not place and other.position != place.position:
                    yield place.fault(f"{text} is taken already, in {other.position}")


def _kind(network: NetworkModel) -> str:
    return f"the bridge {network.bridge}" if network.bridge else f"the network {network.libvirt_network}"


def _cidrs(
    documents: Sequence[Document[ServiceModel]],
) -> Iterator[tuple[Document[ServiceModel], str, Network]]:
    for document in documents:
        for name, network in document.model.networks.items():
            if network.cidr is not None:
                yield document, name, ip_network(network.cidr)


def _overlaps(documents: Sequence[Document[ServiceModel]]) -> Iterator[Fault]:
    """A host may have a bridge of every one: no address may be in two of them."""
    ordered = sorted(
        _cidrs(documents), key=lambda each: (each[2].version, int(each[2].network_address), each[2].prefixlen)
    )
    widest = None
    for document, name, network in ordered:
        place = document.find("networks", name, "cidr").node.place
        if widest is not None and widest[0].version == network.version:
            other, where = widest
            if int(network.network_address) <= int(other.broadcast_address):
                yield place.fault(f"{network} overlaps with {other} in {where}", hint="take another one")
                continue
        widest = (network, place.position)


def _collisions(documents: Sequence[Document[ServiceModel]], fleet: str) -> Iterator[Fault]:
    """Names on a host have room for 24 bits: two segments may come out alike."""
    seen: dict[int, str] = {}
    for document, name, _ in _cidrs(documents):
        service = key_of_service(document.model)
        own = f"{service}.{name}"
        other = seen.setdefault(vni_of(fleet, service, name), own)
        if other != own:
            found = document.find("networks", name)
            place = found.key or found.node.place
            yield place.fault(f"{own} would have the same VXLAN number as {other}", hint="rename one of them")
