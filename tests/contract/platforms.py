"""What the contract needs of a platform beyond the port: a host to open, and a human's hands on it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from reconciler.actuators import open_host
from reconciler.actuators.port import Access, Actuator
from reconciler.actuators.sim import interfere
from reconciler.actuators.sim.effects import AddVolume, Define
from reconciler.actuators.sim.host import PHYSICAL
from reconciler.actuators.sim.store import Store
from reconciler.context import nocloud_seed, telling_script
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
    Resources,
    Scheme,
)
from reconciler.specs.fingerprint import sha256_hex
from reconciler.state import Journey
from tests.lab.settings import FAST

_SIZE = PHYSICAL + Resources.on_disk([(FAST, 1024)])


@dataclass(frozen=True, slots=True)
class Shelf:
    """Supplies that come from one directory: files are called what their parts say."""

    async def image(self, part: ImagePart) -> Path:
        return Path(part.source)

    def seed(self, instance: Instance) -> bytes:
        return nocloud_seed(instance)

    def telling(self, instance: Instance) -> str:
        return telling_script(instance.context) if instance.context else ""


class Platform(Protocol):
    """One host of a platform, empty at first but for what a human put there. It has a pool ``FAST`` too."""

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

    def pause(self, name: str) -> None:
        """Suspend a machine that runs."""
        ...

    def rename(self, name: str, new: str) -> None:
        """Give a machine that is off another name."""
        ...

    def disown(self, name: str) -> None:
        """Take our mark off a machine, running or not."""
        ...

    def damage(self, name: str) -> None:
        """Make our mark on a machine that is off unreadable."""
        ...

    def autostart(self, name: str) -> None:
        """Have a machine started with its host."""
        ...

    def litter(self, name: str, size_mib: int) -> None:
        """Put a volume that is nobody's into the pool."""
        ...

    def litters(self) -> list[str]:
        """Names of the volumes in the pool that are nobody's."""
        ...

    @property
    def kernel(self) -> Image:
        """One of a kernel and an initrd, without a disk, that can be put on the host."""
        ...

    @property
    def bridge(self) -> str:
        """A bridge that is there."""
        ...

    def undefine(self, name: str) -> None:
        """Make a machine disappear; its disks stay."""
        ...

    def edit_cpus(self, name: str, cpus: int) -> None:
        """Define a machine with another number of CPUs, running or not."""
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


class Flesh(Platform, Protocol):
    """A platform whose machines are processes, whose volumes are files and whose wires can be cut."""

    def crash(self, name: str) -> None:
        """Kill the process of a machine that runs."""
        ...

    def emigrate(self, name: str, to: Platform) -> None:
        """Move a machine that runs, with its disks: the definition stays, and none is made there."""
        ...

    def strand(self, name: str, to: Platform) -> None:
        """Leave a machine that runs here as a controller does that dies on the way, its disks copied."""
        ...

    def mount(self, other: Platform) -> None:
        """Give the two hosts one pool, with what was in those of both."""
        ...

    def unplug(self, name: str, disk: str) -> None:
        """Delete the volume of one of the disks of our machine."""
        ...

    def snapshot(self, name: str, disk: str) -> None:
        """Have a disk of a machine that runs written to another file from now on."""
        ...

    def merge(self, name: str, disk: str) -> None:
        """Undo that."""
        ...

    def deafen(self, name: str) -> None:
        """Have a machine's guest hear nothing of what is plugged in and taken away."""
        ...

    def fill(self) -> None:
        """Leave no room in the pool."""
        ...

    def drain(self) -> None:
        """Undo that."""
        ...

    def cut(self) -> None:
        """Break every connection to the host."""
        ...

    def reboot(self) -> None:
        """Take the host's power away and give it back."""
        ...

    def lay_bridge(self, name: str) -> None:
        """Make a bridge that is nobody's."""
        ...

    def cut_link(self, name: str) -> None:
        """Take a link away."""
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


def declared(connect: Connect, name: str = "hv1") -> Host:
    """The host as its fleet file would say it."""
    return Host(HostName(name), connect, hypervisor=Hypervisor.QEMU)


def disk_image(path: Path) -> Image:
    """An image made of one qcow2 file."""
    digest = sha256_hex(path.read_bytes())
    use = ImageUse("boot-sector", disk=digest, format=ImageFormat.QCOW2)
    return Image(use, (ImagePart(str(path), digest),))


def kernel_image(directory: Path) -> Image:
    """An image of a kernel and an initrd; the kernel does nothing, for ever."""
    kernel = _part(directory / "kernel", _idle_kernel())
    initrd = _part(directory / "initrd", b"initrd" * 100)
    use = ImageUse("direct", kernel=kernel.sha256, initrd=initrd.sha256, cmdline="console=ttyS0 'a b' Zoë")
    return Image(use, (kernel, initrd))


