"""Build the small real guest from Debian's packages: a cloud kernel and a busybox initramfs."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .cache import cache_directory
from .hosts import Host
from .namespaces import OUTSIDE, LabError, run

CMDLINE = "console=ttyS0 quiet panic=-1"
_META_PACKAGE = "linux-image-cloud-amd64"
_INIT = Path(__file__).with_name("guest-init.sh")
# The cloud kernel has no AHCI: a CD on a SATA bus is invisible to it; virtio, SCSI and IDE are not.
_MODULES = (
    "virtio_pci",
    "virtio_blk",
    "virtio_net",
    "virtio_scsi",
    "ata_piix",
    "sr_mod",
    "isofs",
    "evdev",
    "button",
)


@dataclass(frozen=True, slots=True)
class Guest:
    """What a direct kernel boot needs."""

    kernel: Path
    initrd: Path
    cmdline: str

    def put_on(self, host: Host) -> "Guest":
        """The same guest by the paths it has on a host, copied there if it is not there yet."""
        here = (self.kernel, self.initrd)
        kernel, initrd = (host.put(each, f"/var/lib/libvirt/boot/{each.name}") for each in here)
        return Guest(kernel, initrd, self.cmdline)


def build_guest() -> Guest:
    """The small guest, from the cache or built anew (a few seconds, and a 27 MB package)."""
    package = versioned_kernel()
    # No "=" or ":" in the directory's name: qemu's options would read them as their own.
    version = "".join(each if each.isalnum() or each in ".-" else "_" for each in package)
    home = cache_directory() / f"guest-{version}-{_digest_of_sources()}"
    if not home.exists():
        home.parent.mkdir(parents=True, exist_ok=True)
        # Built beside its place and renamed: a half-built guest is never seen, and two builders may race.
        with tempfile.TemporaryDirectory(dir=home.parent, prefix="building-") as scratch:
            finished = _build(Path(scratch), package.partition("=")[0])
            try:
                finished.rename(home)
            except OSError as reason:
                if not home.exists():
                    raise LabError(f"cannot put the guest into {home}: {reason}") from reason
    return Guest(home / "vmlinuz", home / "initrd.img", CMDLINE)


def _digest_of_sources() -> str:
    sources = Path(__file__).read_bytes() + _INIT.read_bytes() + _busybox().read_bytes()
    return hashlib.sha256(sources).hexdigest()[:12]


def _busybox() -> Path:
    found = shutil.which("busybox")
    if found is None:
        raise LabError("busybox is missing: apt-get install busybox-static")
    return Path(found)


def versioned_kernel() -> str:
    """The package that holds the kernel, and its version."""
    # "linux-image-6.1.0-56-cloud-amd64=6.1.192-2": the name alone can be rebuilt under a new version.
    depends = run(["apt-cache", "depends", _META_PACKAGE])
    names = [
        line.split()[1] for line in depends.splitlines() if line.strip().startswith("Depends: linux-image-")
    ]
    if not names:
        raise LabError(f"apt knows no kernel behind {_META_PACKAGE}: run apt-get update")
    shown = run(["apt-cache", "show", "--no-all-versions", names[0]])
    versions = [line.split()[1] for line in shown.splitlines() if line.startswith("Version: ")]
    return f"{names[0]}={versions[0]}"


def _build(scratch: Path, package: str) -> Path:
    _download(scratch, package)
    (deb,) = scratch.glob("*.deb")
    tree, finished = scratch / "tree", scratch / "finished"
    run(["dpkg-deb", "-x", str(deb), str(tree)])
    finished.mkdir()
    (kernel,) = (tree / "boot").glob("vmlinuz-*")
    shutil.copy(kernel, finished / "vmlinuz")
    (finished / "initrd.img").write_bytes(_initramfs(tree))
    return finished


def _download(scratch: Path, package: str) -> None:
    # A test's thread may stand in a laboratory's network, from where no mirror is reached.
    outside = os.environ.get(OUTSIDE)
    way_out = ["nsenter", f"--net={outside}", "--"] if outside else []
    fetch = 'cd "$1" && exec apt-get -q -o APT::Sandbox::User=root download "$2"'
    run([*way_out, "sh", "-c", fetch, "fetch", str(scratch), package], timeout=300)


def _initramfs(tree: Path) -> bytes:
    (modules,) = (tree / "lib/modules").iterdir()
    run(["depmod", "--basedir", str(tree), modules.name])
    needs = _parse_dependencies((modules / "modules.dep").read_text())
    order = load_order(_MODULES, needs)
    files = {
        "init": _INIT.read_bytes(),
        "bin/busybox": _busybox().read_bytes(),
        "modules/order": "".join(f"{Path(name).name}\n" for name in order).encode(),
    }
    files |= {f"modules/{Path(name).name}": (modules / name).read_bytes() for name in order}
    return _cpio(files)


def _parse_dependencies(text: str) -> Mapping[str, tuple[str, ...]]:
    """modules.dep: each module's path, and those that it needs, the innermost last."""
    lines = (line.partition(":") for line in text.splitlines())
    return {name: tuple(needed.split()) for name, _, needed in lines}


def load_order(wanted: Sequence[str], needs: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Paths of the wanted modules and all that they need, each after what it needs."""
    paths = {Path(path).name.partition(".")[0]: path for path in needs}
    order: dict[str, None] = {}
    for name in wanted:
        path = paths[name]
        if not path.endswith(".ko"):
            raise LabError(f"{path} is compressed, and busybox's insmod takes plain modules")
        order |= dict.fromkeys((*reversed(needs[path]), path))
    return tuple(order)


def _cpio(files: Mapping[str, bytes]) -> bytes:
    """A "newc" archive of executable files and their folders; the same files give the same bytes."""
    folders = {str(parent) for name in files for parent in Path(name).parents} - {"."}
    members = [(folder, 0o040755, b"") for folder in folders] + [
        (name, 0o100755, body) for name, body in files.items()
    ]
    entries = [_entry(number, *member) for number, member in enumerate(sorted(members), start=1)]
    archive = b"".join(entries) + _entry(0, "TRAILER!!!", 0, b"")
    return archive + b"\0" * (-len(archive) % 512)


def _entry(number: int, name: str, mode: int, body: bytes) -> bytes:
    # 13 fields of eight hexadecimal digits: inode, mode, owner, group, links, time, size, four device
    # numbers, name's length, checksum (unused). Name and body are padded to four bytes.
    fields = (number, mode, 0, 0, 1, 0, len(body), 0, 0, 0, 0, len(name) + 1, 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
    return head + b"\0" * (-len(head) % 4) + body + b"\0" * (-len(body) % 4)
