"""The fleet that should be: the physical boxes, how each is reached, and how much may happen on them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NewType

from reconciler.errors import Position
from reconciler.specs.limits import DeleteBudget, MigrationLimits
from reconciler.specs.placement import Policy
from reconciler.specs.resources import Devices, Resources
from reconciler.specs.scheduling import OwnScheduler

HostName = NewType("HostName", str)


class Scheme(StrEnum):
    """How a host is reached."""

    SSH = "ssh"
    QEMU = "qemu"
    """The libvirtd of this machine: qemu:///system."""
    TEST = "test"
    """libvirt's in-process test driver: test:///default."""
    SIM = "sim"


@dataclass(frozen=True, slots=True)
class Connect:
    """A parsed ``connect``. ``keyfile`` and ``known_hosts`` are absolute paths or None (the user's
    own); ``socket`` is the libvirt socket on the host or None (the platform's default).
    """

    scheme: Scheme
    uri: str
    user: str | None = None
    address: str | None = None
    port: int | None = None
    keyfile: str | None = None
    known_hosts: str | None = None
    socket: str | None = None


class Hypervisor(StrEnum):
    """What runs the machines: libvirt's domain type."""

    KVM = "kvm"
    QEMU = "qemu"


@dataclass(frozen=True, slots=True)
class Overcommit:
    """How many times over each resource may be given out; 1.0 is never."""

    cpu: float = 1.0
    memory: float = 1.0
    disk: float = 1.0


@dataclass(frozen=True, slots=True)
class Host:
    """A physical box. ``capacity`` is None where it is to be discovered from the host.

    ``address`` is the IP address by which the other hosts reach it; None: the one we reach it by.
    ``peer`` is the URI by which their libvirtds reach its own, where they may. Hosts of the same
    ``storage`` share their pool: a file in one is the same file in the other. One in ``maintenance`` gets
    nothing new, and what runs there leaves.
    """

    name: HostName
    connect: Connect
    hypervisor: Hypervisor = Hypervisor.KVM
    cluster: str = "default"
    labels: tuple[tuple[str, str], ...] = ()
    capacity: Resources | None = None
    overcommit: Overcommit = Overcommit()
    reserve: Resources = Resources()
    address: str | None = None
    peer: str | None = None
    storage: str | None = None
    maintenance: bool = False
    devices: Devices = ()
    origin: Position = Position("", 0, 0)
    maintenance_origin: Position = Position("", 0, 0)
    """Where ``maintenance`` is written."""

    def label(self, name: str) -> str | None:
        """Value of one label, or None; ``host`` is the host's own name."""
        if name == "host":
            return self.name
        return dict(self.labels).get(name)

    def usable(self, physical: Resources) -> Resources:
        """What may be given out of ``physical`` (or of the declared capacity): × overcommit − reserve.

        Of its devices, all. Of a pool that is not declared, as there is.
        """
        size = self.size(physical)
        scaled = Resources(
            int(size.cpus * self.overcommit.cpu),
            int(size.memory_mib * self.overcommit.memory),
            int(size.disk_mib * self.overcommit.disk),
            tuple((kind, int(mib * self.overcommit.disk)) for kind, mib in size.pooled),
        )
        return scaled + Resources(devices=self.devices) - self.reserve

    def size(self, physical: Resources) -> Resources:
        """What it has, as far as it is declared; the rest of it is ``physical``."""
        if self.capacity is None:
            return physical
        pools = dict(physical.pooled) | dict(self.capacity.pooled)
        return replace(self.capacity, devices=tuple(sorted(pools.items())))


@dataclass(frozen=True, slots=True)
class Cluster:
    """Hosts that machines never leave.

    Any ``reserve_hosts`` of them may die and all still fits. With ``return_home``, who had to leave a host
    that was to be empty goes back there when that is over. Who was moved less than ``hold_s`` seconds ago is
    not moved again for the policy's sake.
    """

    name: str
    policy: Policy = Policy.BALANCE
    reserve_hosts: int = 0
    return_home: bool = False
    hold_s: int = 600


@dataclass(frozen=True, slots=True)
class Fleet:
    """The hosts, and how much may happen to what runs on them."""

    name: str
    hosts: tuple[Host, ...]
    deletes: DeleteBudget = DeleteBudget()
    migrations: MigrationLimits = MigrationLimits()
    origin: Position = Position("", 0, 0)
    clusters: tuple[Cluster, ...] = ()
    """By name; a cluster that is not among them is as one that says nothing."""
    scheduler: OwnScheduler | None = None
    """Who chooses hosts; None: the built-in one."""

    def host(self, name: str) -> Host | None:
        """Host of that name, or None."""
        return next((host for host in self.hosts if host.name == name), None)

    def sharing(self, name: HostName) -> frozenset[HostName]:
        """Every host that has the same pool as this one, itself included."""
        storage = None if (host := self.host(name)) is None else host.storage
        others = () if storage is None else (each.name for each in self.hosts if each.storage == storage)
        return frozenset((name, *others))

    def cluster(self, name: str) -> Cluster:
        """Cluster of that name."""
        return next((cluster for cluster in self.clusters if cluster.name == name), Cluster(name))
