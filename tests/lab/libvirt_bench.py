"""One laboratory host under the libvirt actuator: what its tests start from and leave clean."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from reconciler.actuators.libvirt import open_libvirt
from reconciler.actuators.libvirt.actuator import LibvirtActuator
from reconciler.actuators.port import Access
from reconciler.specs.desired import (
    Connect,
    Disk,
    Host,
    HostName,
    Hypervisor,
    Image,
    ImageFormat,
    ImagePart,
    ImageUse,
    Instance,
    InstanceKey,
    Machine,
    Nic,
    NicKind,
    OnDelete,
    Scheme,
)
from reconciler.specs.fingerprint import sha256_hex
from reconciler.specs.guest import GuestContext
from reconciler.specs.identity import instance_uuid

from .hosts import Host as Box
from .laboratory import Laboratory

POOL = "/var/lib/libvirt/images"
SEED = b"what the guest is told" * 100_000
KEY = InstanceKey("shop", "db", 0)
STEM = f"{POOL}/lab.shop.db.0"


@dataclass
class Supplies:
    file: Path
    told: bytes = SEED

    async def image(self, part: ImagePart) -> Path:
        return self.file

    def seed(self, instance: Instance) -> bytes:
        return self.told

    def telling(self, instance: Instance) -> str:
        raise AssertionError(instance)


@dataclass
class Bench:
    """One host, one image, one instance."""

    lab: Laboratory
    box: Box
    image: Image
    supplies: Supplies

    @property
    def name(self) -> HostName:
        return HostName(self.box.name)

    @property
    def host(self) -> Host:
        connect = Connect(
            Scheme.SSH,
            f"ssh://root@{self.box.address}/",
            user="root",
            address=self.box.address,
            keyfile=str(self.lab.keyfile),
            known_hosts=str(self.lab.known_hosts_file),
        )
        return Host(self.name, connect, hypervisor=Hypervisor.QEMU)

    @property
    def db(self) -> Instance:
        disks = (Disk("root", 32), Disk("data", 8, OnDelete.RETAIN))
        machine = Machine(
            self.image.use, 1, 32, disks, (Nic(NicKind.BRIDGE, "br-lab"),), context=sha256_hex(SEED)
        )
        return Instance(KEY, "lab", instance_uuid("lab", KEY), machine, context=GuestContext("db"))

    async def open(
        self, *, read_only: bool = False, host: Host | None = None, lock: bool = True
    ) -> LibvirtActuator:
        access = Access("lab", read_only, Path("/nonexistent"), self.supplies)
        actuator = await open_libvirt(host or self.host, access, grace=0.5)
        assert isinstance(actuator, LibvirtActuator)
        if lock and not read_only:
            await actuator.lock("the tests")
        return actuator

    def files(self) -> set[str]:
        return set(self.box.run(["find", POOL, "-type", "f"]).split())

    def hold(self, disk: str) -> Path:
        """Another name for a disk's file, so that its inode is not given to the next file."""
        held = f"/var/lib/libvirt/held-{disk}"
        self.box.run(["ln", "-f", f"{STEM}.{disk}.qcow2", held])
        return self.box.path(held)

    def is_held(self, disk: str, held: Path) -> bool:
        return self.box.path(f"{STEM}.{disk}.qcow2").samefile(held)

    def clean(self) -> None:
        for name in self.box.virsh("list", "--name").split():
            self.box.virsh("destroy", name)
        for name in self.box.virsh("list", "--all", "--name").split():
            self.box.virsh("undefine", name)
        self.box.run(["find", POOL, "-type", "f", "-delete"])
        self.box.virsh("pool-refresh", "default")


def benches(laboratory: Laboratory, file: Path) -> Iterator[Bench]:
    """A clean host with a bootable image at hand; cleaned again behind the test."""
    digest = sha256_hex(file.read_bytes())
    use = ImageUse("sector", disk=digest, format=ImageFormat.QCOW2)
    image = Image(use, (ImagePart(str(file), digest),))
    bench = Bench(laboratory, laboratory.hosts[0], image, Supplies(file))
    bench.clean()
    yield bench
    bench.clean()
