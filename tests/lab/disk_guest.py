"""The small guest as a real disk image: a FAT file system that boots by itself, in a qcow2.

What can be transferred, cloned, grown and booted. Each ``name`` is another image of the same guest,
which says it on its console (``IMAGE name``) and at http://…/image.
"""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

from .cache import cache_directory
from .guest import Guest
from .namespaces import run

MIB = 64
"""How large the disk is; the guest reads it once, at boot."""


def disk_guest(guest: Guest, name: str) -> Path:
    """The qcow2, from the cache or made anew (about a second)."""
    cmdline = f"{guest.cmdline} lab.image={name}"
    key = hashlib.sha256(f"{guest.initrd.parent.name} {cmdline} {MIB}".encode()).hexdigest()[:16]
    home = cache_directory() / f"disk-guest-{key}.qcow2"
    if not home.exists():
        home.parent.mkdir(parents=True, exist_ok=True)
        # Made beside its place and renamed: a half-made image is never seen.
        with tempfile.TemporaryDirectory(dir=home.parent, prefix="building-") as scratch:
            _make(Path(scratch), guest, cmdline).rename(home)
    return home


def _make(scratch: Path, guest: Guest, cmdline: str) -> Path:
    raw, qcow2, config = scratch / "guest.img", scratch / "guest.qcow2", scratch / "syslinux.cfg"
    lines = ("DEFAULT guest", "LABEL guest", "  KERNEL vmlinuz", "  INITRD initrd.img", f"  APPEND {cmdline}")
    config.write_text("\n".join(lines) + "\n")
    raw.touch()
    run(["truncate", "--size", f"{MIB}M", str(raw)])
    # No partitions: the first sector of the file system is the first of the disk, and boots.
    run(["mkfs.fat", "-n", "GUEST", str(raw)])
    for source, name in ((guest.kernel, "vmlinuz"), (guest.initrd, "initrd.img"), (config, "syslinux.cfg")):
        run(["mcopy", "-i", str(raw), str(source), f"::{name}"])
    run(["syslinux", "--install", str(raw)])
    run(["qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2", str(raw), str(qcow2)])
    return qcow2
