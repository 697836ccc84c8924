"""What the contract needs of a platform beyond the port: a host to open, and a human's hands on it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from reconciler.actuators import open_host
from reconciler.actuators.port import Access, Actuator
from reconciler.actuators.sim import interfere
from reconciler.actuators.sim.effects import Define
from reconciler.actuators.sim.host import PHYSICAL
from reconciler.actuators.sim.store import Store
from reconciler.context import nocloud_seed
from reconciler.specs.desired import (
    Connect,
    Host,
    HostName,
    Hypervisor,
    Image,
    ImageFormat,
    ImagePart,
    ImageUse,
    Instance,
    Scheme,
)
from reconciler.specs.fingerprint import sha256_hex


@dataclass(frozen=True, slots=True)
class Shelf:
    """Supplies that come from one directory: files are called what their parts say."""

    async def image(self, part: ImagePart) -> Path:
        return Path(part.source)

    def seed(self, instance: Instance) -> bytes:
        return nocloud_seed(instance)


class Platform(Protocol):
    """One host of a platform, empty at first but for what a human put there."""

    @property
    def name(self) -> str: ...

    @property
    def host(self) -> Host: ...

    @property
    def image(self) -> Image:
        """One that can be put on the host, and boots."""
        ...

    @property
    def network(self) -> str:
        """A libvirt network that is there."""
        ...

    def stop(self, name: str) -> None:
        """Pull a machine's plug."""
        ...

    def undefine(self, name: str) -> None:
        """Make a machine disappear; its disks stay."""
        ...

    def edit_cpus(self, name: str, cpus: int) -> None:
        """Give a stopped machine another number of CPUs."""
        ...

    def leave_half_made(self, name: str) -> None:
        """Make a machine look as if its creation had been cut short."""
        ...

    def add_foreign(self, name: str) -> None:
        """Run a machine of 64 MiB and one CPU that is not ours."""
        ...

    def definition(self, name: str) -> str:
        """Everything that is written about a machine."""
        ...


async def opened(platform: Platform, store: Path, *, fleet: str, read_only: bool = False) -> Actuator:
    """An actuator for the platform's host, with no patience for guests that hear no shutdown."""
    actuator = await open_host(platform.host, Access(fleet, read_only, store, Shelf()))
    if platform.host.connect.scheme is not Scheme.SIM:
        from reconciler.actuators.libvirt.actuator import LibvirtActuator
        from reconciler.actuators.libvirt.order import Pace

        assert isinstance(actuator, LibvirtActuator)
        return replace(actuator, desk=replace(actuator.desk, pace=Pace(grace=0.05, poll=0.02)))
    return actuator


def declared(connect: Connect) -> Host:
    """The host as its fleet file would say it."""
    return Host(HostName("hv1"), connect, hypervisor=Hypervisor.QEMU)


def disk_image(path: Path) -> Image:
    """An image made of one qcow2 file."""
    digest = sha256_hex(path.read_bytes())
    use = ImageUse("boot-sector", disk=digest, format=ImageFormat.QCOW2)
    return Image(use, (ImagePart(str(path), digest),))


@dataclass(frozen=True, slots=True)
class Simulated:
    """A simulated host in a store of its own."""

    store: Store
    image: Image
    name: str = "sim"
    network: str = "default"

    @property
    def host(self) -> Host:
        return replace(declared(Connect(Scheme.SIM, "sim://")), capacity=PHYSICAL)

    def stop(self, name: str) -> None:
        interfere.stop(self.store, name)

    def undefine(self, name: str) -> None:
        interfere.undefine(self.store, name)

    def edit_cpus(self, name: str, cpus: int) -> None:
        interfere.edit(self.store, name, str(cpus))

    def leave_half_made(self, name: str) -> None:
        domain = self.store.look().named(name)
        assert domain is not None
        assert domain.mark is not None
        self.store.change(Define(replace(domain, mark=replace(domain.mark, complete=False))), PHYSICAL)

    def add_foreign(self, name: str) -> None:
        interfere.foreign(self.store, name, "64")

    def definition(self, name: str) -> str:
        return repr(self.store.look().named(name))


def simulated(directory: Path) -> Simulated:
    """A simulated host whose world is kept there."""
    return Simulated(Store(directory, HostName("hv1")), disk_image(stand_in(directory)))


def stand_in(directory: Path) -> Path:
    """A file in place of an image."""
    # Nothing on these platforms ever boots it.
    path = directory / "image.qcow2"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"stands in for an image")
    return path
