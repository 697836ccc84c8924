"""What should be: everything the YAML says, resolved and frozen.

These are the values the rest of the project reads; the pydantic models that check the input end
at this door. Sizes are MiB, identities are types, and every collection is a sorted tuple.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

from reconciler.errors import Position
from reconciler.specs.disks import Disk as Disk
from reconciler.specs.disks import OnDelete as OnDelete
from reconciler.specs.fleet import Cluster as Cluster
from reconciler.specs.fleet import Connect as Connect
from reconciler.specs.fleet import Fleet as Fleet
from reconciler.specs.fleet import Host as Host
from reconciler.specs.fleet import HostName as HostName
from reconciler.specs.fleet import Hypervisor as Hypervisor
from reconciler.specs.fleet import Overcommit as Overcommit
from reconciler.specs.fleet import Scheme as Scheme
from reconciler.specs.guest import GuestContext
from reconciler.specs.health import HealthCheck, UpdatePolicy
from reconciler.specs.placement import Placement
from reconciler.specs.resources import Devices as Devices
from reconciler.specs.resources import Resources as Resources
from reconciler.specs.written import Written

InstanceName = NewType("InstanceName", str)
InstanceUuid = NewType("InstanceUuid", str)
Sha256 = NewType("Sha256", str)
"""64 lower-case hexadecimal digits."""
MTU = 1450
"""Of a segment, unless another is asked for: what is left of an Ethernet frame inside VXLAN over IPv4."""


@dataclass(frozen=True, slots=True, order=True)
class InstanceKey:
    """Who an instance is, in the words of the YAML that it was first made from.

    A rename does not change it: what is ``moved`` keeps the names it had.
    """

    service: str
    component: str
    ordinal: int

    @property
    def name(self) -> InstanceName:
        """``<service>-<component>-<ordinal>``: the libvirt domain's name."""
        return InstanceName(f"{self.service}-{self.component}-{self.ordinal}")


class NicKind(StrEnum):
    """What a network card is plugged into."""

    BRIDGE = "bridge"
    NETWORK = "network"
    """A libvirt network."""


@dataclass(frozen=True, slots=True)
class Nic:
    """A network card: plugged into a bridge or libvirt network called ``source``.

    ``address`` is its own IP address, without a prefix, on a segment that we make; None on networks
    that others run, and on a segment until the planner has found one.
    """

    kind: NicKind
    source: str
    address: str | None = None

    @property
    def plug(self) -> Nic:
        """The card without its address: all that a hypervisor can tell of it."""
        return self if self.address is None else Nic(self.kind, self.source)


@dataclass(frozen=True, slots=True, order=True)
class Segment:
    """A layer-2 network of a service that we make: a bridge on each host that needs it, joined by VXLAN.

    ``cidr`` is its IPv4 or IPv6 network, ``vni`` (24 bits) and ``bridge`` are computed from its name,
    ``mtu`` is what guests may send, in bytes.
    """

    service: str
    network: str
    cidr: str
    vni: int
    bridge: str
    mtu: int

    @property
    def title(self) -> str:
        """``<service>.<network>``."""
        return f"{self.service}.{self.network}"


class ImageFormat(StrEnum):
    """How the bytes of a disk image are laid out."""

    QCOW2 = "qcow2"
    RAW = "raw"


@dataclass(frozen=True, slots=True)
class ImageUse:
    """What an instance boots: a disk image by digest, or a kernel (and initrd) by digest."""

    name: str
    disk: Sha256 | None = None
    format: ImageFormat | None = None
    kernel: Sha256 | None = None
    initrd: Sha256 | None = None
    cmdline: str = ""

    @property
    def digests(self) -> tuple[Sha256, ...]:
        """Every file a host must hold before it can boot this, sorted."""
        return tuple(sorted(part for part in (self.disk, self.kernel, self.initrd) if part is not None))


