"""A machine moves between real hosts while it runs, from the command line; each ending is put right."""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL, SIGTERM
from typing import Any

import pytest

from .boot_sector import BANNER, boot_sector_image
from .desk import Desk, clean, image_yaml
from .hosts import IMAGES, Host, wait_until
from .laboratory import Laboratory

NAME = "shop-db-0"
_DATA = "lab.shop.db.0.data.qcow2"
_DATA_MIB = 8
_SLOW = "limits: {migrations: {bandwidth: 1MiB, timeout: 60s}}\n"
_SERVICE = f"""\
apiVersion: reconciler/v1
kind: Service
name: shop
networks:
  back: {{libvirt_network: lab}}
components:
  db:
    image: sector
    resources: {{cpus: 1, memory: 32MiB}}
    disks: {{root: 20MiB, data: {{size: {_DATA_MIB}MiB, on_delete: retain}}}}
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

    def migrate(self, *options: str) -> tuple[int, Any]:
        """Type the verb, and wait."""
        return self.desk.reconcile("migrate", "--to", self.target.name, "--yes", *options, about=NAME)

    @contextmanager
    def under_way(self) -> Iterator["subprocess.Popen[str]"]:
        """A slow migration, its disks being copied."""
        log = self.desk.path.with_name("migrate.log")
        words = ("--to", self.target.name, "--yes", "--store", str(self.desk.path / ".reconciler"))
        process = self.desk.start("migrate", *words, log=log, about=NAME)
        try:
            wait_until(
                lambda: copied(self.target) > 2 or process.poll() is not None, what="copying", within=60
            )
            assert process.poll() is None, log.read_text()
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(SIGTERM)
                process.wait(timeout=30)
            print(log.read_text())

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
        assert (other.virsh("list", "--all", "--name"), files(other)) == ("", [])
        assert content(home) == self.written
        assert "from=" not in home.virsh("dumpxml", NAME).partition("<os>")[0].partition("metadata")[2]
        return home

    @property
    def hosts(self) -> tuple[Host, Host]:
        return self.source, self.target

    def never_twice(self) -> None:
        """At most one of the two hearts beats."""
        before = [beats(host) for host in self.hosts]
        time.sleep(2.5)
        after = [beats(host) for host in self.hosts]
        assert sum(now > then for then, now in zip(before, after, strict=True)) <= 1, (before, after)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return boot_sector_image(tmp_path_factory.mktemp("image") / "sector.qcow2", heeds_button=True)


@pytest.fixture
def journey(laboratory: Laboratory, image: Path, tmp_path: Path) -> Iterator[Journey]:
    source, target = laboratory.hosts
    for host in laboratory.hosts:
        clean(host)
    (tmp_path / "fleet.yaml").write_text(laboratory.fleet_yaml() + _SLOW)
    (tmp_path / "images.yaml").write_text(image_yaml([image]))
    (tmp_path / "shop.yaml").write_text(_SERVICE)
    desk = Desk(laboratory, tmp_path)
    # What the machine adopts: a disk of its own with something on it.
    source.run(["qemu-img", "create", "-q", "-f", "qcow2", f"{IMAGES}/{_DATA}", f"{_DATA_MIB}M"])
    source.run(["qemu-io", "-c", f"write -P 0x5a 0 {_DATA_MIB}M", f"{IMAGES}/{_DATA}"])
    source.virsh("pool-refresh", "default")
    code, report = desk.reconcile("apply", "--yes")
    assert code == 0, report
    assert runs(source)
    wait_until(lambda: beats(source) > 1, what="its heart", within=60)
    yield Journey(desk, source, target, content(source))
    for host in laboratory.hosts:
        print(host.name, host.path("/var/log/libvirt/libvirtd.log").read_text()[-1500:], sep="\n")
        clean(host)


def beats(host: Host) -> int:
    """How often the guest has beaten on a host."""
    return host.serial(NAME).count("beat ")


def runs(host: Host) -> bool:
    """Whether the guest runs on a host."""
    return NAME in host.virsh("list", "--state-running", "--name").split()


def files(host: Host) -> list[str]:
    """What lies in the pool, but for base images."""
    return sorted(path.name for path in host.path(IMAGES).iterdir() if "image" not in path.name)


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


def test_a_running_machine_moves_with_its_disks_and_is_not_moved_back(journey: Journey) -> None:
    code, report = journey.migrate()
    assert code == 0, report
    assert [step["action"] for step in report["steps"]] == ["image", "migrate"]
    assert (report["steps"][1]["host"], report["steps"][1]["from_host"]) == ("hv2", "hv1")
    journey.never_twice()
    assert journey.home() is journey.target
    assert BANNER not in journey.target.serial(NAME), "it started again"
    code, plan = journey.desk.reconcile("plan", "--detailed-exitcode")
    assert (code, plan["steps"]) == (0, [])


def _client_killed(_: Journey, process: "subprocess.Popen[str]") -> None:
    process.send_signal(SIGKILL)
    process.wait()


def _source_daemon_killed(journey: Journey, process: "subprocess.Popen[str]") -> None:
    journey.source.kill_daemon()
    process.wait(timeout=60)
    journey.source.start_daemon()


def _target_daemon_killed(journey: Journey, process: "subprocess.Popen[str]") -> None:
    journey.target.kill_daemon()
    process.wait(timeout=60)
    journey.target.start_daemon()


def _sessions_cut(journey: Journey, process: "subprocess.Popen[str]") -> None:
    journey.target.cut_sessions()
    process.wait(timeout=60)


def _target_destroyed(journey: Journey, process: "subprocess.Popen[str]") -> None:
    journey.target.crash()
    process.wait(timeout=60)
    journey.target.boot()


def _guest_killed(journey: Journey, process: "subprocess.Popen[str]") -> None:
    journey.source.kill_guest(NAME)
    process.wait(timeout=60)


@pytest.mark.parametrize(
    "fault",
    [
        _client_killed,
        _source_daemon_killed,
        _target_daemon_killed,
        _sessions_cut,
        _target_destroyed,
        _guest_killed,
    ],
    ids=lambda fault: fault.__name__.strip("_"),
)
def test_a_migration_that_is_cut_short_ends_with_one_machine(
    journey: Journey, fault: Callable[[Journey, "subprocess.Popen[str]"], None]
) -> None:
    with journey.under_way() as process:
        fault(journey, process)
    journey.never_twice()
    assert journey.settled() is journey.source


@pytest.mark.parametrize("which", ["source", "target"])
def test_a_daemon_that_sleeps_through_a_migration_wakes_to_one_machine(journey: Journey, which: str) -> None:
    sleeper: Host = getattr(journey, which)
    with journey.under_way() as process:
        sleeper.stop_daemon()
        try:
            process.wait(timeout=90)
            journey.never_twice()
            code, report = journey.desk.reconcile("apply", "--yes")
            # What is silent may have it; what stands still waits for the silent one.
            assert (code, report["steps"]) in ((8, []), (4, [])), report
            assert code == 8 or f"{sleeper.name} did not answer" in str(report["blocked"])
        finally:
            sleeper.continue_daemon()
    journey.never_twice()
    journey.settled()


def test_a_shared_pool_that_libvirt_takes_for_a_local_one_is_refused_and_no_disk_is_lost(
    laboratory: Laboratory, image: Path, tmp_path: Path
) -> None:
    for host in laboratory.hosts:
        clean(host)
    source, target = laboratory.hosts
    fleet = laboratory.fleet_yaml().replace("hypervisor: qemu", "hypervisor: qemu, storage: san1")
    (tmp_path / "fleet.yaml").write_text(fleet)
    (tmp_path / "images.yaml").write_text(image_yaml([image]))
    (tmp_path / "shop.yaml").write_text(_SERVICE)
    shared = laboratory.shared / "pool"
    shared.mkdir()
    for host in laboratory.hosts:
        host.run(["mount", "--bind", "/srv/pool", IMAGES])
        host.virsh("pool-refresh", "default")
    try:
        desk = Desk(laboratory, tmp_path)
        assert desk.reconcile("apply", "--yes")[0] == 0
        wait_until(lambda: beats(source) > 1, what="its heart", within=60)
        before = files(source)
        code, report = desk.reconcile("migrate", "--to", target.name, "--yes", about=NAME)
        assert code == 1
        assert "without shared storage is unsafe" in report["steps"][-1]["detail"]
        # What "the other host" has is the only one there is.
        assert (runs(source), runs(target), files(target)) == (True, False, before)
        assert desk.reconcile("plan", "--detailed-exitcode")[0] == 0
    finally:
        for host in laboratory.hosts:
            clean(host)
            host.run(["umount", IMAGES])
            host.virsh("pool-refresh", "default")
