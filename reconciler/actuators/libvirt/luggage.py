"""What has to be at the destination before a machine can come, and what must not be there."""

from __future__ import annotations

import contextlib
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass, replace

import libvirt

from reconciler.actions import Migrate
from reconciler.actuators.libvirt import names
from reconciler.actuators.libvirt.domains import Domain
from reconciler.actuators.libvirt.mark import Mark
from reconciler.actuators.libvirt.order import Hands
from reconciler.actuators.libvirt.pool import MIB, Pool
from reconciler.actuators.libvirt.sense import sense
from reconciler.errors import ActionFailed, AlreadyExists, NoRoom, NotFound
from reconciler.specs.desired import NicKind
from reconciler.state import InstanceState, Journey, Power


@dataclass(frozen=True, slots=True)
class Packed:
    """One disk's volume: what a guest sees of it, and what it takes, in bytes."""

    disk: str
    volume: str
    size_bytes: int
    taken_bytes: int


@dataclass(frozen=True, slots=True)
class Luggage:
    """What goes along: the directory that its definition names, disks, seeds by name, and the CPU it has;
    and whether it is told anything.
    """

    pool: str
    disks: tuple[Packed, ...]
    seeds: Mapping[str, bytes]
    cpu: str
    seeded: bool = False

    @property
    def volumes(self) -> tuple[str, ...]:
        """The names of everything that is made for it."""
        return (*(disk.volume for disk in self.disks), *self.seeds)


def pack(hands: Hands, action: Migrate) -> Luggage:
    """What goes along. Raises ActionFailed where the machine cannot leave now."""
    before, pool = action.before, hands.pool()
    domain = hands.domains.get(before.uuid)
    live = ET.fromstring(str(domain.handle.XMLDesc(libvirt.VIR_DOMAIN_XML_SECURE)))
    if reason := _stays(domain, before, live, pool):
        raise ActionFailed(hands.desk.host, f"{before.name} {reason}")
    of = (before.fleet, before.key)
    seeds = (names.seed_volume(*of), names.former_seed_volume(*of)) if action.terms.copies else ()
    cpu = live.find("cpu")
    return Luggage(
        pool.path,
        tuple(_packed(before, disk.name, pool) for disk in before.applied.disks),
        {name: data for name in seeds if (data := pool.read(name)) is not None},
        "" if cpu is None or action.terms.cold else ET.tostring(cpu, encoding="unicode"),
        domain.mark.applied.context is not None,
    )


def _packed(before: InstanceState, disk: str, pool: Pool) -> Packed:
    volume = names.disk_volume(before.fleet, before.key, disk)
    _, capacity, allocation = pool.handle.storageVolLookupByName(volume).info()
    return Packed(disk, volume, int(capacity), int(allocation))


def _stays(domain: Domain, before: InstanceState, live: ET.Element, pool: Pool) -> str | None:
    state = sense(*domain.handle.state())
    if domain.mark.applied != before.applied or not domain.mark.complete:
        return "is no longer what was planned with"
    if domain.mark.journey is not None:
        return f"is on a journey to {domain.mark.journey.destination} already"
    if state.power is not Power.RUNNING:
        return f"is {state.power}"
    if domain.handle.jobInfo()[0] != libvirt.VIR_DOMAIN_JOB_NONE:
        return "is busy with another job (a migration, a backup)"
    if domain.handle.snapshotNum(0):
        return "has snapshots, which cannot come along: virsh snapshot-delete them first"
    return _strange_disk(before, live, pool)


def _strange_disk(before: InstanceState, live: ET.Element, pool: Pool) -> str | None:
    """Disks that were plugged in by hand, or are read from a snapshot's overlay, cannot come along."""
    own = {names.disk_volume(before.fleet, before.key, disk.name) for disk in before.applied.disks}
    own.add(names.seed_volume(before.fleet, before.key))
    for source in live.findall("devices/disk/source"):
        path = source.get("file") or next(iter(source.attrib.values()), "?")
        if path not in {f"{pool.path}/{volume}" for volume in own}:
            return f"has a disk that is not read from its own volume: {path}"
    return None


def check_in(hands: Hands, action: Migrate, luggage: Luggage) -> None:
    """Raise ActionFailed where the machine cannot come, before anything is made for it."""
    before, pool, host = action.before, hands.pool(), hands.desk.host
    if hands.domains.find(before.uuid) is not None:
        # libvirt would silently take it for the one that comes.
        raise AlreadyExists(host, f"{before.name} is there already")
    hands.domains.check_name_is_free(before.name)
    if pool.path != luggage.pool:
        raise ActionFailed(host, f"its pool is {pool.path}, and {luggage.pool} where {before.name} is now")
    pool.check_image(before.applied.image, None)
    for nic in before.applied.nics:
        if nic.kind is NicKind.NETWORK and not _is_active(hands.connection, nic.source):
            raise NotFound(host, f"there is no active network {nic.source}")
    if hands.desk.platform.kind == "kvm" and luggage.cpu:
        _check_cpu(hands, before, luggage.cpu)
    if action.terms.copies:
        for disk in luggage.disks:
            if pool.find(disk.volume) is not None:
                raise AlreadyExists(
                    host,
                    f"{disk.volume} is there already, and nothing says what it is: if the two hosts share "
                    "their pool, say so (hosts.<name>.storage)",
                )
        needed, free = sum(disk.taken_bytes for disk in luggage.disks), int(pool.handle.info()[3])
        if needed > free:
            raise NoRoom(host, f"its disks take {needed // MIB} MiB and {free // MIB} MiB are free")
    else:
        pool.handle.refresh(0)
        for disk in luggage.disks:
            if pool.find(disk.volume) is None:
                raise NotFound(host, f"{disk.volume} is not here: the pool is not shared after all")


def _is_active(connection: libvirt.virConnect, network: str) -> bool:
    try:
        return bool(connection.networkLookupByName(network).isActive())
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_NETWORK:
            return False
        raise


def _check_cpu(hands: Hands, before: InstanceState, cpu: str) -> None:
    # Who cannot compare lets the destination's own checks decide.
    with contextlib.suppress(libvirt.libvirtError):
        arch, kind = hands.desk.platform.arch, hands.desk.platform.kind
        verdict = hands.connection.compareHypervisorCPU(None, arch, None, kind, cpu, 0)
        if verdict == libvirt.VIR_CPU_COMPARE_INCOMPATIBLE:
            raise ActionFailed(hands.desk.host, f"its CPU lacks what {before.name} was started with")


def set_out(hands: Hands, action: Migrate) -> Mark:
    """Write the journey down; what is remembered of the machine from then on."""
    domain, terms = hands.domains.get(action.before.uuid), action.terms
    domain.check_at_home(hands.pool())
    journey = Journey(action.from_host, action.host, terms.copies, terms.cold)
    mark = replace(domain.mark, journey=journey, home=action.home)
    domain.write_mark(mark)
    return mark


def unpack(hands: Hands, action: Migrate, luggage: Luggage) -> None:
    """Make the disks that are to be filled, and write the seeds, which libvirt does not copy."""
    pool, image = hands.pool(), action.before.applied.image
    for disk in luggage.disks:
        is_clone = disk.disk == names.ROOT and image.disk is not None
        pool.make(disk.volume, disk.size_bytes, image if is_clone else None)
    for name, seed in luggage.seeds.items():
        pool.write(name, seed)
