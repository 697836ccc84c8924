"""A Debian as people use it, made from packages: systemd, the real cloud-init, and qemu-guest-agent.

A disk image that boots by itself: syslinux and the kernel in a small FAT partition, the rest in an ext4
one. Everything is made without mounting anything.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from .cache import cache_directory
from .guest import versioned_kernel
from .namespaces import OUTSIDE, LabError, run

_PACKAGES = (
    "systemd-sysv",
    "udev",
    "dbus",
    "kmod",
    "iproute2",
    "linux-image-cloud-amd64",
    "cloud-init",
    "qemu-guest-agent",
)
_NEEDED = {
    "mmdebstrap": "mmdebstrap",
    "sfdisk": "fdisk",
    "mke2fs": "e2fsprogs",
    "syslinux": "syslinux",
    "mformat": "mtools",
    "qemu-img": "qemu-utils",
}
_MBR = Path("/usr/lib/syslinux/mbr/mbr.bin")
# Nothing reads them, and unpacking them takes as long as much of the rest.
_LEFT_OUT = ("man", "doc", "info", "locale", "lintian", "bug")
_SECTOR = 512
_BOOT_START, _BOOT_SECTORS = 2048, 131072
_ROOT_START = _BOOT_START + _BOOT_SECTORS
_ROOT_MIB = 960
_CONFIG = """\
datasource_list: [NoCloud, None]
# What this Debian is too small for: locales, a larger disk, an SSH daemon.
locale: false
resize_rootfs: false
growpart: {mode: 'off'}
ssh_genkeytypes: []
"""
_SYSLINUX = """\
DEFAULT debian
LABEL debian
  KERNEL vmlinuz
  INITRD initrd.img
  APPEND root=LABEL=root ro console=ttyS0
"""


def debian_guest() -> Path:
    """The qcow2, from the cache or made anew (a minute or two, and 90 MB of packages)."""
    if missing := [package for program, package in _NEEDED.items() if shutil.which(program) is None]:
        raise LabError(f"apt-get install {' '.join(missing)}")
    sources = Path(__file__).read_bytes() + versioned_kernel().encode()
    home = cache_directory() / f"debian-{hashlib.sha256(sources).hexdigest()[:16]}.qcow2"
    home.parent.mkdir(parents=True, exist_ok=True)
    with home.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # whoever comes second finds what the first has made
        if home.exists():
            return home
        # Made beside its place and renamed: a half-made image is never seen.
        with tempfile.TemporaryDirectory(dir=home.parent, prefix="building-") as scratch:
            _make(Path(scratch)).rename(home)
    return home


def _make(scratch: Path) -> Path:
    tree, raw, qcow2 = scratch / "tree", scratch / "debian.img", scratch / "debian.qcow2"
    _install(tree)
    (tree / "etc/fstab").write_text("LABEL=root / ext4 defaults 0 1\n")
    (tree / "etc/hosts").write_text("127.0.0.1 localhost\n")
    (tree / "etc/machine-id").write_text("")
    (tree / "etc/cloud/cloud.cfg.d/99-lab.cfg").write_text(_CONFIG)
    run(["truncate", "--size", f"{_ROOT_START * _SECTOR // 2**20 + _ROOT_MIB + 1}M", str(raw)])
    boot = f"start={_BOOT_START}, size={_BOOT_SECTORS}, type=c, bootable"
    run(["sfdisk", "-q", str(raw)], input_text=f"label: dos\n{boot}\nstart={_ROOT_START}, type=83\n")
    with raw.open("r+b") as disk:
        disk.write(_MBR.read_bytes())
    _make_bootable(scratch, tree, raw)
    shutil.rmtree(tree / "boot")
    offset = f"offset={_ROOT_START * _SECTOR}"
    run(
        ["mke2fs", "-q", "-t", "ext4", "-L", "root", "-d", str(tree), "-E", offset, str(raw), f"{_ROOT_MIB}M"]
    )
    run(["qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2", str(raw), str(qcow2)], timeout=300)
    return qcow2


def _install(tree: Path) -> None:
    # A test's thread may stand in a laboratory's network, from where no mirror is reached.
    outside = os.environ.get(OUTSIDE)
    way_out = ["nsenter", f"--net={outside}", "--"] if outside else []
    words = ["mmdebstrap", "--quiet", "--variant=essential", f"--include={','.join(_PACKAGES)}"]
    words += [f"--aptopt={line}" for line in _apt_options()]
    words += [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in _LEFT_OUT]
    words += ['--customize-hook=chroot "$1" systemctl enable systemd-networkd']
    run([*way_out, *words, "bookworm", str(tree), "-"], input_text=_sources(), timeout=540)
    shutil.rmtree(tree / "var/lib/apt/lists", ignore_errors=True)


def _sources() -> str:
    """Where this machine's own apt finds Debian."""
    form = "deb $(REPO_URI) $(RELEASE) $(COMPONENT)"
    found = run(
        ["apt-get", "indextargets", "--format", form, "Created-By: Packages", "Origin: Debian"],
    )
    if not found:
        raise LabError("apt knows no Debian mirror: run apt-get update")
    return "".join(sorted({f"{line}\n" for line in found.splitlines()}))


def _apt_options() -> list[str]:
    """What this machine's own apt was told about the way there."""
    names = ("Acquire::Check-Valid-Until", "Acquire::Check-Date", "Acquire::http::Proxy")
    return run(["apt-config", "dump", "--format", '%F "%v";%n', *names]).splitlines()


def _make_bootable(scratch: Path, tree: Path, raw: Path) -> None:
    config = scratch / "syslinux.cfg"
    config.write_text(_SYSLINUX)
    offset = _BOOT_START * _SECTOR
    part = f"{raw}@@{offset}"
    geometry = ["-T", str(_BOOT_SECTORS), "-h", "255", "-s", "63", "-H", str(_BOOT_START)]
    run(["mformat", "-i", part, *geometry, "-F", "::"])
    (kernel,) = (tree / "boot").glob("vmlinuz-*")
    (initrd,) = (tree / "boot").glob("initrd.img-*")
    for source, name in ((kernel, "vmlinuz"), (initrd, "initrd.img"), (config, "syslinux.cfg")):
        run(["mcopy", "-i", part, str(source), f"::{name}"])
    run(["syslinux", "--install", "--offset", str(offset), str(raw)])


if __name__ == "__main__":
    print(debian_guest())
