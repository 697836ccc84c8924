"""Write a domain as libvirt wants it: always a tree, never text."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from string import ascii_lowercase

from reconciler.actuators.libvirt import names
from reconciler.actuators.libvirt.mark import Mark
from reconciler.specs.desired import Disk, Nic
from reconciler.specs.identity import mac_address

MAX_DISKS = 25
"""vda … vdy; the last letter is the seed's."""

SEED_LETTER = "z"
SPARE_PORTS = 4
"""Disks that can be plugged into a machine while it runs, before it has to be started again."""

CONSOLE_LOGS = "/var/log/libvirt/qemu"

Attributes = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Platform:
    """How a kind of hypervisor wants its devices; None leaves the choice to libvirt."""

    disk_bus: str | None = "virtio"
    disk_prefix: str = "vd"
    nic_model: str | None = "virtio"
    cpu_mode: str | None = None
    has_virtio: bool = True
    """Guest agent channel, random numbers, memory balloon."""


PLATFORMS: Mapping[str, Platform] = {
    # host-passthrough would tie a machine to this very model of CPU.
    "kvm": Platform(cpu_mode="host-model"),
    "qemu": Platform(),
    "test": Platform(),
    "xen": Platform(disk_bus="xen", disk_prefix="xvd", nic_model=None, has_virtio=False),
}

_VIRTIO_DEVICES = 3
"""Agent channel, random numbers and memory balloon take a port each."""

_MACHINES = {"x86_64": "q35", "aarch64": "virt"}


@dataclass(frozen=True, slots=True)
class Site:
    """What a domain's XML takes from its host: domain type, architecture, path of the pool, whether other
    hosts use that pool too, and the paths of those ``others`` in which it has disks, by name.
    """

    kind: str
    arch: str
    pool: str
    shared: bool = False
    others: Mapping[str, str] = field(default_factory=dict)

    def path(self, volume: str, pool: str = "") -> str:
        """Where a volume lies on the host."""
        return f"{self.others[pool] if pool else self.pool}/{volume}"


def domain_xml(mark: Mark, site: Site, *, seeded: bool, unplugged: Collection[str] = ()) -> str:
    """A whole domain, ownership mark included. ``seeded`` plugs in what the guest is told.

    ``unplugged`` names disks that the mark still owns and the machine no longer has. Raises ValueError
    where there are more disks than letters.
    """
    machine, platform = mark.applied, PLATFORMS[site.kind]
    if len(machine.disks) > MAX_DISKS + len(unplugged):
        raise ValueError(f"{len(machine.disks)} disks are more than {MAX_DISKS}")
    domain = ET.Element("domain", type=site.kind)
    _put(domain, "name", text=mark.key.name)
    _put(domain, "uuid", text=mark.uuid)
    _put(domain, "metadata").append(mark.element())
    _put(domain, "memory", {"unit": "MiB"}, text=str(machine.memory_mib))
    _put(domain, "vcpu", text=str(machine.cpus))
    domain.append(_boot(mark, site))
    features = _put(domain, "features")
    _put(features, "acpi")
    if site.arch in ("x86_64", "i686"):
        _put(features, "apic")
    if platform.cpu_mode is not None:
        _put(domain, "cpu", {"mode": platform.cpu_mode})
    _put(domain, "clock", {"offset": "utc"})
    # A crash ends as "shut off (crashed)": visible, and ours to start again.
    for event, deed in (("poweroff", "destroy"), ("reboot", "restart"), ("crash", "destroy")):
        _put(domain, f"on_{event}", text=deed)
    domain.append(_devices(mark, site, seeded=seeded, unplugged=unplugged))
    return ET.tostring(domain, encoding="unicode")


def _boot(mark: Mark, site: Site) -> ET.Element:
    image, os = mark.applied.image, ET.Element("os")
    wants_machine = site.kind in ("kvm", "qemu") and site.arch in _MACHINES
    _put(os, "type", {"machine": _MACHINES[site.arch]} if wants_machine else {}, text="hvm")
    for digest, kind in ((image.kernel, names.PartKind.KERNEL), (image.initrd, names.PartKind.INITRD)):
        if digest is not None:
            _put(os, kind.value, text=site.path(names.image_volume(digest, kind)))
    if image.kernel is None:
        _put(os, "boot", {"dev": "hd"})
    elif image.cmdline:
        _put(os, "cmdline", text=image.cmdline)
    return os


