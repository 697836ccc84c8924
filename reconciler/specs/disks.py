"""The disks of a machine, and in which pool of its host each lies."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class OnDelete(StrEnum):
    """What becomes of a disk when its instance is destroyed."""

    DELETE = "delete"
    RETAIN = "retain"


DEFAULT_POOL = "default"
"""The storage pool in which images lie, and every disk that does not say another."""


@dataclass(frozen=True, slots=True)
class Disk:
    """A disk of an instance. ``root`` is cloned from the image; the others start empty.

    ``pool`` is the storage pool of its host that it lies in; empty for the one in which images lie too.
    """

    name: str
    size_mib: int
    on_delete: OnDelete = OnDelete.DELETE
    pool: str = ""
