"""The laboratory for people: what scripts/lab runs."""

import argparse
import hashlib
import os
import subprocess
import sys
from pathlib import Path

from .boot_sector import boot_sector_image
from .guest import build_guest
from .laboratory import Laboratory, identity_of, teardown
from .namespaces import MARKER, LabError, inside

# Remembered in the repository, so that two checkouts have two laboratories.
_STATE = Path(__file__).resolve().parents[2] / ".lab"
_CURRENT = _STATE / "current"


def main() -> int:
    """Run one verb; 0 on success, else 1 with the reason on standard error."""
    parser = argparse.ArgumentParser(
        prog="scripts/lab", description="Real libvirt hosts in namespaces of this machine."
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("up", help="start a laboratory that stays").add_argument(
        "hosts", nargs="?", type=int, default=2
    )
    verbs.add_parser("status", help="print the fleet and how to use it")
    execute = verbs.add_parser("exec", help="run a command in the controller's network")
    execute.add_argument("argv", nargs=argparse.REMAINDER)
    enter = verbs.add_parser("host", help="run a command (or a shell) on a host")
    enter.add_argument("name")
    enter.add_argument("argv", nargs=argparse.REMAINDER)
    verbs.add_parser("down", help="take it away").add_argument("directory", nargs="?", type=Path)
    verbs.add_parser("guest", help="write the small guests and their Image YAML").add_argument(
        "directory", type=Path
    )
    verbs.add_parser("guard", help="(internal) take a laboratory away when its owner dies").add_argument(
        "identity"
    )
    arguments = parser.parse_args()
    try:
        return _perform(arguments)
    except (LabError, subprocess.TimeoutExpired) as reason:
        print(f"lab: {reason}", file=sys.stderr)
        return 1


def _perform(arguments: argparse.Namespace) -> int:
    match arguments.verb:
        case "up":
            return _up(arguments.hosts)
        case "status":
            _describe(_current())
        case "exec":
            _execute(inside(_current().controller, "net"), arguments.argv)
        case "host":
            _on_host(arguments.name, arguments.argv)
        case "down":
            _down(arguments.directory)
        case "guest":
            _write_guest(arguments.directory)
        case "guard":
            sys.stdin.buffer.read()
            teardown(arguments.identity)
    return 0


def _up(hosts: int) -> int:
    if _CURRENT.exists():
        raise LabError(f"a laboratory is remembered in {_CURRENT}; `scripts/lab down` first")
    _STATE.mkdir(exist_ok=True)
    (_STATE / ".gitignore").write_text("*\n")
    lab = Laboratory(hosts=hosts, detached=True)
    # Remembered before it exists, so that `down` finds what a crash here leaves.
    _CURRENT.write_text(f"{lab.directory}\n")
    try:
        lab.up()
    except BaseException:
        _CURRENT.unlink()
        raise
    (lab.directory / "fleet.yaml").write_text(lab.fleet_yaml())
    _describe(lab)
    return 0


def _describe(lab: Laboratory) -> None:
    print(f"# {lab.directory / 'fleet.yaml'}")
    print(lab.fleet_yaml())
    print("# From the controller:  scripts/lab exec reconcile plan DIR")
    print(f"# On a host:            scripts/lab host {lab.hosts[0].name} virsh list --all")
    print("# Take it away:         scripts/lab down")


def _current() -> Laboratory:
    try:
        directory = Path(_CURRENT.read_text().strip())
    except OSError as reason:
        raise LabError("no laboratory is up: scripts/lab up") from reason
    return Laboratory.attach(directory)


def _on_host(name: str, argv: list[str]) -> None:
    lab = _current()
    holders = {host.name: host.holder for host in lab.hosts}
    if name not in holders:
        raise LabError(f"no host {name}; there are {', '.join(holders)}")
    _execute(inside(holders[name], "mount", "uts", "ipc", "net"), argv or ["bash"])


def _execute(way_in: list[str], argv: list[str]) -> None:
    words = argv[1:] if argv[:1] == ["--"] else argv
    if not words:
        raise LabError("no command given")
    # The repository's own tools first: `exec reconcile` means the one under development.
    path = f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    os.execvpe(way_in[0], [*way_in, *words], {**os.environ, "PATH": path, MARKER: _current().identity})


def _down(directory: Path | None) -> None:
    if directory is None:
        if not _CURRENT.exists():
            print("no laboratory is up")
            return
        directory = Path(_CURRENT.read_text().strip())
    teardown(identity_of(directory))
    if _CURRENT.exists() and _CURRENT.read_text().strip() == str(directory):
        _CURRENT.unlink()


def _write_guest(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    built = build_guest()
    kernel, initrd, sector = (directory / name for name in ("vmlinuz", "initrd.img", "boot-sector.qcow2"))
    kernel.write_bytes(built.kernel.read_bytes())
    initrd.write_bytes(built.initrd.read_bytes())
    boot_sector_image(sector)
    text = f"""\
apiVersion: reconciler/v1
kind: Image
name: lab-guest
kernel: {{source: {kernel.name}, sha256: {_sha256(kernel)}}}
initrd: {{source: {initrd.name}, sha256: {_sha256(initrd)}}}
cmdline: {built.cmdline}
---
apiVersion: reconciler/v1
kind: Image
name: boot-sector
source: {sector.name}
sha256: {_sha256(sector)}
format: qcow2
"""
    (directory / "images.yaml").write_text(text)
    print(text, end="")


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
