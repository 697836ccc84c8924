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
from reconciler.specs.desired import Disk, NicKind
from reconciler.state import InstanceState, Journey, Power


@dataclass(frozen=True, slots=True)
class Packed:
    """One disk's volume: in which directory it lies, what a guest sees of it, and what it takes, in bytes."""

    disk: Disk
    volume: str
    directory: str
    size_bytes: int
    taken_bytes: int

    @property
    def path(self) -> str:
        """Where it lies, at either end."""
        return f"{self.directory}/{self.volume}"


@dataclass(frozen=True, slots=True)
class Luggage:
    """What goes along: the directory in which images and seeds lie, disks, seeds by name, and the CPU it
    has; and whether it is told anything.
    """

    pool: str
    disks: tuple[Packed, ...]
    seeds: Mapping[str, bytes]
    cpu: str
    seeded: bool = False

    @property
    def paths(self) -> tuple[str, ...]:
        """Where everything lies that is made for it."""
        return (*(disk.path for disk in self.disks), *(f"{self.pool}/{seed}" for seed in self.seeds))


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
        tuple(_packed(before, disk, pool.of(disk)) for disk in before.applied.disks),
        {name: data for name in seeds if (data := pool.read(name)) is not None},
        "" if cpu is None or action.terms.cold else ET.tostring(cpu, encoding="unicode"),
        domain.mark.applied.context is not None,
    )


def _packed(before: InstanceState, disk: Disk, pool: Pool) -> Packed:
    volume = names.disk_volume(before.fleet, before.key, disk.name)
    _, capacity, allocation = pool.handle.storageVolLookupByName(volume).info()
    return Packed(disk, volume, pool.path, int(capacity), int(allocation))


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
    fleet, key = before.fleet, before.key
    own = {f"{pool.path}/{names.seed_volume(fleet, key)}"}
    own |= {
        f"{pool.of(disk).path}/{names.disk_volume(fleet, key, disk.name)}" for disk in before.applied.disks
    }
    for source in live.findall("devices/disk/source"):
        path = source.get("file") or next(iter(source.attrib.values()), "?")
        if path not in own:
            return f"has a disk that is not read from its own volume: {path}"
    return None


def check_in(hands: Hands, action: Migrate, luggage: Luggage) -> None:
    """Raise ActionFailed where the machine cannot come, before anything is made for it."""
    before, pool, host = action.before, hands.pool(), hands.desk.host
    if hands.domains.find(before.uuid) is not None:
        # libvirt would silently take it for the one that comes.
        raise AlreadyExists(host, f"{before.name} is there already")
    hands.domains.check_name_is_free(before.name)
    _check_directory(pool, luggage.pool, before)
    for disk in luggage.disks:
        _check_directory(pool.of(disk.disk), disk.directory, before)
    pool.check_image(before.applied.image, None)
    for nic in before.applied.nics:
        if nic.kind is NicKind.NETWORK and not _is_active(hands.connection, nic.source):
            raise NotFound(host, f"there is no active network {nic.source}")
    if hands.desk.platform.kind == "kvm" and luggage.cpu:
        _check_cpu(hands, before, luggage.cpu)
    if action.terms.copies:
        _check_room(pool, luggage)
    else:
        pool.handle.refresh(0)
        for disk in luggage.disks:
            if pool.of(disk.disk).find(disk.volume) is None:
                raise NotFound(host, f"{disk.volume} is not here: the pool is not shared after all")


def _check_directory(pool: Pool, directory: str, before: InstanceState) -> None:
    """Its definition, which goes along, says where its disks lie."""
    if pool.path != directory:
        message = f"its pool {pool.handle.name()} is {pool.path}, and {directory} where {before.name} is now"
        raise ActionFailed(pool.host, message)


def _check_room(main: Pool, luggage: Luggage) -> None:
    """Raise AlreadyExists or NoRoom where its disks cannot be made."""
    needed = dict[str, int]()
    for each in luggage.disks:
        pool = main.of(each.disk)
        if pool.find(each.volume) is not None:
            raise AlreadyExists(
                main.host,
                f"{each.volume} is there already, and nothing says what it is: if the two hosts share "
                "their pool, say so (hosts.<name>.storage)",
            )
        name, free = pool.handle.name(), int(pool.handle.info()[3])
        needed[name] = needed.get(name, 0) + each.taken_bytes
        if needed[name] > free:
            wanted = f"its disks take {needed[name] // MIB} MiB or more of pool {name}"
            raise NoRoom(main.host, f"{wanted}, and {free // MIB} MiB are free")


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
        is_clone = disk.disk.name == names.ROOT and image.disk is not None
        pool.make(disk.volume, disk.size_bytes, disk.disk, image if is_clone else None)
    for name, seed in luggage.seeds.items():
        pool.write(name, seed)
