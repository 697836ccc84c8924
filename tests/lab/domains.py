"""Domain XML for the laboratory's guests: TCG, a console log where `Host.serial` reads it."""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from .guest import Guest


@dataclass(frozen=True, slots=True)
class Disk:
    """An image file on the host: its path there, its format, and whether it is a read-only CD."""

    path: str
    format: str = "qcow2"
    cdrom: bool = False


def domain_xml(
    name: str, *, guest: Guest | None = None, disks: Sequence[Disk] = (), mac: str = "", memory_mib: int = 96
) -> str:
    """A domain that boots `guest` directly, or else its first disk; with `mac`, a NIC on br-lab."""
    domain = ET.Element("domain", type="qemu")
    _text(domain, "name", name)
    _text(domain, "memory", str(memory_mib)).set("unit", "MiB")
    _text(domain, "vcpu", "1")
    system = ET.SubElement(domain, "os")
    _text(system, "type", "hvm").set("machine", "q35")
    if guest is not None:
        _text(system, "kernel", str(guest.kernel))
        _text(system, "initrd", str(guest.initrd))
        _text(system, "cmdline", guest.cmdline)
    ET.SubElement(ET.SubElement(domain, "features"), "acpi")
    devices = ET.SubElement(domain, "devices")
    for index, disk in enumerate(disks):
        _disk(devices, disk, letter="abcdefgh"[index])
    if mac:
        interface = ET.SubElement(devices, "interface", type="bridge")
        ET.SubElement(interface, "mac", address=mac)
        ET.SubElement(interface, "source", bridge="br-lab")
        ET.SubElement(interface, "model", type="virtio")
    console = ET.SubElement(devices, "serial", type="file")
    ET.SubElement(console, "source", path=f"/var/log/libvirt/qemu/{name}-console.log")
    ET.SubElement(devices, "memballoon", model="none")
    return ET.tostring(domain, encoding="unicode")


def _disk(devices: ET.Element, disk: Disk, *, letter: str) -> None:
    # A CD goes on virtio-scsi: the cloud kernel has no AHCI, so a SATA CD would be invisible.
    element = ET.SubElement(devices, "disk", type="file", device="cdrom" if disk.cdrom else "disk")
    ET.SubElement(element, "driver", name="qemu", type=disk.format)
    ET.SubElement(element, "source", file=disk.path)
    bus, prefix = ("scsi", "sd") if disk.cdrom else ("virtio", "vd")
    ET.SubElement(element, "target", dev=f"{prefix}{letter}", bus=bus)
    if disk.cdrom:
        ET.SubElement(element, "readonly")
        ET.SubElement(devices, "controller", type="scsi", model="virtio-scsi")


def _text(parent: ET.Element, tag: str, text: str) -> ET.Element:
    child = ET.SubElement(parent, tag)
    child.text = text
    return child
