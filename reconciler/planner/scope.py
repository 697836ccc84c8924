"""What a plan is made from, brought into one form: sorted, and limited to the fleet's own.

Equal inputs in any order become equal here, so that nothing after this has to think of order.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from reconciler.planner.placement.footprints import footprint
from reconciler.planner.placement.ledger import Site
from reconciler.specs.desired import Desired, Fleet, Host, Image, Instance, Resources
from reconciler.state import HostState, HostUnknown, Observed, SegmentState


def sorted_desired(desired: Desired) -> Desired:
    """The same with every collection that has no order of its own sorted."""
    return replace(
        desired,
        fleet=replace(
            desired.fleet,
            hosts=tuple(sorted(map(_sorted_host, desired.fleet.hosts), key=lambda host: host.name)),
        ),
        services=tuple(sorted(desired.services)),
        instances=tuple(sorted(map(_sorted_instance, desired.instances), key=lambda each: each.key)),
        images=tuple(sorted(map(_sorted_image, desired.images), key=lambda image: image.use.name)),
        segments=tuple(sorted(desired.segments)),
    )


def sorted_observed(observed: Observed) -> Observed:
    """The same, for one look at the fleet."""
    return replace(
        observed,
        hosts=tuple(sorted(map(_sorted_state, observed.hosts), key=lambda state: state.host)),
        unknown=tuple(sorted(observed.unknown, key=lambda unknown: unknown.host)),
        sick=tuple(sorted(observed.sick)),
        failed=tuple(sorted(observed.failed)),
    )


def _sorted_host(host: Host) -> Host:
    labels = tuple(sorted(host.labels))
    return host if labels == host.labels else replace(host, labels=labels)


def _sorted_instance(instance: Instance) -> Instance:
    if len(instance.depends_on) < 2:
        return instance
    return replace(
        instance,
        depends_on=tuple(sorted(instance.depends_on)),
        healthy_first=tuple(sorted(instance.healthy_first)),
    )


def _sorted_image(image: Image) -> Image:
    return replace(image, parts=tuple(sorted(image.parts, key=lambda part: (part.sha256, part.source))))


def _sorted_state(state: HostState) -> HostState:
    return replace(
        state,
        bridges=None if state.bridges is None else tuple(sorted(state.bridges)),
        networks=None if state.networks is None else tuple(sorted(state.networks)),
        images=tuple(sorted(state.images)),
        segments=None if state.segments is None else tuple(map(_sorted_segment, _by_bridge(state.segments))),
        foreign_links=tuple(sorted(state.foreign_links, key=lambda link: (link.name, link.vni or 0))),
        instances=tuple(sorted(state.instances, key=lambda each: (each.key, each.uuid))),
        volumes=tuple(sorted(state.volumes, key=lambda volume: (volume.key, volume.disk))),
    )


def _by_bridge(segments: Iterable[SegmentState]) -> list[SegmentState]:
    return sorted(segments, key=lambda segment: segment.bridge)


def _sorted_segment(segment: SegmentState) -> SegmentState:
    peers = tuple(sorted(segment.peers))
    return segment if peers == segment.peers else replace(segment, peers=peers)


def scoped(observed: Observed, fleet: Fleet) -> Observed:
    """What was seen of this fleet: its hosts, each seen or silent, and its machines.

    A host that is no longer declared is left out. A host that was never asked is as silent as one
    that did not answer. Machines of another fleet only take room.
    """
    names = {host.name for host in fleet.hosts}
    seen = tuple(_own(state, fleet) for state in observed.hosts if state.host in names)
    silent = [unknown for unknown in observed.unknown if unknown.host in names]
    heard_of = {state.host for state in seen} | {unknown.host for unknown in silent}
    unasked = [HostUnknown(name, "was not asked") for name in names - heard_of]
    unknown = tuple(sorted((*silent, *unasked), key=lambda unknown: unknown.host))
    return Observed(fleet.name, seen, unknown, observed.sick, observed.failed)


def _own(state: HostState, fleet: Fleet) -> HostState:
    strangers = [each for each in state.instances if each.fleet != fleet.name]
    if not strangers:
        return state
    return replace(
        state,
        instances=tuple(each for each in state.instances if each.fleet == fleet.name),
        foreign=state.foreign + Resources.total(map(footprint, strangers)),
    )


def sites_of(fleet: Fleet, observed: Observed) -> tuple[Site, ...]:
    """The fleet's hosts with what they said, by name; ``observed`` is scoped to the fleet."""
    reasons = {unknown.host: unknown.reason for unknown in observed.unknown}
    return tuple(Site(host, observed.host(host.name), reasons.get(host.name, "")) for host in fleet.hosts)
