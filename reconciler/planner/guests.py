"""What each guest is told once addresses are known: its cards, its peers, and what follows from them.

Of everybody only the digest of it is worked out, which is what is compared; whom a step makes or changes
is told in full. Where an address is not known, because a host is silent, nothing that follows from it is
told anew: not seen is not gone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from ipaddress import ip_network

from reconciler.actions import Impact
from reconciler.plan import Blocked, BlockKind, Refusal
from reconciler.planner.diff import differences
from reconciler.planner.impact import worst
from reconciler.planner.service_view import Environment, Following, Segments, Service, View, bridges_of
from reconciler.specs.desired import Desired, Form, Instance, NicKind, ServiceNames, Sha256
from reconciler.specs.expressions import Unanswered
from reconciler.specs.fingerprint import digest_of_written, sha256_hex
from reconciler.specs.guest import GuestContext, Interface
from reconciler.specs.identity import mac_address
from reconciler.specs.service_facts import asks_who
from reconciler.specs.templates import (
    document_expressions,
    filled,
    filled_document,
    has_expressions,
    texts_of,
)
from reconciler.state import InstanceState, Observed


@dataclass(frozen=True, slots=True)
class Told:
    """Desired with the digests of all that guests are told; ``blocked`` are those that cannot be made as they
    should be.
    """

    desired: Desired
    blocked: tuple[Blocked, ...]
    services: Mapping[str, Service]

    def in_full(self, instance: Instance) -> Instance:
        """One of its instances with its context filled in: its ``interfaces``, ``peers`` and expressions.

        The same where it is told nothing, or where what it would be told is not known.
        """
        service = self.services[instance.key.service]
        if not _is_told(instance, service):
            return instance
        written, view = _written(instance), service.seen_by(instance)
        follows = _following(instance, service)
        if isinstance(follows, Unanswered):
            return instance
        context = GuestContext(
            hostname=written.hostname,
            ssh_keys=written.ssh_keys,
            environment=follows.environment,
            cloud_init=follows.cloud_init,
            interfaces=_interfaces(instance, service.segments),
            peers=view.peers,
        )
        return replace(instance, context=context)


def told(desired: Desired, observed: Observed, blocked: Sequence[Blocked] = ()) -> Told:
    """Work out what everybody is told; ``desired`` is as it was loaded but with its addresses.

    Of an instance that is told anything, or has a card on a segment, ``Machine.peers`` becomes the digest of
    what follows from others. ``blocked`` are the instances that could not be given an address.
    """
    unheard = {each.instance for each in blocked if each.kind is BlockKind.UNKNOWN}
    services = _services(desired, frozenset(unheard))
    instances: list[Instance] = []
    held: list[Blocked] = []
    for instance in desired.instances:
        service = services[instance.key.service]
        if not _is_told(instance, service):
            instances.append(instance)
            continue
        states = observed.by_uuid.get(instance.uuid, ())
        done = _digested(instance, service)
        if isinstance(done, Unanswered):
            done = _as_applied(instance, states)
            held.extend(_held(done, states, service, observed))
        instances.append(done)
    return Told(replace(desired, instances=tuple(instances)), tuple(held), services)


def _services(desired: Desired, unheard: frozenset[str]) -> dict[str, Service]:
    segments = {segment.bridge: segment for segment in desired.segments}
    names = {each.key: each for each in desired.names}
    members: dict[str, list[Instance]] = {}
    for instance in desired.instances:
        own = members.setdefault(instance.key.service, [])
        if not instance.machine.surge:  # it comes and goes, and nobody is told
            own.append(instance)
    return {
        key: Service(names.get(key, ServiceNames(key, key, ())), each, segments, unheard)
        for key, each in members.items()
    }


def _is_told(instance: Instance, service: Service) -> bool:
    if instance.form is not Form.WRITTEN:
        return False  # what it was told is on its host
    return instance.context is not None or bool(bridges_of(instance, service.segments))


def _written(instance: Instance) -> GuestContext:
    return instance.context or GuestContext(instance.name)


def _digested(instance: Instance, service: Service) -> Instance | Unanswered:
    """The instance with the digests of all that it is told, or what is not known for it."""
    follows = _following(instance, service)
    if isinstance(follows, Unanswered):
        return follows
    machine = instance.machine
    digest = machine.context or digest_of_written(_written(instance))
    if (machine.context, machine.peers) == (digest, follows.digest):
        return instance
    return replace(instance, machine=replace(machine, context=digest, peers=follows.digest))


def _following(instance: Instance, service: Service) -> Following | Unanswered:
    """What follows from others; worked out once for all who are told the same."""
    if not service.is_known:
        return Unanswered("the addresses of its peers are not known")
    written, view = _written(instance), service.seen_by(instance)
    key = (written.environment, written.cloud_init)
    if key in view.told:
        return view.told[key]
    expressions = tuple(_expressions(written))
    answers: dict[str, str] = {}
    for expression in expressions:
        answer = view.facts.answer(expression, view.member(instance))
        if isinstance(answer, Unanswered):
            return answer
        answers[expression] = answer
    environment = tuple((name, filled(text, answers.__getitem__)) for name, text in written.environment)
    document = _document(written.cloud_init, answers, view)
    follows = Following(environment, document, _digest(written, environment, document, view))
    if not any(map(asks_who, expressions)):
        view.told[key] = follows
    return follows


def _expressions(written: GuestContext) -> Iterable[str]:
    for _, text in written.environment:
        if has_expressions(text):
            yield from texts_of(text)
    if has_expressions(written.cloud_init):
        yield from document_expressions(written.cloud_init)


def _document(text: str, answers: Mapping[str, str], view: View) -> str:
    if not has_expressions(text):
        return text
    key = (text, *(answers[each] for each in document_expressions(text)))
    if key not in view.documents:
        view.documents[key] = filled_document(text, answers.__getitem__)
    return view.documents[key]


def _as_applied(instance: Instance, states: Sequence[InstanceState]) -> Instance:
    """The instance, told of its peers what it was told last: that is no reason to touch it."""
    if len(states) != 1:
        return instance
    return replace(instance, machine=replace(instance.machine, peers=states[0].applied.peers))


def _held(
    instance: Instance, states: Sequence[InstanceState], service: Service, observed: Observed
) -> Iterable[Blocked]:
    """Why an instance cannot be made as it should be; nothing where it is that already, or not seen."""
    if states and all(_needs_no_seed(instance, state) for state in states):
        return
    if service.is_known:
        refusal = Refusal("*", "an expression in what it is told has no answer: an address is missing")
        yield Blocked(instance.name, BlockKind.NO_PLACE, (refusal,))
    elif states:
        why = "did not answer: {}; nobody knows the addresses that the guest must be told"
        refusals = tuple(Refusal(each.host, why.format(each.reason)) for each in observed.unknown)
        yield Blocked(instance.name, BlockKind.UNKNOWN, refusals)


def _needs_no_seed(instance: Instance, state: InstanceState) -> bool:
    return state.complete and worst(differences(instance.machine, state)) is Impact.LIVE


def _interfaces(instance: Instance, segments: Segments) -> tuple[Interface, ...]:
    return tuple(_cards(instance, segments))


def _cards(instance: Instance, segments: Segments) -> Iterable[Interface]:
    for number, nic in enumerate(instance.machine.nics):
        mac = mac_address(instance.uuid, number)
        segment = segments.get(nic.source) if nic.kind is NicKind.BRIDGE else None
        if segment is None or nic.address is None:
            yield Interface(mac)
        else:
            yield Interface(mac, f"{nic.address}/{_prefix_of(segment.cidr)}", segment.mtu)


@lru_cache(maxsize=4096)
def _prefix_of(cidr: str) -> int:
    return ip_network(cidr).prefixlen


def _digest(written: GuestContext, environment: Environment, document: str, view: View) -> Sha256 | None:
    """Of what follows from others and from the segments it is on; None where nothing does."""
    pairs = zip(written.environment, environment, strict=True)
    resolved = [after for before, after in pairs if has_expressions(before[1])]
    document = document if has_expressions(written.cloud_init) else ""
    if not (view.peers or resolved or document or view.mtus):
        return None
    return sha256_hex(json.dumps([view.digest, resolved, document, *view.mtus]).encode())
