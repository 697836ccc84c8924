"""Machines and marks for these tests."""

from __future__ import annotations

from reconciler.actuators.libvirt.domain_xml import Site, domain_xml
from reconciler.actuators.libvirt.mark import Mark
from reconciler.specs.desired import Disk, ImageFormat, ImageUse, InstanceKey, Machine, Nic, NicKind, OnDelete
from tests.builders import FLEET, sha

KEY = InstanceKey("shop", "db", 0)
DISKS = (Disk("root", 1024), Disk("data", 2048, OnDelete.RETAIN))
NICS = (Nic(NicKind.BRIDGE, "br-lab"), Nic(NicKind.NETWORK, "lab"))
DISK_IMAGE = ImageUse("debian", disk=sha("disk"), format=ImageFormat.QCOW2)
KERNEL_IMAGE = ImageUse("tiny", kernel=sha("kernel"), initrd=sha("initrd"), cmdline="console=ttyS0 quiet")
MACHINE = Machine(DISK_IMAGE, 2, 512, DISKS, NICS, context=sha("context"), protect=True)
MARK = Mark(FLEET, KEY, MACHINE, complete=True)


def site(kind: str = "qemu") -> Site:
    return Site(kind, "x86_64", "/var/lib/libvirt/images")


def text_of(mark: Mark = MARK, *, kind: str = "qemu") -> str:
    return domain_xml(mark, site(kind), seeded=True)
