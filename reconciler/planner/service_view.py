"""How a service looks to its own instances: who there is, and where each is reached from there."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from reconciler.specs.desired import MTU, Instance, NicKind, Segment, ServiceNames, Sha256
from reconciler.specs.fingerprint import sha256_hex
from reconciler.specs.guest import Peer
from reconciler.specs.service_facts import Member, ServiceFacts

Segments = Mapping[str, Segment]
"""By the name of their bridge."""
Environment = tuple[tuple[str, str], ...]
"""Names and values, in their order."""


@dataclass(frozen=True, slots=True)
class Following:
    """What a guest is told with every expression filled in; the digest is of what follows from others."""

    environment: Environment
    cloud_init: str
    digest: Sha256 | None


@dataclass(frozen=True)
class Service:
    """A service, and how it looks from where: the same for all who are on the same segments."""

    names: ServiceNames
    members: Sequence[Instance]
    segments: Segments
    unheard: frozenset[str]
    """Names of instances whose address nobody knows, since a host is silent."""

    @cached_property
    def is_known(self) -> bool:
        """Whether all addresses of its instances are known that there may be."""
        return not any(
            each.name in self.unheard
            and any(nic.address is None for nic in each.machine.nics if nic.source in self.segments)
            for each in self.members
        )

    @cached_property
    def called(self) -> Mapping[str, str]:
        """Components as keys have them, and as the YAML calls them now."""
        return dict(self.names.components)

    @cached_property
    def _views(self) -> dict[tuple[str, ...], View]:
        return {}

    def seen_by(self, instance: Instance) -> View:
        """How one of its instances sees it."""
        bridges = bridges_of(instance, self.segments)
        if bridges not in self._views:
            self._views[bridges] = View(self, bridges)
        return self._views[bridges]


@dataclass(frozen=True)
class View:
    service: Service
    bridges: tuple[str, ...]

    @cached_property
    def peers(self) -> tuple[Peer, ...]:
        """Everybody with an address, by component and number."""
        members = sorted(self.service.members, key=lambda each: each.key)
        return tuple(
            Peer(address, (each.name, f"{each.key.component}-{each.key.ordinal}", each.key.component))
            for each in members
            if (address := self.address(each)) is not None
        )

    @cached_property
    def mtus(self) -> tuple[int, ...]:
        """Of its segments, but for the usual one: that is what most guests have, and nobody is told of it."""
        mtus = (self.service.segments[bridge].mtu for bridge in self.bridges)
        return tuple(mtu for mtu in mtus if mtu != MTU)

    @cached_property
    def digest(self) -> Sha256:
        """Of the peers: worked out once for all who see the same ones."""
        lines = [[peer.address, *peer.names] for peer in self.peers]
        return sha256_hex(json.dumps(lines).encode())

    @cached_property
    def facts(self) -> ServiceFacts:
        """What its expressions see."""
        called = self.service.called
        components: dict[str, list[Member]] = {name: [] for name in called.values()}
        for each in sorted(self.service.members, key=lambda instance: instance.key):
            component = called.get(each.key.component, each.key.component)
            components.setdefault(component, []).append(self.member(each))
        return ServiceFacts(self.service.names.name, components)

    @cached_property
    def documents(self) -> dict[tuple[str, ...], str]:
        """Cloud-configs that were filled in, by their text and the answers: replicas share them."""
        return {}

    @cached_property
    def told(self) -> dict[tuple[Environment, str], Following]:
        """By what is written for a guest, where it asks for nothing of its own: replicas share it."""
        return {}

    def member(self, instance: Instance) -> Member:
        """An instance as its service's expressions see it."""
        key = instance.key
        component = self.service.called.get(key.component, key.component)
        return Member(key.name, component, key.ordinal, self.address(instance))

    def address(self, of: Instance) -> str | None:
        """Where it is reached from here: on the first segment that both are on, or else anywhere."""
        addresses = {nic.source: nic.address for nic in of.machine.nics if nic.address is not None}
        shared = (addresses[bridge] for bridge in self.bridges if bridge in addresses)
        return next(shared, next(iter(addresses.values()), None))


def bridges_of(instance: Instance, segments: Segments) -> tuple[str, ...]:
    """The segments it is on, in the order of its cards."""
    nics = instance.machine.nics
    return tuple(nic.source for nic in nics if nic.kind is NicKind.BRIDGE and nic.source in segments)
