"""A machine moves between real hosts while it runs, from the command line; each ending is put right."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from signal import SIGKILL

import pytest

from .boot_sector import BANNER, boot_sector_image
from .desk import Desk, clean, image_yaml, set_up
from .hearts import Counts, beats_twice
from .hosts import IMAGES, Host, wait_until
from .journeys import NAME, OF_ANOTHER_POOL, SERVICE, SLOW, Journey, beats, files, journey_of, runs
from .laboratory import Laboratory
from .settings import DAEMON_LOG


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return boot_sector_image(tmp_path_factory.mktemp("image") / "sector.qcow2", heeds_button=True)


@pytest.fixture(scope="module")
def desk(laboratory: Laboratory, image: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with set_up(laboratory, tmp_path_factory.mktemp("desk"), SERVICE, image_yaml([image])) as desk:
        yield desk


@pytest.fixture
def journey(desk: Desk) -> Iterator[Journey]:
    """The machine, which one test leaves to the next wherever it is."""
    desk.write("fleet.yaml", desk.lab.fleet_yaml() + SLOW)
    with journey_of(desk) as journey:
        yield journey
    for host in desk.lab.hosts:
        print(host.name, host.path(DAEMON_LOG).read_text()[-1500:], sep="\n")


def test_a_running_machine_moves_with_its_disks_and_is_not_moved_back(journey: Journey) -> None:
    code, report = journey.migrate()
    assert code == 0, report
    assert [step["action"] for step in report["steps"]] == ["image", "migrate"]
    step = report["steps"][1]
    assert (step["host"], step["from_host"]) == (journey.target.name, journey.source.name)
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


def test_a_migration_whose_hosts_no_longer_reach_each_other_leaves_one_machine(journey: Journey) -> None:
    journey.desk.edit("timeout: 60s", "timeout: 10s", name="fleet.yaml")
    lab, source, target = journey.desk.lab, journey.source, journey.target
    with journey.under_way() as process, lab.parted():
        process.wait(timeout=90)
        assert process.returncode != 0
        assert runs(source)
        # QEMU waits for TCP to notice, which it may never. Nothing is begun, and it is said what to do.
        code, report = journey.desk.reconcile("apply", "--yes")
        assert (code, report["steps"]) == (4, []), report
        (held,) = report["blocked"]
        assert "`ss -K dst ADDRESS` there" in str(held["refusals"])
        source.run(["ss", "-K", "dst", target.address])
        wait_until(lambda: "None" in source.virsh("domjobinfo", NAME), what="its end", within=60)
        with lab.unplugged(target):
            code, report = journey.desk.reconcile("apply", "--yes")
            assert (code, report["steps"]) == (8, []), report
        journey.never_twice()
        assert journey.settled() is source


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
    (tmp_path / "shop.yaml").write_text(SERVICE.replace(OF_ANOTHER_POOL, ""))
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


@pytest.mark.parametrize(
    ("samples", "twice"),
    [
        (((1, 0), (2, 0), (3, 0)), False),
        (((1, 0), (2, 0), (2, 1), (2, 2)), False),
        (((1, 0), (2, 1), (2, 2)), False),
        (((5, 0), (0, 0), (1, 0)), False),
        (((1, 0), (2, 1), (3, 1)), True),
        (((1, 0), (1, 1), (2, 1), (2, 2)), True),
        (((1, 0), (2, 1), (3, 2)), True),
    ],
    ids=["stays", "moves", "moves between two counts", "starts again", "wakes here too", "both", "at once"],
)
def test_hearts_that_beat_on_two_hosts_are_told_from_one_that_moves(
    samples: tuple[Counts, ...], twice: bool
) -> None:
    assert bool(beats_twice(samples)) is twice
