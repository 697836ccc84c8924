"""Read a domain's XML: whose it is, and what it has now. Nothing in it can make this raise."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reconciler.actuators.libvirt import mark as marks
from reconciler.actuators.libvirt import names
from reconciler.specs.desired import Disk, Nic, NicKind, Resources
from reconciler.state import Live, LiveDisk

_KIB_PER_MIB = 1024
_OF_FILES = ("dir", "fs", "netfs")
"""Kinds of pools."""
# Begin and end of each disk and interface, and what of it we read; most of a domain is controllers.
_WANTED = re.compile(
    r"\n    </?(?:disk|interface)[ >].*|\n      <serial>.*|\n      <source (?:file|network|bridge)=.*"
)


@dataclass(frozen=True, slots=True)
class Ours:
    """A domain with a genuine mark of the asking fleet."""

    mark: marks.Mark
    live: Live


@dataclass(frozen=True, slots=True)
class Foreign:
    """Anybody else's domain: known only by what it takes of the host while it is active."""

    takes: Resources


@dataclass(frozen=True, slots=True)
class Reader:
    """With whose eyes a domain is read: a fleet's, whose volumes lie in the directory ``pool``, or in those
    of ``others``, by the pool's name.
    """

    fleet: str
    pool: str
    others: tuple[tuple[str, str], ...] = ()

    def is_own(self, file: str, disk: Disk, mark: marks.Mark) -> bool:
        """Whether a file is a disk's own volume. Of a pool that is not active nobody knows where it lies."""
        volume = names.disk_volume(mark.fleet, mark.key, disk.name)
        if not disk.pool:
            return file == f"{self.pool}/{volume}"
        directory = dict(self.others).get(disk.pool)
        return file == f"{directory}/{volume}" if directory is not None else file.endswith(f"/{volume}")


def read_domain(text: str, reader: Reader) -> Ours | Foreign:
    """What a domain's XML says. Text that cannot be understood is a foreign domain of no size."""
    # libvirt never writes a document type; whoever does has no good reason.
    if "<!DOCTYPE" in text:
        return Foreign(Resources())
    try:
        try:
            return _read(ET.fromstring(_excerpt(text)), reader)
        except ET.ParseError:
            return _read(ET.fromstring(text), reader)
    except (ET.ParseError, ValueError, OverflowError):
        return Foreign(Resources())


def read_pool_directory(text: str) -> str | None:
    """Directory of a pool of files, from its XML; None where it is of another kind."""
    pool = ET.fromstring(text)
    return pool.findtext("target/path") or None if pool.get("type") in _OF_FILES else None


def _excerpt(text: str) -> str:
    """What we read of a domain, as libvirt lays it out, an element a line: it parses in half the time.

    Text of another layout comes back whole, or as something that does not parse.
    """
    head = text.find("\n  <os>")
    if head < 0:
        return text
    return f"{text[:head]}<devices>{''.join(_WANTED.findall(text, head))}</devices></domain>"


def _read(domain: ET.Element, reader: Reader) -> Ours | Foreign:
    # One walk instead of a search a field: this is what a look spends its time on.
    parts = {part.tag: part for part in domain}
    cpus, memory_mib = _cpus(parts), _memory_mib(parts)
    metadata, uuid = parts.get("metadata"), _text(parts, "uuid")
    element = None if metadata is None else metadata.find(marks.TAG)
    mark = marks.read_mark(element, fleet=reader.fleet, uuid=uuid)
    if mark is None:
        return Foreign(Resources(cpus, memory_mib))
    devices = parts.get("devices", ())
    disks = _disks((device for device in devices if device.tag == "disk"), mark, reader)
    nics = _nics(device for device in devices if device.tag == "interface")
    return Ours(mark, Live(cpus, memory_mib, disks, nics))


def _text(parts: Mapping[str, ET.Element], tag: str) -> str:
    part = parts.get(tag)
    return "" if part is None else part.text or ""


def _cpus(parts: Mapping[str, ET.Element]) -> int:
    vcpu = parts.get("vcpu")
    if vcpu is None:
        return 1
    return int(vcpu.get("current") or vcpu.text or 1)


def _memory_mib(parts: Mapping[str, ET.Element]) -> int:
    # Libvirt reports MiB as KiB, whatever unit was defined.
    return int(_text(parts, "currentMemory") or _text(parts, "memory") or 0) // _KIB_PER_MIB


def _disks(disks: Iterable[ET.Element], mark: marks.Mark, reader: Reader) -> tuple[LiveDisk, ...]:
    # By serial, not by file: a snapshot changes the file. What was plugged in by hand is not ours.
    ours = {disk.name: disk for disk in mark.applied.disks}
    found = []
    for disk in disks:
        serial = disk.findtext("serial", "")
        if serial in ours:
            source = disk.find("source")
            file = "what is no file" if source is None else source.get("file", "what is no file")
            found.append(LiveDisk(serial, source="" if reader.is_own(file, ours[serial], mark) else file))
    return tuple(found)


def _nics(interfaces: Iterable[ET.Element]) -> tuple[Nic, ...]:
    sources = (interface.find("source") for interface in interfaces)
    return tuple(nic for source in sources if source is not None and (nic := _nic(source)) is not None)


def _nic(source: ET.Element) -> Nic | None:
    # Not by the interface's type: in a running machine a card of a bridged network says "bridge",
    # and names the network and the bridge alike.
    for kind in (NicKind.NETWORK, NicKind.BRIDGE):
        name = source.get(kind.value)
        if name is not None:
            return Nic(kind, name)
    return None
