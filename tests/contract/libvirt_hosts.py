"""libvirt's platforms: its in-process test driver, and a real libvirtd of the laboratory."""

from __future__ import annotations

import importlib.util
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from reconciler.specs.desired import Connect, Host, Image, Scheme
from tests.contract.platforms import declared, disk_image, kernel_image, stand_in
from tests.lab.hosts import IMAGES, wait_until
from tests.lab.settings import FAST

FLEET = "contract"
TEST_POOL = "default-pool"
NAMESPACE = "urn:reconciler:instance:1"

if TYPE_CHECKING:
    import libvirt

    from tests.contract.platforms import Platform
    from tests.lab.hosts import Host as LabHost
    from tests.lab.laboratory import Laboratory

Edit = Callable[[str], str]
"""Domain XML in, domain XML out."""


def _with_cpus(xml: str, cpus: int) -> str:
    return re.sub(r"(<vcpu[^>]*>)[0-9]+<", rf"\g<1>{cpus}<", xml)


def _half_made(xml: str) -> str:
    edited = re.sub(r"""complete=(['"])yes['"]""", r"complete=\g<1>no\g<1>", xml)
    assert edited != xml, "there is no mark to edit"
    return edited


def _damaged(xml: str) -> str:
    edited = re.sub(r"(<reconciler:instance [^>]*>)[^<]*<", r"\g<1>{&quot;cpus&quot;: many}<", xml)
    assert edited != xml, "there is no mark to damage"
    return edited


def _named(xml: str, name: str) -> str:
    return re.sub(r"<name>[^<]*<", f"<name>{name}<", xml, count=1)


def _attribute(parent: ET.Element, tag: str, name: str) -> str:
    child = parent.find(tag)
    return "" if child is None else child.get(name, "")


_PET = re.compile(r"[^.]*\.qcow2")


def _litters(volumes: Iterable[str]) -> list[str]:
    """Names with one dot: ours have more."""
    return sorted(name for name in volumes if _PET.fullmatch(name))


_FOREIGN = """
<domain type='{type}'><name>{name}</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>
<os><type arch='x86_64'>hvm</type></os></domain>
"""


_FILL = """
mount -t tmpfs -o size=64m tmpfs /mnt
cp -a "$1/." /mnt/
mount --bind /mnt "$1"
cat /dev/zero > "$1/fill" 2> /dev/null || :
"""


# What all hosts of a laboratory see, over the pool's directory, with all that lies there.
_SHARE = """
mkdir -p /srv/pool
cp -an "$1/." /srv/pool/
mount --bind /srv/pool "$1"
"""


@dataclass(frozen=True, slots=True)
class InProcess:
    """libvirt's in-process test driver: as long as one connection is open, all see the same host."""

    connection: libvirt.virConnect
    image: Image
    kernel: Image
    name: str = "test-driver"
    network: str = "default"
    bridge: str = "br-lab"

    @property
    def host(self) -> Host:
        return declared(Connect(Scheme.TEST, "test:///default"))

    def stop(self, name: str) -> None:
        self.connection.lookupByName(name).destroy()

    def pause(self, name: str) -> None:
        self.connection.lookupByName(name).suspend()

    def rename(self, name: str, new: str) -> None:
        import libvirt

        domain = self.connection.lookupByName(name)
        xml = domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
        domain.undefine()
        self.connection.defineXML(_named(xml, new))

    def disown(self, name: str) -> None:
        import libvirt

        domain = self.connection.lookupByName(name)
        flags = libvirt.VIR_DOMAIN_AFFECT_CONFIG
        flags |= libvirt.VIR_DOMAIN_AFFECT_LIVE if domain.isActive() else 0
        domain.setMetadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, None, None, NAMESPACE, flags)

    def damage(self, name: str) -> None:
        self._edit(name, _damaged)

    def autostart(self, name: str) -> None:
        self.connection.lookupByName(name).setAutostart(1)

    def litter(self, name: str, size_mib: int) -> None:
        pool = self.connection.storagePoolLookupByName(TEST_POOL)
        pool.createXML(f"<volume><name>{name}</name><capacity unit='MiB'>{size_mib}</capacity></volume>", 0)

    def litters(self) -> list[str]:
        pool = self.connection.storagePoolLookupByName(TEST_POOL)
        return _litters(volume.name() for volume in pool.listAllVolumes())

    def undefine(self, name: str) -> None:
        domain = self.connection.lookupByName(name)
        if domain.isActive():
            domain.destroy()
        domain.undefine()

    def edit_cpus(self, name: str, cpus: int) -> None:
        self._edit(name, lambda xml: _with_cpus(xml, cpus))

    def leave_half_made(self, name: str) -> None:
        self._edit(name, _half_made)

    def add_foreign(self, name: str) -> None:
        self.connection.defineXML(_FOREIGN.format(name=name, type="test")).create()

    def definition(self, name: str) -> str:
        return str(self.connection.lookupByName(name).XMLDesc())

    def clean(self) -> None:
        """Leave nothing of what was there."""
        for domain in self.connection.listAllDomains():
            self.undefine(domain.name())
        for pool in self.connection.listAllStoragePools():
            for volume in pool.listAllVolumes():
                volume.delete()
        if FAST not in self.connection.listStoragePools():
            self.connection.storagePoolCreateXML(
                f"<pool type='dir'><name>{FAST}</name><target><path>/{FAST}</path></target></pool>", 0
            )

    def _edit(self, name: str, change: Edit) -> None:
        import libvirt

        xml = self.connection.lookupByName(name).XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
        self.connection.defineXML(change(xml))


