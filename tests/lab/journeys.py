"""A machine of ours on its way from one real host to another, and what is to be seen of it at both."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import SIGTERM
from typing import Any

from .desk import Desk, clean
from .hearts import Ear, listening
from .hosts import IMAGES, Host, wait_until
from .settings import FAST, FAST_DIRECTORY

NAME = "shop-db-0"
_DATA = "lab.shop.db.0.data.qcow2"
_DATA_MIB = 8
SLOW = "limits: {migrations: {bandwidth: 1MiB, timeout: 60s}}\n"
OF_ANOTHER_POOL = f", index: {{size: 1MiB, pool: {FAST}}}"
SERVICE = f"""\
apiVersion: reconciler/v1
kind: Service
name: shop
networks:
  back: {{libvirt_network: lab}}
components:
  db:
    image: sector
    resources: {{cpus: 1, memory: 32MiB}}
    disks: {{root: 20MiB, data: {{size: {_DATA_MIB}MiB, on_delete: retain}}{OF_ANOTHER_POOL}}}
    networks: [back]
    environment: {{GREETING: hello}}
"""


@dataclass(frozen=True)
class Journey:
    """A machine of ours that runs on `source`, with something on its data disk."""

    desk: Desk
    source: Host
    target: Host
    written: str
    ear: Ear
    shares_pool: bool = False

    def migrate(self, *options: str) -> tuple[int, Any]:
        """Type the verb, and wait."""
        return self.desk.reconcile("migrate", "--to", self.target.name, "--yes", *options, about=NAME)

    @contextmanager
    def under_way(self) -> Iterator["subprocess.Popen[str]"]:
        """A slow migration, its disks being copied (or, where they are not, its memory)."""
        words = ("--to", self.target.name, "--yes", "--store", str(self.desk.path / ".reconciler"))
        process = self.desk.start("migrate", *words, log=self._log, about=NAME)
        try:
            wait_until(lambda: self._is_arriving() or process.poll() is not None, what="copying", within=60)
            assert process.poll() is None, self.said()
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(SIGTERM)
                process.wait(timeout=30)
            print(self.said())

    def said(self) -> str:
        """What a migration under way has said so far."""
        return self._log.read_text()

    @property
    def _log(self) -> Path:
        return self.desk.path.with_name("migrate.log")

    def settled(self, *, within: float = 40.0) -> Host:
        """Apply until nothing is left to do; where the machine runs. It may be held, and that is said."""
        deadline = time.monotonic() + within
        while True:
            code, report = self.desk.reconcile("apply", "--yes")
            self.never_twice()
            if code == 0 and not report["steps"] and not report["blocked"]:
                break
            for blocked in report["blocked"]:
                assert all(reason for reason in blocked["refusals"].values())
            assert time.monotonic() < deadline, report
            time.sleep(1)
        return self.home()

    def home(self) -> Host:
        """The one host that has the machine: it beats, its data are there, nothing is left elsewhere."""
        (home,) = (host for host in self.hosts if runs(host))
        (other,) = (host for host in self.hosts if host is not home)
        before = beats(home)
        wait_until(lambda: beats(home) > before, what="its heart to go on")
        there = files(home) if self.shares_pool else []
        assert (other.virsh("list", "--all", "--name"), files(other)) == ("", there)
        assert content(home) == self.written
        assert "from=" not in home.virsh("dumpxml", NAME).partition("<os>")[0].partition("metadata")[2]
        return home

    def _is_arriving(self) -> bool:
        if self.shares_pool:
            return "Memory processed" in self.source.virsh("domjobinfo", NAME)
        return copied(self.target) > 0

    @property
    def hosts(self) -> tuple[Host, Host]:
        return self.source, self.target

    def never_twice(self) -> None:
        """Of the two hearts, never has one gone on after the other."""
        self.ear.check()


@contextmanager
def journey_of(desk: Desk, *, shares_pool: bool = False) -> Iterator[Journey]:
    """The machine, where the last test has left it running, or made anew; its heart is listened to."""
    one, two = desk.lab.hosts
    there = [host for host in (one, two) if host.virsh("list", "--all", "--name")]
    if len(there) != 1 or not runs(there[0]):
        for host in (one, two):
            clean(host)
        there = [one]
        _make(desk, one)
    source, target = (one, two) if there == [one] else (two, one)
    with listening(lambda: (beats(source), beats(target))) as ear:
        yield Journey(desk, source, target, content(source), ear, shares_pool)
        ear.check()


def _make(desk: Desk, source: Host) -> None:
    # What the machine adopts: a disk of its own with something on it.
    source.run(["qemu-img", "create", "-q", "-f", "qcow2", f"{IMAGES}/{_DATA}", f"{_DATA_MIB}M"])
    source.run(["qemu-io", "-c", f"write -P 0x5a 0 {_DATA_MIB}M", f"{IMAGES}/{_DATA}"])
    source.virsh("pool-refresh", "default")
    code, report = desk.reconcile("apply", "--yes")
    assert code == 0, report
    assert runs(source)
    wait_until(lambda: beats(source) > 1, what="its heart", within=60)


def beats(host: Host) -> int:
    """How often the guest has beaten on a host."""
    return host.serial(NAME).count("beat ")


def runs(host: Host) -> bool:
    """Whether the guest runs on a host."""
    return NAME in host.virsh("list", "--state-running", "--name").split()


def files(host: Host) -> list[str]:
    """What lies in the pools, but for base images and cordons."""
    return sorted(
        path.name
        for pool in (IMAGES, FAST_DIRECTORY)
        for path in host.path(pool).iterdir()
        if "image" not in path.name and "reconciler.cordon." not in path.name
    )


def copied(host: Host) -> int:
    """MiB of the data disk that have arrived."""
    path = host.path(f"{IMAGES}/{_DATA}")
    return path.stat().st_blocks // 2048 if path.exists() else 0


def content(host: Host) -> str:
    """What a guest finds on the data disk."""
    raw = f"{IMAGES}/data.raw"
    host.run(["qemu-img", "convert", "-U", "-O", "raw", f"{IMAGES}/{_DATA}", raw])
    digest = host.run(["sha256sum", raw]).split()[0]
    host.path(raw).unlink()
    return digest
