"""What each guest is told once addresses are known: its cards, its peers, and what follows from them.

Where an address is not known, because a host is silent, nothing that follows from it is told anew: not
seen is not gone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_network

from reconciler.actions import Impact
from reconciler.plan import Blocked, BlockKind, Refusal
from reconciler.planner.diff import differences
from reconciler.planner.impact import worst
from reconciler.planner.service_view import Segments, Service, View, bridges_of
from reconciler.specs.desired import MTU, Desired, Instance, NicKind, ServiceNames, Sha256
from reconciler.specs.expressions import Unanswered
from reconciler.specs.fingerprint import digest_of_written, sha256_hex
from reconciler.specs.guest import GuestContext, Interface
from reconciler.specs.identity import mac_address
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
    """Desired with all that guests are told; ``blocked`` are those that cannot be made as they should be."""

    desired: Desired
    blocked: tuple[Blocked, ...] = ()


def told(desired: Desired, observed: Observed, blocked: Sequence[Blocked] = ()) -> Told:
    """Fill in every context of ``desired``, as it was loaded but with its addresses.

    An instance that is told anything, or has a card on a segment, gets its ``interfaces``, its ``peers``
    and its expressions filled in; ``Machine.peers`` becomes the digest of what follows from others.
    ``blocked`` are the instances that could not be given an address.
    """
    unheard = {each.instance for each in blocked if each.kind is BlockKind.UNKNOWN}
    services = _services(desired, frozenset(unheard))
    instances: list[Instance] = []
    held: list[Blocked] = []
    for instance in desired.instances:
        service = services[instance.key.service]
        if instance.context is None and not bridges_of(instance, service.segments):
            instances.append(instance)
            continue
        states = observed.by_uuid.get(instance.uuid, ())
        done = _complete(instance, service)
        if isinstance(done, Unanswered):
            done = _as_applied(instance, states)
            held.extend(_held(done, states, service, observed))
        instances.append(done)
    return Told(replace(desired, instances=tuple(instances)), tuple(held))


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


def _complete(instance: Instance, service: Service) -> Instance | Unanswered:
    """The instance with everything that it is told, or what is not known for it."""
    if not service.is_known:
        return Unanswered("the addresses of its peers are not known")
    written, view = instance.context or GuestContext(instance.name), service.seen_by(instance)
    answers: dict[str, str] = {}
    for expression in _expressions(written):
        answer = view.facts.answer(expression, view.member(instance))
        if isinstance(answer, Unanswered):
            return answer
        answers[expression] = answer
    context = replace(
        written,
        interfaces=_interfaces(instance, service.segments),
        peers=view.peers,
        environment=tuple((name, filled(text, answers.__getitem__)) for name, text in written.environment),
        cloud_init=_document(written.cloud_init, answers, view),
    )
    digest = instance.machine.context or digest_of_written(written)
    peers, machine = _digest(written, context, view), instance.machine
    if (machine.context, machine.peers) != (digest, peers):
        machine = replace(machine, context=digest, peers=peers)
    return replace(instance, context=context, machine=machine)


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
            prefix = ip_network(segment.cidr).prefixlen
            yield Interface(mac, f"{nic.address}/{prefix}", segment.mtu)


def _digest(written: GuestContext, complete: GuestContext, view: View) -> Sha256 | None:
    """Of what follows from others and from the segments it is on; None where nothing does."""
    pairs = zip(written.environment, complete.environment, strict=True)
    resolved = [after for before, after in pairs if has_expressions(before[1])]
    document = complete.cloud_init if has_expressions(written.cloud_init) else ""
    # The usual one is left out: it is what most guests have, and nobody needs to be told of it.
    mtus = [card.mtu for card in complete.interfaces if card.mtu not in (None, MTU)]
    if not (complete.peers or resolved or document or mtus):
        return None
    return sha256_hex(json.dumps([view.digest, resolved, document, *mtus]).encode())
