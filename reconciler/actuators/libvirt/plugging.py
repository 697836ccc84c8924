"""Disks of a machine that runs: grown, plugged in and unplugged under the guest's feet.

Growing and plugging in need nobody's consent. Unplugging does: a disk first leaves the definition, so
that it is gone after the next start at the latest, and then the guest is asked to let go of it. Only
what neither the definition nor the running machine has any more is deleted.
"""

from __future__ import annotations

import asyncio
import xml.etree.ElementTree as ET
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from string import ascii_lowercase

import libvirt

from reconciler.actuators.libvirt import names
from reconciler.actuators.libvirt.domain_xml import PLATFORMS, SEED_LETTER, disk_xml
from reconciler.actuators.libvirt.domains import Domain
from reconciler.actuators.libvirt.order import Desk, Hands
from reconciler.actuators.libvirt.pool import MIB, Pool
from reconciler.errors import ActionFailed
from reconciler.specs.desired import Disk, InstanceUuid, Machine

_Disks = Mapping[str, ET.Element]
"""The disks of a machine that have a serial number, by that."""


@dataclass(frozen=True, slots=True)
class Sockets:
    """What is plugged into a machine: as it is configured, and as it runs."""

    configured: _Disks
    running: _Disks

    @classmethod
    def of(cls, domain: Domain) -> Sockets:
        """Of a domain that runs."""
        configured, *running = (_disks(text) for text in domain.texts())
        return cls(configured, running[0] if running else {})

    def free_letter(self, prefix: str) -> str | None:
        """The first that no disk is called by, running or configured."""
        both = (*self.configured.values(), *self.running.values())
        taken = {_device(disk) for disk in both}
        letters = (letter for letter in ascii_lowercase if letter != SEED_LETTER)
        return next((letter for letter in letters if prefix + letter not in taken), None)

    def others(self, stay: Collection[str], ours: Collection[str]) -> frozenset[str]:
        """Those of ``ours`` that are plugged in somewhere and do not stay."""
        return frozenset(ours) & frozenset((*self.configured, *self.running)) - frozenset(stay)


def plug(hands: Hands, domain: Domain, machine: Machine) -> None:
    """Give a running machine the disks it is told to have, and the size; each may be there already.

    The mark owns them before this is called.
    """
    pool = hands.pool()
    for disk in machine.disks:
        sockets = Sockets.of(domain)
        volume = names.disk_volume(domain.mark.fleet, domain.mark.key, disk.name)
        if disk.name in sockets.running:
            _grow(domain, pool, sockets.running[disk.name], disk)
        else:
            pool.of(disk).adopt_or_make(volume, disk.size_mib)
        _plug(hands, domain, disk, sockets)


async def unplug(desk: Desk, uuid: InstanceUuid, machine: Machine) -> None:
    """Take from a running machine what it is no longer told to have; wait for its guest to let go.

    Raises ActionFailed where the guest does not: the definition is without the disk all the same.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + desk.pace.grace
    held = await desk.change("unplugging", lambda hands: _ask(hands, uuid, machine))
    while held:
        if loop.time() >= until:
            raise ActionFailed(desk.host, _refusal(held))
        await asyncio.sleep(desk.pace.poll)
        held = await desk.change("looking", lambda hands: _still_held(hands, uuid, machine))


def _refusal(held: frozenset[str]) -> str:
    disks = ", ".join(sorted(held))
    return (
        f"the guest does not let go of disk {disks}: it is asked again at the next apply, "
        "and rid of it when the machine has been shut down and started"
    )


def _ask(hands: Hands, uuid: InstanceUuid, machine: Machine) -> frozenset[str]:
    domain = hands.domains.get(uuid)
    sockets = Sockets.of(domain)
    going = sockets.others(_names(machine), _names(domain.mark.applied))
    for name in sorted(going & frozenset(sockets.configured)):
        text = ET.tostring(sockets.configured[name], encoding="unicode")
        domain.handle.detachDeviceFlags(text, libvirt.VIR_DOMAIN_AFFECT_CONFIG)
    for name in sorted(going & frozenset(sockets.running)):
        _request(domain, sockets.running[name])
    return going & frozenset(sockets.running)


def _still_held(hands: Hands, uuid: InstanceUuid, machine: Machine) -> frozenset[str]:
    domain = hands.domains.get(uuid)
    sockets = Sockets.of(domain)
    return sockets.others(_names(machine), _names(domain.mark.applied)) & frozenset(sockets.running)


def _request(domain: Domain, disk: ET.Element) -> None:
    alias = disk.find("alias")
    name = "" if alias is None else alias.get("name", "")
    try:
        # By its alias: this only asks, where the older call waits for five seconds.
        domain.handle.detachDeviceAlias(name, libvirt.VIR_DOMAIN_AFFECT_LIVE)
    except libvirt.libvirtError as error:
        if "process of unplug" not in str(error):  # it has been asked before, and has not answered yet
            raise


def _grow(domain: Domain, pool: Pool, plugged: ET.Element, disk: Disk) -> None:
    if not pool.holds_bytes:
        volume = names.disk_volume(domain.mark.fleet, domain.mark.key, disk.name)
        pool.of(disk).adopt_or_make(volume, disk.size_mib)
        return
    device = _device(plugged)
    if domain.handle.blockInfo(device)[0] < disk.size_mib * MIB:
        domain.handle.blockResize(device, disk.size_mib * MIB, libvirt.VIR_DOMAIN_BLOCK_RESIZE_BYTES)


def _plug(hands: Hands, domain: Domain, disk: Disk, sockets: Sockets) -> None:
    flags = 0 if disk.name in sockets.configured else libvirt.VIR_DOMAIN_AFFECT_CONFIG
    flags |= 0 if disk.name in sockets.running else libvirt.VIR_DOMAIN_AFFECT_LIVE
    if not flags:
        return
    platform, host = PLATFORMS[hands.desk.platform.kind], hands.desk.host
    there = sockets.running.get(disk.name, sockets.configured.get(disk.name))
    letter = sockets.free_letter(platform.disk_prefix) if there is None else _device(there)[-1]
    if letter is None:
        raise ActionFailed(host, f"{domain.mark.key.name} has no letter left for disk {disk.name}")
    volume = names.disk_volume(domain.mark.fleet, domain.mark.key, disk.name)
    site = hands.site(hands.pool(), replace(domain.mark.applied, disks=(disk,)))
    text = ET.tostring(disk_xml(volume, disk, letter, site), "unicode")
    try:
        domain.handle.attachDeviceFlags(text, flags)
    except libvirt.libvirtError as error:
        if "PCI slots" not in str(error):
            raise
        message = f"{domain.mark.key.name} has no free slot to plug disk {disk.name} into while it runs"
        raise ActionFailed(host, f"{message}: shut it down and apply again") from error


def _disks(text: str) -> _Disks:
    found = ((disk.findtext("serial"), disk) for disk in ET.fromstring(text).iterfind("devices/disk"))
    return {serial: disk for serial, disk in found if serial}


def _device(disk: ET.Element) -> str:
    target = disk.find("target")
    return "" if target is None else target.get("dev", "")


def _names(machine: Machine) -> frozenset[str]:
    return frozenset(disk.name for disk in machine.disks)
