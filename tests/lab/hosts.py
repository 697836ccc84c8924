"""One laboratory host: a holder of namespaces with libvirtd and sshd in them, and its faults."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from . import namespaces
from .cache import lend_probes
from .namespaces import LabError, hold, inside
from .settings import AUTOSTART_LINKS, DAEMON_LOG, PRIVATE_DIRECTORIES, Place, config_files

IMAGES = "/var/lib/libvirt/images"
_REAPER = Path(__file__).with_name("reaper.py").resolve()
_KINDS = ("mount", "uts", "ipc", "net")
# The laboratory's own wires stay: nobody in here could plug them in again.
_CUT_LINKS = """
for each in /sys/class/net/*; do
    name=${each##*/}
    case $name in lo | br-lab | eth0) ;; *) ip link delete dev "$name" 2> /dev/null || : ;; esac
done
"""
_DAEMON_PIDFILE = "/run/libvirtd.pid"

# $1 the host's directory, $2 the shared directory, $3 its name, then its private directories.
# /sys again, because sysfs shows the interfaces of the namespace that mounted it. Binds come before
# /tmp, which hides where they come from. The holder stays as the host's "init".
_HOLDER = """
set -e
root=$1 shared=$2 name=$3
shift 3
mount --make-rprivate /
mount -t sysfs sysfs /sys
for each; do mount --bind "$root/$each" "/$each"; done
mount --bind "$root/hosts" /etc/hosts
mount --bind "$shared" /srv
mount -t tmpfs -o mode=755 tmpfs /run
mount -t tmpfs -o mode=1777 tmpfs /tmp
mkdir -p /run/sshd /run/lock
echo "$name" > /proc/sys/kernel/hostname
ip link set lo up
echo ready
exec sleep infinity > /dev/null 2>&1
"""


@dataclass(frozen=True, slots=True)
class Host:
    """A running host, known by its place and the process that holds its namespaces."""

    place: Place
    holder: int
    identity: str

    @property
    def name(self) -> str:
        return self.place.name

    @property
    def address(self) -> str:
        return self.place.address

    @property
    def uuid(self) -> str:
        return self.place.uuid

    def path(self, inner: str) -> Path:
        """Where a file of this host is seen from outside it."""
        return Path(f"/proc/{self.holder}/root") / inner.lstrip("/")

    def put(self, source: Path, inner: str) -> Path:
        """Copy a file of ours to a path of this host's, unless it is there; the inner path comes back."""
        target = self.path(inner)
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
        return Path(inner)

    def run(self, argv: Sequence[str], *, input_text: str = "", timeout: float = 60.0) -> str:
        """Standard output of a command on this host; LabError if it fails, TimeoutExpired if it hangs."""
        environment = namespaces.environment(self.identity)
        words = [*inside(self.holder, *_KINDS), *argv]
        return namespaces.run(words, input_text=input_text, timeout=timeout, env=environment)

    @contextmanager
    def busy(self, argv: Sequence[str]) -> Iterator[None]:
        """Have a command run on this host within the block, for as long as that takes."""
        environment = namespaces.environment(self.identity)
        words = [*inside(self.holder, *_KINDS), *argv]
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, env=environment)
        try:
            yield
        finally:
            process.kill()
            process.wait()

    def virsh(self, *args: str, timeout: float = 60.0) -> str:
        """What virsh on this host prints, stripped."""
        return self.run(["virsh", "-q", "-c", "qemu:///system", *args], timeout=timeout).strip()

    def define(self, xml: str) -> None:
        """Define a domain from XML text."""
        self.run(["virsh", "-q", "-c", "qemu:///system", "define", "/dev/stdin"], input_text=xml)

    def serial(self, domain_name: str) -> str:
        """What the guest has written to its console so far; empty before it has written."""
        log = self.path(f"/var/log/libvirt/qemu/{domain_name}-console.log")
        return log.read_text(errors="replace") if log.exists() else ""

    def daemon_pid(self) -> int:
        """The process of libvirtd; LabError if it is not running."""
        return self._pid(_DAEMON_PIDFILE)

    def guest_pid(self, domain_name: str) -> int:
        """The qemu process of a running domain; LabError if there is none."""
        return self._pid(f"/run/libvirt/qemu/{domain_name}.pid")

    def stop_daemon(self) -> None:
        """Freeze libvirtd: connections are accepted by the kernel, and nothing ever answers."""
        os.kill(self.daemon_pid(), signal.SIGSTOP)

    def continue_daemon(self) -> None:
        """Wake a frozen libvirtd."""
        os.kill(self.daemon_pid(), signal.SIGCONT)

    def kill_daemon(self) -> None:
        """SIGKILL libvirtd; its guests go on running."""
        self._kill([self.daemon_pid()])

    def start_daemon(self) -> None:
        """Start libvirtd; when it returns, the socket takes connections. It comes back when it crashes."""
        restart = ("--restart", "libvirtd", str(self.path(DAEMON_LOG)))
        self._start(["libvirtd", "--daemon", "--listen", "--pid-file", _DAEMON_PIDFILE], *restart)

    def start_sshd(self) -> None:
        """Start sshd; it listens when this returns."""
        self._start(["/usr/sbin/sshd", "-E", "/var/log/libvirt/sshd.log"])

    def cut_sessions(self) -> None:
        """SIGKILL every SSH session of this host's; its sshd goes on listening."""
        # The host shares the machine's process numbers: only what lives in its mounts is its own.
        own = [pid for pid in self.processes() if namespaces.command_line(pid).startswith("sshd: root")]
        self._kill(own)

    def kill_guest(self, domain_name: str) -> None:
        """SIGKILL the qemu of a running domain."""
        self._kill([self.guest_pid(domain_name)])

    def crash(self) -> None:
        """Lose power: every process but the holder dies, links that were made die with them and /run is
        emptied; disks stay.
        """
        self._kill(self.processes())
        self.cut_links()
        self.run(["sh", "-c", "rm -rf /run/* && mkdir -p /run/sshd /run/lock"])

    def cut_links(self) -> None:
        """Take every link away that the laboratory did not make."""
        self.run(["sh", "-c", _CUT_LINKS])

    def boot(self) -> None:
        """Start what a host starts when its power comes back."""
        self.start_sshd()
        self.start_daemon()

    def processes(self) -> tuple[int, ...]:
        """Everything that lives in this host's mounts, the holder excepted."""
        mounts = namespaces.name_of(self.holder, "mnt")
        everyone = namespaces.everyone()
        return tuple(
            pid for pid in everyone if pid != self.holder and namespaces.name_of(pid, "mnt") == mounts
        )

    def _start(self, daemon: Sequence[str], *restart: str) -> None:
        # The collector stays outside the host's mounts: it survives `crash`, and a Python
        # below /root would be hidden inside.
        words = [sys.executable, "-I", "-S", str(_REAPER), *restart, *inside(self.holder, *_KINDS), *daemon]
        namespaces.run(words, env=namespaces.environment(self.identity))

    def _pid(self, pidfile: str) -> int:
        try:
            pid = int(self.path(pidfile).read_text())
        except (OSError, ValueError) as reason:
            raise LabError(f"{self.name}: no process behind {pidfile}: {reason}") from reason
        # A stale pidfile must never aim a signal at a process of somebody else's.
        if pid not in self.processes():
            raise LabError(f"{self.name}: process {pid} of {pidfile} is gone")
        return pid

    def _kill(self, pids: Sequence[int]) -> None:
        namespaces.kill(pids)
        wait_until(lambda: not set(pids) & set(self.processes()), what=f"{self.name}: death of {pids}")


