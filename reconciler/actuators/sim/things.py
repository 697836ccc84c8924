"""What a simulated host is made of: machines, volumes and images, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.actuators.links import Link
from reconciler.errors import NotFound
from reconciler.specs.desired import Disk, HostName, InstanceKey, InstanceName, InstanceUuid, Machine, Sha256
from reconciler.specs.formerly import Record
from reconciler.state import MIGRATING, Cordon, Journey, Live, LiveDisk, Power


@dataclass(frozen=True, slots=True, order=True)
class VolumeId:
    """Which disk of which instance of which fleet a volume is, in which pool (as ``Disk`` has it)."""

    fleet: str
    key: InstanceKey
    disk: str
    pool: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """Our ownership mark on a domain, with what was last applied."""

    fleet: str
    key: InstanceKey
    applied: Machine
    complete: bool
    journey: Journey | None = None
    home: HostName | None = None
    former: Machine | None = None
    refused: Sha256 | None = None

    @property
    def record(self) -> Record:
        """What is remembered of the machine."""
        return Record(self.applied, self.complete, self.former)

    def volume(self, disk: str) -> VolumeId:
        """The volume behind one of its disks."""
        pools = (each.pool for each in self.applied.disks if each.name == disk)
        return VolumeId(self.fleet, self.key, disk, next(pools, ""))

    def volume_of(self, disk: Disk) -> VolumeId:
        """The volume behind a disk that it has, or is to have."""
        return VolumeId(self.fleet, self.key, disk.name, disk.pool)


@dataclass(frozen=True, slots=True)
class Domain:
    """A machine as the hypervisor has it. ``mark`` is None where it is not ours to touch.

    ``why`` is the hypervisor's reason for a power that is not RUNNING, in its own words.
    ``configured`` is what somebody defined over a running machine: it shows from the next start on.
    The guest of a ``deaf`` one does not let go of a disk that is taken from it while it runs; that of a
    ``sick`` one runs and does not do its work. What is not ``persistent`` is gone once it is off.
    """

    uuid: InstanceUuid
    name: InstanceName
    live: Live
    mark: Mark | None = None
    power: Power = Power.STOPPED
    booted: bool = False
    why: str = ""
    configured: Live | None = None
    autostart: bool = False
    deaf: bool = False
    sick: bool = False
    persistent: bool = True

    @property
    def is_coming(self) -> bool:
        """Whether it is what a migration that is not over has brought here so far."""
        return self.power is Power.PAUSED and self.why == MIGRATING and not self.persistent


@dataclass(frozen=True, slots=True)
class Box:
    """One simulated host. ``volumes`` are sizes in MiB; ``images`` are digests.

    ``cuts`` is how often its connections were broken; guests booted from ``sick_images`` are sick.
    ``cordons`` are by fleet. Hosts whose ``pool`` is of the same name, which is not empty, have the same
    files in it: in the one in which images lie, each has any other to itself.
    """

    host: HostName
    domains: Mapping[InstanceUuid, Domain] = field(default_factory=dict)
    volumes: Mapping[VolumeId, int] = field(default_factory=dict)
    images: frozenset[Sha256] = frozenset()
    links: Mapping[str, Link] = field(default_factory=dict)
    silent: bool = False
    cuts: int = 0
    sick_images: frozenset[Sha256] = frozenset()
    cordons: Mapping[str, Cordon] = field(default_factory=dict)
    pool: str = ""

    def shares_pool(self, other: Box) -> bool:
        """Whether what is removed from the pool of one is gone from that of the other."""
        return self.pool != "" and self.pool == other.pool

    def domain(self, uuid: InstanceUuid) -> Domain:
        """The machine with that UUID. Raises NotFound."""
        if uuid not in self.domains:
            raise NotFound(self.host, f"there is no machine with UUID {uuid}; look again")
        return self.domains[uuid]

    def named(self, name: str) -> Domain | None:
        """The machine of that name, or None."""
        return next((domain for domain in self.domains.values() if domain.name == name), None)


def live_of(machine: Machine) -> Live:
    """What a hypervisor shows of a machine that is just as it was applied."""
    disks = tuple(LiveDisk(disk.name) for disk in machine.disks)
    return Live(machine.cpus, machine.memory_mib, disks, machine.plugs)
