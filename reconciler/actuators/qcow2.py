"""What the first bytes of a disk image say, and whether it may serve as a base image. Pure.

The format: https://gitlab.com/qemu-project/qemu/-/blob/master/docs/interop/qcow2.txt (all numbers are
big-endian).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

HEAD_BYTES = 64 * 1024
"""How much of a file to read: the name of a backing file lies within its first cluster."""

_MAGIC = b"QFI\xfb"
_START = struct.Struct(">4sIQIIQI")
"""Magic, version, offset and length of the backing file's name, cluster bits, virtual size, encryption."""
_FEATURES = struct.Struct(">Q")
_FEATURES_AT = 72
_LONGEST_NAME = 1023

_CORRUPT, _EXTERNAL_DATA = 1 << 1, 1 << 2
_KNOWN = (1 << 0) | _CORRUPT | _EXTERNAL_DATA | (1 << 3) | (1 << 4)
"""Dirty, corrupt, external data file, compression type, extended L2 entries."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a qcow2 file says of itself. ``backing`` is the name of its backing file; empty: it has none."""

    version: int
    virtual_bytes: int
    backing: str = ""
    is_encrypted: bool = False
    features: int = 0
    """The incompatible ones, as bits."""

    @property
    def refusal(self) -> str | None:
        """Why it cannot be a base image; None where it can."""
        rules = (
            (self.version not in (2, 3), f"it is qcow2 of version {self.version}, which nobody knows"),
            (bool(self.backing), f"it has a backing file of its own ({self.backing}): flatten it first"),
            (bool(self.features & _EXTERNAL_DATA), "its data are in another file: convert it first"),
            (self.is_encrypted, "it is encrypted"),
            (bool(self.features & _CORRUPT), "it is marked as corrupt: qemu-img check says more"),
            (bool(self.features & ~_KNOWN), "it needs features that nobody knows"),
        )
        return next((why for holds, why in rules if holds), None)


def read_header(data: bytes) -> Header | None:
    """The header at the beginning of ``data``, or None where it is no qcow2.

    Raises ValueError where it is cut short or points outside of ``data``.
    """
    if not data.startswith(_MAGIC):
        return None
    if len(data) < _START.size:
        raise ValueError("the qcow2 header is cut short")
    _, version, at, length, _, size, encryption = _START.unpack_from(data)
    features = 0
    if version >= 3:
        if len(data) < _FEATURES_AT + _FEATURES.size:
            raise ValueError("the qcow2 header is cut short")
        (features,) = _FEATURES.unpack_from(data, _FEATURES_AT)
    return Header(version, size, _name(data, at, length), encryption != 0, features)


def _name(data: bytes, at: int, length: int) -> str:
    if not at:
        return ""
    if not 0 < length <= _LONGEST_NAME or at + length > len(data):
        raise ValueError("the qcow2 header points to a backing file whose name is not there")
    return data[at : at + length].decode("utf-8", "surrogateescape")
