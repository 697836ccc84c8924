"""What each guest is told once all addresses are known: its cards, its peers, and what follows from them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from ipaddress import ip_network

from reconciler.errors import Fault, InvalidInput
from reconciler.specs.desired import (
    Desired,
    GuestContext,
    Instance,
    Interface,
    NicKind,
    Peer,
    Segment,
    ServiceNames,
    Sha256,
)
from reconciler.specs.expressions import Unanswered
from reconciler.specs.fingerprint import digest_of_written, sha256_hex
from reconciler.specs.identity import mac_address
from reconciler.specs.service_facts import Member, ServiceFacts
from reconciler.specs.templates import filled, filled_document, has_expressions

Segments = Mapping[str, Segment]
"""By the name of their bridge."""


def told(desired: Desired) -> Desired:
    """The same, with everything that a guest is told of itself and of its peers.

    An instance that is told anything, or has a card on a segment, gets its ``interfaces``, its ``peers``
    and its expressions filled in; ``Machine.peers`` becomes the digest of what follows from others.
    Raises InvalidInput where an expression has no answer, which loading has ruled out.
    """
    segments = {segment.bridge: segment for segment in desired.segments}
    names = {each.key: each for each in desired.names}
    members: dict[str, list[Instance]] = {}
    for instance in desired.instances:
        members.setdefault(instance.key.service, []).append(instance)
    services = {
        key: _Service(names.get(key, ServiceNames(key, key, ())), each, segments)
        for key, each in members.items()
    }
    return replace(
        desired, instances=tuple(_told(each, services[each.key.service]) for each in desired.instances)
    )


@dataclass(frozen=True)
class _Service:
    """A service, and how it looks from where: the same for all who are on the same segments."""

    names: ServiceNames
    members: Sequence[Instance]
    segments: Segments

    @cached_property
    def _views(self) -> dict[tuple[str, ...], _View]:
        return {}

    def seen_by(self, instance: Instance) -> _View:
        """How one of its instances sees it."""
        bridges = _bridges(instance, self.segments)
        if bridges not in self._views:
            self._views[bridges] = _View(self, bridges)
        return self._views[bridges]


@dataclass(frozen=True)
class _View:
    service: _Service
    bridges: tuple[str, ...]

    @cached_property
    def peers(self) -> tuple[Peer, ...]:
        """Everybody with an address, by component and number."""
        keys = sorted((each.key, address) for each in self.service.members if (address := self.address(each)))
        return tuple(
            Peer(address, (key.name, f"{key.component}-{key.ordinal}", key.component))
            for key, address in keys
        )

    @cached_property
    def facts(self) -> ServiceFacts:
        """What its expressions see."""
        called = dict(self.service.names.components)
        components: dict[str, list[Member]] = {name: [] for name in called.values()}
        for each in sorted(self.service.members, key=lambda instance: instance.key):
            component = called.get(each.key.component, each.key.component)
            components.setdefault(component, []).append(self.member(each))
        return ServiceFacts(self.service.names.name, components)

    def member(self, instance: Instance) -> Member:
        """An instance as its service's expressions see it."""
        key = instance.key
        component = dict(self.service.names.components).get(key.component, key.component)
        return Member(key.name, component, key.ordinal, self.address(instance))

    def address(self, of: Instance) -> str | None:
        """Where it is reached from here: on the first segment that both are on, or else anywhere."""
        addresses = {nic.source: nic.address for nic in of.machine.nics if nic.address is not None}
        shared = (addresses[bridge] for bridge in self.bridges if bridge in addresses)
        return next(shared, next(iter(addresses.values()), None))


def _told(instance: Instance, service: _Service) -> Instance:
    if instance.context is None and not _bridges(instance, service.segments):
        return instance
    context = instance.context or GuestContext(instance.name)
    machine, view = instance.machine, service.seen_by(instance)
    answers = _Answers(instance, view)
    complete = replace(
        context,
        interfaces=_interfaces(instance, service.segments),
        peers=view.peers,
        environment=tuple((name, answers.fill(text)) for name, text in context.environment),
        cloud_init=answers.fill_document(context.cloud_init),
    )
    return replace(
        instance,
        context=complete,
        machine=replace(
            machine,
            context=machine.context or digest_of_written(context),
            peers=_digest(context, complete),
        ),
    )


@dataclass(frozen=True, slots=True)
class _Answers:
    """What one instance's expressions give."""

    instance: Instance
    view: _View

    def fill(self, text: str) -> str:
        return filled(text, self._answer) if has_expressions(text) else text

    def fill_document(self, text: str) -> str:
        return filled_document(text, self._answer) if has_expressions(text) else text

    def _answer(self, expression: str) -> str:
        answer = self.view.facts.answer(expression, self.view.member(self.instance))
        if isinstance(answer, Unanswered):
            message = f"an expression has no answer for {self.instance.name}: {answer.reason}"
            raise InvalidInput([Fault(self.instance.origin, message)])
        return answer


def _bridges(instance: Instance, segments: Segments) -> tuple[str, ...]:
    """The segments it is on, in the order of its cards."""
    nics = instance.machine.nics
    return tuple(nic.source for nic in nics if nic.kind is NicKind.BRIDGE and nic.source in segments)


def _interfaces(instance: Instance, segments: Segments) -> tuple[Interface, ...]:
    return tuple(_cards(instance, segments))


def _cards(instance: Instance, segments: Segments) -> Iterable[Interface]:
    for number, nic in enumerate(instance.machine.nics):
        mac = mac_address(instance.uuid, number)
        segment = segments.get(nic.source) if nic.kind is NicKind.BRIDGE else None
        if segment is None or nic.address is None:
            yield Interface(mac)
        else:
            prefix = ip_network(segment.cidr).prefixlen
            yield Interface(mac, f"{nic.address}/{prefix}", segment.mtu)


def _digest(written: GuestContext, complete: GuestContext) -> Sha256 | None:
    """Of what follows from others; None where nothing does."""
    resolved = [
        pair
        for before, pair in zip(written.environment, complete.environment, strict=True)
        if has_expressions(before[1])
    ]
    document = complete.cloud_init if has_expressions(written.cloud_init) else ""
    if not (complete.peers or resolved or document):
        return None
    lines = [[peer.address, *peer.names] for peer in complete.peers]
    return sha256_hex(json.dumps([lines, resolved, document]).encode())