@dataclass(frozen=True, slots=True)
class Machine:
    """The virtual machine itself: what is compared, applied and written into the domain's metadata.

    ``disks`` are in device order: ``root`` first where there is one, the others by name. ``nics``
    are in the order of the YAML. ``context`` is a digest of what the guest is told (None where it
    is told nothing): the text may hold secrets and never reaches the metadata. ``peers`` is a digest of
    what it is told of other instances (their addresses), which changes without its own doing. A ``surge``
    stands in while its component is changed start-first, and goes when that is done.
    """

    image: ImageUse
    cpus: int
    memory_mib: int
    disks: tuple[Disk, ...] = ()
    nics: tuple[Nic, ...] = ()
    context: Sha256 | None = None
    peers: Sha256 | None = None
    protect: bool = False
    surge: bool = False
    devices: Devices = ()
    """What it is given of its host's devices: they are counted, and nothing is plugged in."""

    @property
    def plugs(self) -> tuple[Nic, ...]:
        """Its cards as a hypervisor can tell of them."""
        return tuple([nic.plug for nic in self.nics])

    @property
    def resources(self) -> Resources:
        """What it takes of a host."""
        sizes = [(disk.pool, disk.size_mib) for disk in self.disks]
        if any(pool for pool, _ in sizes):
            return Resources.on_disk(sizes) + Resources(self.cpus, self.memory_mib, 0, self.devices)
        return Resources(self.cpus, self.memory_mib, sum([mib for _, mib in sizes]), self.devices)


class Form(StrEnum):
    """Where it is taken from what a machine is to be."""

    WRITTEN = "written"
    """From the files."""
    AS_IT_IS = "as-it-is"
    """From its host: what the files ask for was refused, and it was not changed to that."""
    AS_IT_WAS = "as-it-was"
    """From what its host has kept of it: it was changed to what was refused."""


@dataclass(frozen=True, slots=True)
class Instance:
    """One replica of a component, with all that is needed to make it."""

    key: InstanceKey
    fleet: str
    uuid: InstanceUuid
    machine: Machine
    placement: Placement = Placement()
    depends_on: tuple[str, ...] = ()
    """Components of the same service that come first."""
    healthy_first: tuple[str, ...] = ()
    """Those of them that must be healthy, not only started."""
    health: HealthCheck | None = None
    update: UpdatePolicy = UpdatePolicy()
    context: GuestContext | None = None
    """None as well for a form that is not written: what its guest is told is on its host."""
    origin: Position = Position("", 0, 0)
    """Where its component is declared."""
    form: Form = Form.WRITTEN

    @property
    def name(self) -> InstanceName:
        """The libvirt domain's name."""
        return self.key.name


@dataclass(frozen=True, slots=True)
class ImagePart:
    """One file of an image: an absolute path or an https/http URL, and its digest."""

    source: str
    sha256: Sha256


@dataclass(frozen=True, slots=True)
class Image:
    """A named image and where its files come from (one ``ImagePart`` a digest of ``use``)."""

    use: ImageUse
    parts: tuple[ImagePart, ...]
    origin: Position = Position("", 0, 0)


@dataclass(frozen=True, slots=True, order=True)
class ServiceNames:
    """What a service and its components are called in the YAML now, where keys hold the first names."""

    key: str
    name: str
    components: tuple[tuple[str, str], ...]
    """Pairs of the component as in keys, and its name; those without an instance too."""


@dataclass(frozen=True, slots=True)
class Desired:
    """All of a directory: instances sorted by key, images by name."""

    fleet: Fleet
    services: tuple[str, ...]
    """Names as in the instances' keys, those of services without an instance too."""
    instances: tuple[Instance, ...]
    images: tuple[Image, ...]
    directory: str = ""
    """Absolute path of the directory that holds the fleet file: what is kept lies beside it."""
    segments: tuple[Segment, ...] = ()
    """The networks that we make, sorted."""
    names: tuple[ServiceNames, ...] = ()
    """Of the services in which an expression may ask for them, sorted; else they are as the keys say."""
    written: tuple[Written, ...] = ()
    """On which lines components, networks and clusters are written, sorted."""

    def image(self, name: str) -> Image:
        """Image of that name; the loader has checked that it exists."""
        return next(image for image in self.images if image.use.name == name)
