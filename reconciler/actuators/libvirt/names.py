"""What our volumes are called: names that can be read back without opening anything.

``<fleet>.<service>.<component>.<ordinal>.<disk>.qcow2`` for disks, the same with ``seed.iso`` for
what a guest is told and ``seed.former.iso`` for what it was told before its component was changed,
``<token>.probe`` for what is there for a moment while two pools are told from each other,
``reconciler.image.<sha256>.<kind>`` for base images, and ``reconciler.cordon.<fleet>.<host>`` for a
cordon. Names of the YAML hold no dots, so the parts are unambiguous.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from reconciler.specs.desired import ImageFormat, ImageUse, InstanceKey, Sha256

ROOT = "root"
SEED = "seed"
SEED_SERIAL = "seed.iso"
"""Not a name a disk of the user can have."""
_PROBE = "probe"

_DISK = re.compile(r"([a-z0-9-]+)\.([a-z0-9-]+)\.([a-z0-9-]+)\.([0-9]{1,9})\.([a-z0-9-]+)\.qcow2")
_OF_PROBE = re.compile(r"([a-z0-9-]+)\.([a-z0-9-]+)\.([a-z0-9-]+)\.([0-9]{1,9})\.[0-9a-f]+\.probe")
_IMAGE = re.compile(r"reconciler\.image\.([0-9a-f]{64})\.(?:qcow2|raw|kernel|initrd)")

_LEFTOVER = re.compile(r"\.reconciler\.image\.([0-9a-f]{64})\.(?:qcow2|raw|kernel|initrd)\.part\.")


class PartKind(StrEnum):
    """What a file of an image is to the machine that boots it."""

    QCOW2 = "qcow2"
    RAW = "raw"
    KERNEL = "kernel"
    INITRD = "initrd"


@dataclass(frozen=True, slots=True)
class DiskName:
    """What a disk's volume name says."""

    fleet: str
    key: InstanceKey
    disk: str


def disk_volume(fleet: str, key: InstanceKey, disk: str) -> str:
    """Name of the volume of one disk."""
    return f"{_stem(fleet, key)}.{disk}.qcow2"


def seed_volume(fleet: str, key: InstanceKey) -> str:
    """Name of the volume that holds what a guest is told."""
    return f"{_stem(fleet, key)}.{SEED}.iso"


def former_seed_volume(fleet: str, key: InstanceKey) -> str:
    """Name of the volume that holds what a guest was told before it was changed, while that is kept."""
    return f"{_stem(fleet, key)}.{SEED}.former.iso"


def probe_volume(fleet: str, key: InstanceKey, token: str) -> str:
    """Name of an empty volume that shows whether two pools are one; ``token`` was never used before."""
    return f"{_stem(fleet, key)}.{token}.{_PROBE}"


def is_probe(volume: str, fleet: str, key: InstanceKey | None = None) -> bool:
    """Whether a volume is such a one of that fleet, made for the sake of that machine (None: of any)."""
    match = _OF_PROBE.fullmatch(volume)
    if match is None:
        return False
    whose, service, component, ordinal = match.groups()
    return whose == fleet and key in (None, InstanceKey(service, component, int(ordinal)))


def image_volume(sha256: Sha256, kind: PartKind) -> str:
    """Name of the volume of one file of a base image."""
    return f"reconciler.image.{sha256}.{kind}"


def cordon_file(fleet: str, host: str) -> str:
    """Name of the file that keeps a fleet from giving a host anything new; hosts may share the directory."""
    return f"reconciler.cordon.{fleet}.{host}"


def part_kind(use: ImageUse, sha256: Sha256) -> PartKind:
    """What the file with that digest is to ``use``. Raises LookupError if it is nothing to it."""
    roles = ((use.kernel, PartKind.KERNEL), (use.initrd, PartKind.INITRD), (use.disk, disk_kind(use)))
    for digest, kind in roles:
        if digest == sha256:
            return kind
    raise LookupError(f"image {use.name} has no part {sha256}")


def disk_kind(use: ImageUse) -> PartKind:
    """How the image's disk is laid out; qcow2 where it does not say."""
    return PartKind.RAW if use.format is ImageFormat.RAW else PartKind.QCOW2


def read_disk(volume: str) -> DiskName | None:
    """Whose disk a volume is, or None where it is not a disk of any fleet."""
    match = _DISK.fullmatch(volume)
    if match is None:
        return None
    fleet, service, component, ordinal, disk = match.groups()
    return DiskName(fleet, InstanceKey(service, component, int(ordinal)), disk)


def read_image(volume: str) -> Sha256 | None:
    """Digest of the base image file that a volume is, or None."""
    match = _IMAGE.fullmatch(volume)
    return Sha256(match.group(1)) if match else None


def read_leftover(file: str) -> Sha256 | None:
    """Digest of the image that a hidden file is a part of, or None where it is none."""
    match = _LEFTOVER.match(file)
    return Sha256(match.group(1)) if match else None


def is_of_an_image(volume: str) -> bool:
    """Whether a volume is a base image's file, or a part of one."""
    return read_image(volume) is not None or read_leftover(volume) is not None


def _stem(fleet: str, key: InstanceKey) -> str:
    return f"{fleet}.{key.service}.{key.component}.{key.ordinal}"