@dataclass(frozen=True, slots=True)
class RealHost:
    """A real libvirtd of the laboratory, over SSH."""

    lab: Laboratory
    box: LabHost
    image: Image
    kernel: Image
    name: str = "libvirtd"
    network: str = "lab"
    bridge: str = "br-lab"

    @property
    def host(self) -> Host:
        lab, address = self.lab, self.box.address
        return declared(
            Connect(
                Scheme.SSH,
                f"ssh://root@{address}/",
                user="root",
                address=address,
                keyfile=str(lab.keyfile),
                known_hosts=str(lab.known_hosts_file),
            ),
            self.box.name,
        )

    def stop(self, name: str) -> None:
        self.box.virsh("destroy", name)

    def pause(self, name: str) -> None:
        self.box.virsh("suspend", name)

    def rename(self, name: str, new: str) -> None:
        self.box.virsh("domrename", name, new)

    def disown(self, name: str) -> None:
        live = ["--live"] if name in self.box.virsh("list", "--name").split() else []
        self.box.virsh("metadata", name, NAMESPACE, "--config", *live, "--remove")

    def damage(self, name: str) -> None:
        self.box.define(_damaged(self.box.virsh("dumpxml", "--inactive", name)))

    def autostart(self, name: str) -> None:
        self.box.virsh("autostart", name)

    def litter(self, name: str, size_mib: int) -> None:
        self.box.virsh("vol-create-as", "default", name, f"{size_mib}M", "--format", "qcow2")

    def litters(self) -> list[str]:
        return _litters(line.split()[0] for line in self.box.virsh("vol-list", "default").splitlines())

    def undefine(self, name: str) -> None:
        if name in self.box.virsh("list", "--name").splitlines():
            self.stop(name)
        if name in self.box.virsh("list", "--all", "--name").splitlines():  # else it had no definition
            self.box.virsh("undefine", name, "--snapshots-metadata")

    def edit_cpus(self, name: str, cpus: int) -> None:
        self.box.define(_with_cpus(self.box.virsh("dumpxml", "--inactive", name), cpus))

    def leave_half_made(self, name: str) -> None:
        self.box.define(_half_made(self.box.virsh("dumpxml", "--inactive", name)))

    def add_foreign(self, name: str) -> None:
        self.box.define(_FOREIGN.format(name=name, type="qemu"))
        self.box.virsh("start", name)

    def definition(self, name: str) -> str:
        return self.box.virsh("dumpxml", name)

    def crash(self, name: str) -> None:
        self.box.kill_guest(name)
        wait_until(
            lambda: name not in self.box.virsh("list", "--name").splitlines(), what=f"libvirtd missing {name}"
        )

    def _make_disks(self, name: str, there: LabHost) -> None:
        stem = f"{FLEET}.{name.replace('-', '.')}."
        for volume in (line.split()[0] for line in self.box.virsh("vol-list", "default").splitlines()):
            if volume.startswith(stem) and volume.endswith(".qcow2"):
                info = self.box.virsh("vol-info", "--bytes", volume, "default")
                (size,) = re.findall(r"Capacity: +([0-9]+)", info)
                there.virsh("vol-create-as", "default", volume, size, "--format", "qcow2")

    def strand(self, name: str, to: Platform) -> None:
        there = cast("RealHost", to).box
        mark = self.box.virsh("metadata", name, NAMESPACE, "--live")
        travelling = mark.replace(
            "<instance ", f'<instance from="{self.box.name}" to="{there.name}" copies="yes" ', 1
        )
        words = ("--key", "reconciler", "--set", travelling)
        self.box.virsh("metadata", name, NAMESPACE, "--live", "--config", *words)
        self._make_disks(name, there)

    def mount(self, other: Platform) -> None:
        for box in (self.box, cast("RealHost", other).box):
            box.run(["sh", "-ec", _SHARE, "share", IMAGES])
        for box in (self.box, cast("RealHost", other).box):
            box.virsh("pool-refresh", "default")

    def emigrate(self, name: str, to: Platform) -> None:
        there = cast("RealHost", to).box
        self._make_disks(name, there)
        self.box.virsh("migrate", "--live", "--copy-storage-all", name, f"qemu+tcp://{there.address}/system")

    def unplug(self, name: str, disk: str) -> None:
        stem = name.replace("-", ".")
        self.box.virsh("vol-delete", f"{FLEET}.{stem}.{disk}.qcow2", "default")

    def snapshot(self, name: str, disk: str) -> None:
        over = f"{self._device(name, disk)},file={IMAGES}/{name}.{disk}.snapshot"
        words = ("--disk-only", "--no-metadata", "--diskspec", over)
        others = [each for each in self._devices(name).values() if each != self._device(name, disk)]
        specs = [word for each in others for word in ("--diskspec", f"{each},snapshot=no")]
        self.box.virsh("snapshot-create-as", name, "before", *words, *specs)

    def merge(self, name: str, disk: str) -> None:
        self.box.virsh(
            "blockcommit", name, self._device(name, disk), "--shallow", "--active", "--pivot", "--wait"
        )

    def deafen(self, name: str) -> None:
        """A boot sector hears nothing of that anyway."""

    def _device(self, name: str, disk: str) -> str:
        return self._devices(name)[disk]

    def _devices(self, name: str) -> dict[str, str]:
        disks = ET.fromstring(self.box.virsh("dumpxml", name)).iterfind("devices/disk")
        return {disk.findtext("serial", ""): _attribute(disk, "target", "dev") for disk in disks}

    def fill(self) -> None:
        # Another file system over the pool's directory, with all that lies there, filled to the brim.
        self.box.run(["sh", "-ec", _FILL, "fill", IMAGES])
        self.box.virsh("pool-refresh", "default")

    def drain(self) -> None:
        self.box.run(["rm", f"{IMAGES}/fill"])
        self.box.virsh("pool-refresh", "default")

    def cut(self) -> None:
        self.box.cut_sessions()

    def reboot(self) -> None:
        self.box.crash()
        self.box.boot()
        self.box.virsh("uri")

    def lay_bridge(self, name: str) -> None:
        self.box.run(["ip", "link", "add", "name", name, "up", "type", "bridge"])

    def cut_link(self, name: str) -> None:
        self.box.run(["ip", "link", "delete", "dev", name])

    def clean(self) -> None:
        """Leave the host as empty as it was."""
        for name in self.box.virsh("list", "--all", "--name").splitlines():
            if name:
                self.undefine(name)
        self.box.cut_links()
        self.box.run(["sh", "-c", 'while umount "$1" 2> /dev/null && umount /mnt; do :; done', "sh", IMAGES])
        self.box.run(["rm", "-rf", "/srv/pool"])
        for pool in ("default", FAST):
            self.box.virsh("pool-refresh", pool)
            for line in self.box.virsh("vol-list", pool).splitlines():
                self.box.virsh("vol-delete", line.split()[0], pool)


@contextmanager
def in_process(directory: Path) -> Iterator[InProcess]:
    """The test driver's host, emptied of the machine it is born with.

    It lives while any connection does, and one that leaks through a cycle keeps it for the next test.
    """
    import libvirt

    connection = libvirt.open("test:///default")
    try:
        driver = InProcess(connection, disk_image(stand_in(directory)), kernel_image(directory))
        driver.clean()
        yield driver
    finally:
        connection.close()


def libvirt_is_missing() -> bool:
    """Whether the binding is not installed."""
    return importlib.util.find_spec("libvirt") is None