def wait_until(true: Callable[[], bool], *, what: str, within: float = 15.0, every: float = 0.05) -> None:
    """Poll until a condition holds; LabError says what was waited for."""
    deadline = time.monotonic() + within
    while not true():
        if time.monotonic() > deadline:
            raise LabError(f"waited {within:g} s in vain for {what}")
        time.sleep(every)


def boot(host: Host, name: str, xml: str, *, until: str) -> None:
    """Define and start a domain, and wait until it has said something on its console."""
    host.define(xml)
    host.virsh("start", name)
    wait_until(lambda: until in host.serial(name), what=f"{until!r} from {name}", within=60)


def hold_host(here: Place, directory: Path, identity: str) -> "subprocess.Popen[str]":
    """Start the holder of a host whose files are in place."""
    root = directory / here.name
    script = ["sh", "-c", _HOLDER, "holder", str(root), str(directory / "shared"), here.name]
    unshare = ["unshare", "--mount", "--uts", "--ipc", "--net"]
    return hold([*unshare, *script, *PRIVATE_DIRECTORIES], identity=identity, errors=root / "holder.log")


def write_host_files(root: Path, here: Place, everyone: Sequence[Place]) -> None:
    """Lay out a host's private directories."""
    for each in (
        *PRIVATE_DIRECTORIES,
        "var/lib/libvirt/images",
        "var/lib/libvirt/fast",
        "var/log/libvirt/qemu",
        "root/.ssh",
    ):
        (root / each).mkdir(parents=True, exist_ok=True)
    (root / "root").chmod(0o700)
    (root / "root/.ssh").chmod(0o700)
    lend_probes(root)
    for name, text in config_files(here, everyone).items():
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    for name, points_to in AUTOSTART_LINKS.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).symlink_to(points_to)
