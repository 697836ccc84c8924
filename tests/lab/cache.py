"""What is kept between laboratories: built guests, and what libvirt learnt about this machine's QEMU."""

import os
import shutil
from pathlib import Path

_PROBES = "var/cache/libvirt/qemu/capabilities"


def cache_directory() -> Path:
    """$RECONCILER_LAB_CACHE, or else a folder in the user's cache."""
    chosen = os.environ.get("RECONCILER_LAB_CACHE")
    return Path(chosen) if chosen else Path.home() / ".cache" / "reconciler-lab"


def lend_probes(root: Path) -> None:
    """Give a host what earlier ones learnt about QEMU: its first define takes 50 ms and not 7.5 s.

    libvirt itself checks that each file still fits the QEMU, kernel and libvirt it finds.
    """
    kept = cache_directory() / "qemu-capabilities"
    (root / _PROBES).mkdir(parents=True, exist_ok=True)
    for each in kept.glob("*.xml"):
        shutil.copy(each, root / _PROBES)


def keep_probes(root: Path) -> None:
    """Keep what a host has learnt about QEMU since."""
    kept = cache_directory() / "qemu-capabilities"
    for each in (root / _PROBES).glob("*.xml"):
        before = kept / each.name
        if before.exists() and before.read_bytes() == each.read_bytes():
            continue
        kept.mkdir(parents=True, exist_ok=True)
        scratch = kept / f"{each.name}.{os.getpid()}"
        shutil.copy(each, scratch)
        scratch.rename(before)
