"""Write a storage volume as libvirt wants it."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass

PRIVATE = "0600"


@dataclass(frozen=True, slots=True)
class Backing:
    """The volume that a clone's unwritten blocks are read from."""

    path: str
    format: str


def volume_xml(name: str, size_bytes: int, format: str, backing: Backing | None = None) -> str:
    """A volume that only its owner may read; nothing is allocated before it is written."""
    volume = ET.Element("volume")
    ET.SubElement(volume, "name").text = name
    ET.SubElement(volume, "capacity", unit="bytes").text = str(size_bytes)
    ET.SubElement(volume, "allocation", unit="bytes").text = "0"
    target = ET.SubElement(volume, "target")
    ET.SubElement(target, "format", type=format)
    permissions = ET.SubElement(target, "permissions")
    ET.SubElement(permissions, "mode").text = PRIVATE
    if backing is not None:
        store = ET.SubElement(volume, "backingStore")
        ET.SubElement(store, "path").text = backing.path
        ET.SubElement(store, "format", type=backing.format)
    return ET.tostring(volume, encoding="unicode")
