"""One fresh look at a host: one listing, the XML of what may be ours, and the pools.

A running domain is read as it runs, a stopped one as it is configured: one call each. What was
defined over a running machine shows once it has been restarted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import libvirt

from reconciler.actuators.libvirt.errors import is_gone
from reconciler.actuators.libvirt.parse import Foreign, Ours, Reader
from reconciler.actuators.libvirt.recall import Recall
from reconciler.actuators.libvirt.sense import Sense, about, sense
from reconciler.actuators.libvirt.session import THREADS, Session, together
from reconciler.actuators.libvirt.storage import (
    Lying,
    Storage,
    Viewer,
    foreign_disks,
    is_torn,
    orphans,
    sizes,
    take_stock,
    volumes_in,
)
from reconciler.specs.desired import Resources
from reconciler.state import Cordon, HostState, InstanceState, Power


@dataclass(frozen=True, slots=True)
class _Listed:
    handle: libvirt.virDomain
    sense: Sense
    is_active: bool
    is_persistent: bool


@dataclass(frozen=True, slots=True)
class _Fetched:
    listed: _Listed
    text: str


@dataclass(frozen=True, slots=True)
class _Read:
    instances: Sequence[InstanceState]
    foreign: Resources


@dataclass(frozen=True, slots=True)
class _Survey:
    """What a host has, and which domains; those that cannot be ours and take nothing are left out."""

    arch: str
    cpus: int
    memory_mib: int
    networks: tuple[str, ...]
    storage: Storage
    domains: tuple[_Listed, ...]


async def look(session: Session, viewer: Viewer, recall: Recall) -> HostState:
    """Everything libvirt says of a host; it cannot tell the bridges, nor what a cordon says. ``recall`` is
    that of earlier looks through the same eyes. Raises HostUnreachable.
    """
    survey = await session.call("looking at the host", lambda connection: _survey(connection, viewer))
    # Each thread takes every eighth domain: one connection serves them as well as eight would.
    shares = [survey.domains[start::THREADS] for start in range(min(THREADS, len(survey.domains)))]
    texts = await together(*(_fetch_in_thread(session, share) for share in shares))
    # All fetched before any is read: threads that work get in the way of those that wait.
    reader = Reader(viewer.fleet, survey.storage.path, survey.storage.others)
    fetched = [each for share in texts for each in share]
    read = await session.call(
        "parsing", lambda _: _read(fetched, viewer, recall.read((each.text for each in fetched), reader))
    )
    storage = survey.storage
    if is_torn(storage, read.instances):
        storage = await session.call(
            "reading the pools again", lambda connection: take_stock(connection, viewer)
        )
    sized: Mapping[Lying, int] = {}
    if left := orphans(storage, read.instances):
        sized = await session.call("sizing disks", lambda connection: sizes(connection, viewer, left))
    volumes = volumes_in(storage, sized)
    return HostState(
        host=viewer.host,
        capacity=Resources(survey.cpus, survey.memory_mib) + storage.capacity,
        foreign=read.foreign + foreign_disks(storage, read.instances, volumes),
        arch=survey.arch,
        networks=survey.networks,
        images=storage.images,
        instances=tuple(read.instances),
        volumes=volumes,
        cordon=Cordon() if storage.cordoned else None,
    )


def _survey(connection: libvirt.virConnect, viewer: Viewer) -> _Survey:
    info = connection.getInfo()
    active_networks = connection.listAllNetworks(libvirt.VIR_CONNECT_LIST_NETWORKS_ACTIVE)
    return _Survey(
        arch=info[0],
        memory_mib=info[1],
        cpus=info[2],
        networks=tuple(sorted(network.name() for network in active_networks)),
        storage=take_stock(connection, viewer),
        domains=tuple(_list(connection)),
    )


def _list(connection: libvirt.virConnect) -> Iterable[_Listed]:
    # What a migration leaves or brings may have no definition; they are few, and listed in one call.
    listed = connection.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_TRANSIENT)
    transient = {handle.UUIDString() for handle in listed}
    # A listing and every state in one call; it asks the daemon only, never a guest.
    for handle, stats in connection.getAllDomainStats(libvirt.VIR_DOMAIN_STATS_STATE, 0):
        is_active = handle.ID() >= 0
        uuid = handle.UUIDString()
        if is_active or _may_be_ours(uuid):
            doing = sense(stats.get("state.state", -1), stats.get("state.reason", 0))
            yield _Listed(handle, doing, is_active, uuid not in transient)


def _may_be_ours(uuid: str) -> bool:
    # Ours are of version 5; what libvirt and its other users draw is of version 4.
    return uuid[14] == "5"


async def _fetch_in_thread(session: Session, share: Sequence[_Listed]) -> list[_Fetched]:
    return await session.call("reading domains", lambda _: _fetch(share))


def _fetch(share: Sequence[_Listed]) -> list[_Fetched]:
    return [_Fetched(listed, text) for listed in share if (text := _xml(listed)) is not None]


def _read(fetched: Sequence[_Fetched], viewer: Viewer, meanings: Sequence[Ours | Foreign]) -> _Read:
    instances: list[InstanceState] = []
    foreign = Resources()
    for each, meaning in zip(fetched, meanings, strict=True):
        if isinstance(meaning, Ours):
            instances.append(_state(meaning, each.listed, viewer))
        elif each.listed.is_active:
            foreign += meaning.takes
    return _Read(sorted(instances, key=lambda state: state.key), foreign)


def _xml(listed: _Listed) -> str | None:
    try:
        return str(listed.handle.XMLDesc(0 if listed.is_active else libvirt.VIR_DOMAIN_XML_INACTIVE))
    except libvirt.libvirtError as error:
        if is_gone(error):
            return None  # since the listing
        raise


def _state(ours: Ours, listed: _Listed, viewer: Viewer) -> InstanceState:
    sensed = listed.sense
    return InstanceState(
        host=viewer.host,
        key=ours.mark.key,
        fleet=ours.mark.fleet,
        uuid=ours.mark.uuid,
        power=sensed.power,
        applied=ours.mark.applied,
        live=ours.live,
        complete=ours.mark.complete,
        detail=_about(ours, listed) if sensed.power is Power.RUNNING else sensed.detail,
        journey=ours.mark.journey,
        home=ours.mark.home,
        persistent=listed.is_persistent,
        former=ours.mark.former,
        refused=ours.mark.refused,
    )


def _about(ours: Ours, listed: _Listed) -> str:
    return "" if ours.mark.journey is None else about(listed.handle)