def _devices(mark: Mark, site: Site, *, seeded: bool, unplugged: Collection[str]) -> ET.Element:
    platform, devices = PLATFORMS[site.kind], ET.Element("devices")
    plugged = (disk for disk in mark.applied.disks if disk.name not in unplugged)
    for disk, letter in zip(plugged, ascii_lowercase, strict=False):
        devices.append(disk_xml(names.disk_volume(mark.fleet, mark.key, disk.name), disk, letter, site))
    if seeded:
        # A disk, not a CD-ROM: cloud kernels know virtio and leave SATA out.
        path = site.path(names.seed_volume(mark.fleet, mark.key))
        driver = {"name": "qemu", "type": "raw"}
        seed = _disk(path, driver, letter=SEED_LETTER, serial=names.SEED_SERIAL, platform=platform)
        _put(seed, "readonly")
        devices.append(seed)
    devices.extend(_ports(mark, site, plugged=len(devices)))
    # No USB: three controllers and a tablet that a server has no use for.
    _put(devices, "controller", {"type": "usb", "model": "none"})
    devices.extend(_nics(mark, platform))
    devices.extend(_consoles(mark, platform))
    return devices


def disk_xml(volume: str, disk: Disk, letter: str, site: Site) -> ET.Element:
    """One disk of a machine on its host."""
    driver = {"name": "qemu", "type": "qcow2", "discard": "unmap"}
    if site.shared and not disk.pool:
        # What one host still has in its cache another must not read from the disk: libvirt would refuse
        # to migrate.
        driver["cache"] = "none"
    path, platform = site.path(volume, disk.pool), PLATFORMS[site.kind]
    return _disk(path, driver, letter=letter, serial=disk.name, platform=platform)


def _ports(mark: Mark, site: Site, *, plugged: int) -> Iterable[ET.Element]:
    """Slots on the PCI Express bus: a machine has no more than it was started with."""
    if site.kind not in ("kvm", "qemu") or site.arch not in _MACHINES:
        return
    yield ET.Element("controller", type="pci", index="0", model="pcie-root")
    own = plugged + len(mark.applied.nics) + _VIRTIO_DEVICES
    for _ in range(own + SPARE_PORTS):
        yield ET.Element("controller", type="pci", model="pcie-root-port")


def _disk(path: str, driver: Attributes, *, letter: str, serial: str, platform: Platform) -> ET.Element:
    disk = ET.Element("disk", type="file", device="disk")
    _put(disk, "driver", driver)
    _put(disk, "source", {"file": path})
    bus = {} if platform.disk_bus is None else {"bus": platform.disk_bus}
    _put(disk, "target", {"dev": platform.disk_prefix + letter, **bus})
    # By this it is recognised, inside the guest and by us, whatever letter it got.
    _put(disk, "serial", text=serial)
    return disk


def _nics(mark: Mark, platform: Platform) -> Iterable[ET.Element]:
    for index, nic in enumerate(mark.applied.nics):
        interface = ET.Element("interface", type=nic.kind.value)
        _put(interface, "mac", {"address": mac_address(mark.uuid, index)})
        _put(interface, "source", _source(nic))
        if platform.nic_model is not None:
            _put(interface, "model", {"type": platform.nic_model})
        yield interface


def _source(nic: Nic) -> Attributes:
    return {nic.kind.value: nic.source}


def _consoles(mark: Mark, platform: Platform) -> Iterable[ET.Element]:
    serial = ET.Element("serial", type="pty")
    _put(serial, "log", {"file": f"{CONSOLE_LOGS}/{mark.key.name}-console.log", "append": "off"})
    _put(serial, "target", {"port": "0"})
    yield serial
    console = ET.Element("console", type="pty")
    _put(console, "target", {"type": "serial", "port": "0"})
    yield console
    if platform.has_virtio:
        agent = ET.Element("channel", type="unix")
        _put(agent, "target", {"type": "virtio", "name": "org.qemu.guest_agent.0"})
        yield agent
    # A screen nobody is connected to: boot loaders expect one; nothing listens on the network.
    video = ET.Element("video")
    _put(video, "model", {"type": "vga"})
    yield video
    if platform.has_virtio:
        yield ET.Element("memballoon", model="virtio")
        random = ET.Element("rng", model="virtio")
        _put(random, "backend", {"model": "random"}, text="/dev/urandom")
        yield random


def _put(parent: ET.Element, tag: str, attributes: Attributes | None = None, *, text: str = "") -> ET.Element:
    child = ET.SubElement(parent, tag, dict(attributes or {}))
    if text:
        child.text = text
    return child