def _part(path: Path, data: bytes) -> ImagePart:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return ImagePart(str(path), sha256_hex(data))


def _idle_kernel() -> bytes:
    """64 KiB that a boot loader takes for Linux: the header of boot protocol 2.02, and an endless loop."""
    kernel = bytearray(64 * 1024)
    kernel[0x1F1] = 4  # sectors of set-up code
    kernel[0x1FE:0x200] = b"\x55\xaa"
    kernel[0x200:0x202] = b"\xeb\xfe"  # begin: jmp begin
    kernel[0x202:0x208] = b"HdrS\x02\x02"
    kernel[0x211] = 1  # it is loaded high
    return bytes(kernel)


@dataclass(frozen=True, slots=True)
class Simulated:
    """A simulated host in a store of its own."""

    store: Store
    image: Image
    kernel: Image
    name: str = "sim"
    network: str = "default"
    bridge: str = "br-lab"

    @property
    def host(self) -> Host:
        return replace(declared(Connect(Scheme.SIM, "sim://"), self.store.host), capacity=_SIZE)

    def stop(self, name: str) -> None:
        interfere.stop(self.store, name)

    def pause(self, name: str) -> None:
        interfere.pause(self.store, name)

    def rename(self, name: str, new: str) -> None:
        interfere.rename(self.store, name, new)

    def disown(self, name: str) -> None:
        interfere.disown(self.store, name)

    def damage(self, name: str) -> None:
        interfere.disown(self.store, name)

    def autostart(self, name: str) -> None:
        interfere.autostart(self.store, name)

    def litter(self, name: str, size_mib: int) -> None:
        interfere.litter(self.store, name, str(size_mib))

    def litters(self) -> list[str]:
        return [volume.key.service for volume in self.store.look().volumes if not volume.fleet]

    def undefine(self, name: str) -> None:
        interfere.undefine(self.store, name)

    def edit_cpus(self, name: str, cpus: int) -> None:
        interfere.edit(self.store, name, str(cpus))

    def leave_half_made(self, name: str) -> None:
        domain = self.store.look().named(name)
        assert domain is not None
        assert domain.mark is not None
        self.store.change(Define(replace(domain, mark=replace(domain.mark, complete=False))), PHYSICAL)

    def crash(self, name: str) -> None:
        interfere.crash(self.store, name)

    def emigrate(self, name: str, to: Platform) -> None:
        interfere.emigrate(self.store, name, to.host.name)

    def strand(self, name: str, to: Platform) -> None:
        box, there = self.store.look(), Store(self.store.path.parent, to.host.name)
        domain = box.named(name)
        assert domain is not None
        assert domain.mark is not None
        journey = Journey(self.host.name, to.host.name)
        self.store.change(Define(replace(domain, mark=replace(domain.mark, journey=journey))), PHYSICAL)
        for disk in domain.mark.applied.disks:
            volume = domain.mark.volume(disk.name)
            there.change(AddVolume(volume, box.volumes[volume]), _SIZE)

    def mount(self, other: Platform) -> None:
        interfere.mount(self.store, other.host.name)

    def unplug(self, name: str, disk: str) -> None:
        interfere.unplug(self.store, name, disk)

    def snapshot(self, name: str, disk: str) -> None:
        interfere.snapshot(self.store, name, disk)

    def merge(self, name: str, disk: str) -> None:
        interfere.merge(self.store, name, disk)

    def deafen(self, name: str) -> None:
        interfere.deafen(self.store, name)

    def fill(self) -> None:
        left = PHYSICAL.disk_mib - sum(self.store.look().volumes.values())
        interfere.litter(self.store, "fill", str(left))

    def drain(self) -> None:
        interfere.sweep(self.store, "fill")

    def cut(self) -> None:
        interfere.cut(self.store)

    def reboot(self) -> None:
        interfere.reboot(self.store)

    def lay_bridge(self, name: str) -> None:
        interfere.lay(self.store, name)

    def cut_link(self, name: str) -> None:
        interfere.unlay(self.store, name)

    def add_foreign(self, name: str) -> None:
        interfere.foreign(self.store, name, "64")

    def definition(self, name: str) -> str:
        return repr(self.store.look().named(name))


def simulated(directory: Path, name: str = "hv1") -> Simulated:
    """A simulated host whose world is kept there."""
    store = Store(directory, HostName(name))
    return Simulated(store, disk_image(stand_in(directory)), kernel_image(directory))


def stand_in(directory: Path) -> Path:
    """A file in place of an image."""
    # Nothing on these platforms ever boots it.
    path = directory / "image.qcow2"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"stands in for an image")
    return path
