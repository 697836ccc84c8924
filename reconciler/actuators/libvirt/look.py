"""One fresh look at a host: one listing, the XML of what may be ours, and the pool.

A running domain is read as it runs, a stopped one as it is configured: one call each. What was
defined over a running machine shows once it has been restarted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import libvirt

from reconciler.actuators.libvirt import names
from reconciler.actuators.libvirt.errors import is_gone
from reconciler.actuators.libvirt.names import DiskName
from reconciler.actuators.libvirt.parse import Foreign, Ours, Reader, read_pool_path
from reconciler.actuators.libvirt.pool import MIB, POOL, TEST_POOL, find_pool
from reconciler.actuators.libvirt.recall import Recall
from reconciler.actuators.libvirt.sense import Sense, about, sense
from reconciler.actuators.libvirt.session import THREADS, Session, together
from reconciler.specs.desired import HostName, Resources, Sha256
from reconciler.state import Cordon, HostState, InstanceState, Power, VolumeState


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks at which host; ``is_test`` for libvirt's test driver."""

    host: HostName
    fleet: str
    is_test: bool


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
class _Storage:
    """A pool: MiB in all, MiB still free, its directory, and what lies in it."""

    capacity_mib: int = 0
    available_mib: int = 0
    path: str = ""
    images: tuple[Sha256, ...] = ()
    disks: tuple[DiskName, ...] = ()
    cordoned: bool = False


@dataclass(frozen=True, slots=True)
class _Survey:
    """What a host has, and which domains; those that cannot be ours and take nothing are left out."""

    arch: str
    cpus: int
    memory_mib: int
    networks: tuple[str, ...]
    storage: _Storage
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
    reader = Reader(viewer.fleet, survey.storage.path)
    fetched = [each for share in texts for each in share]
    read = await session.call(
        "parsing", lambda _: _read(fetched, viewer, recall.read((each.text for each in fetched), reader))
    )
    storage = survey.storage
    if _is_torn(storage, read.instances):
        storage = await session.call(
            "reading the pool again", lambda connection: _storage(connection, viewer)
        )
    volumes = await _volumes(session, viewer, storage, read.instances)
    disk_mib = _foreign_disk_mib(storage, read.instances, volumes)
    return HostState(
        host=viewer.host,
        capacity=Resources(survey.cpus, survey.memory_mib, storage.capacity_mib),
        foreign=Resources(read.foreign.cpus, read.foreign.memory_mib, disk_mib),
        arch=survey.arch,
        networks=survey.networks,
        images=storage.images,
        instances=tuple(read.instances),
        volumes=volumes,
        cordon=Cordon() if storage.cordoned else None,
    )


def _is_torn(storage: _Storage, instances: Iterable[InstanceState]) -> bool:
    """Whether a machine was finished between the pool's listing and its own: its disks are not in that."""
    there = {(disk.key, disk.disk) for disk in storage.disks}
    return any(
        state.complete and (state.key, disk.name) not in there
        for state in instances
        for disk in state.applied.disks
    )


def _survey(connection: libvirt.virConnect, viewer: Viewer) -> _Survey:
    info = connection.getInfo()
    active_networks = connection.listAllNetworks(libvirt.VIR_CONNECT_LIST_NETWORKS_ACTIVE)
    return _Survey(
        arch=info[0],
        memory_mib=info[1],
        cpus=info[2],
        networks=tuple(sorted(network.name() for network in active_networks)),
        storage=_storage(connection, viewer),
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


def _storage(connection: libvirt.virConnect, viewer: Viewer) -> _Storage:
    pool = find_pool(connection, TEST_POOL if viewer.is_test else POOL)
    if pool is None:
        return _Storage()
    _, capacity, _, available = pool.info()
    path = read_pool_path(pool.XMLDesc(0))
    # Last, right before the domains are listed: whoever looks during a change sees both as of one time.
    volumes = [volume.name() for volume in pool.listAllVolumes()]
    found = (names.read_disk(volume) for volume in volumes)
    return _Storage(
        capacity_mib=capacity // MIB,
        available_mib=available // MIB,
        path=path,
        images=tuple(sorted({image for volume in volumes if (image := names.read_image(volume))})),
        disks=tuple(disk for disk in found if disk is not None and disk.fleet == viewer.fleet),
        cordoned=names.cordon_file(viewer.fleet, viewer.host) in volumes,
    )


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


async def _volumes(
    session: Session, viewer: Viewer, storage: _Storage, instances: Sequence[InstanceState]
) -> tuple[VolumeState, ...]:
    in_use = {(state.key, disk.name) for state in instances for disk in state.applied.disks}
    orphans = tuple(disk for disk in storage.disks if (disk.key, disk.disk) not in in_use)
    sizes: dict[DiskName, int] = {}
    if orphans:
        sizes = await session.call("sizing disks", lambda connection: _sizes(connection, viewer, orphans))
    volumes = (VolumeState(disk.key, disk.disk, sizes.get(disk)) for disk in storage.disks)
    return tuple(sorted(volumes, key=lambda volume: (volume.key, volume.disk)))


def _sizes(connection: libvirt.virConnect, viewer: Viewer, disks: Sequence[DiskName]) -> dict[DiskName, int]:
    pool = find_pool(connection, TEST_POOL if viewer.is_test else POOL)
    sizes: dict[DiskName, int] = {}
    if pool is None:
        return sizes
    for disk in disks:
        try:
            volume = pool.storageVolLookupByName(names.disk_volume(disk.fleet, disk.key, disk.disk))
            sizes[disk] = int(volume.info()[1]) // MIB
        except libvirt.libvirtError as error:
            if not is_gone(error):
                raise
    return sizes


def _foreign_disk_mib(
    storage: _Storage, instances: Iterable[InstanceState], volumes: Iterable[VolumeState]
) -> int:
    """What others take of the pool, so that capacity − ours − foreign is at most what is free.

    Our disks count in full, though they grow only as they are written.
    """
    promised = sum(state.applied.resources.disk_mib for state in instances)
    promised += sum(volume.size_mib or 0 for volume in volumes)
    return max(0, storage.capacity_mib - storage.available_mib - promised)
