"""Machines move between real hosts that share a pool: no disk is copied, with and without peers."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGKILL

import pytest

from .desk import Desk, image_yaml, set_up
from .guest import Guest
from .hosts import wait_until
from .journeys import NAME, Journey, beats, content, journey_of, runs
from .laboratory import Laboratory
from .settings import DAEMON_LOG
from .shared_pool import mount, shared_pool, why_not_shared

_SERVICE = """\
apiVersion: reconciler/v1
kind: Service
name: shop
networks:
  back: {libvirt_network: lab}
components:
  db:
    image: guest
    resources: {cpus: 1, memory: 96MiB}
    disks: {data: {size: 8MiB, on_delete: retain}}
    networks: [back]
    placement: {require: ['host.name in ["hv1", "hv2"]']}
"""
_LIMITS = "limits: {migrations: {bandwidth: 2MiB, timeout: 60s}}\n"


def _fleet(lab: Laboratory, *, peers: bool) -> str:
    text = lab.fleet_yaml()
    for host in lab.hosts:
        peer = f"peer: qemu+tcp://{host.address}/system, " if peers else ""
        text = text.replace(f"{host.name}: {{", f"{host.name}: {{storage: san1, {peer}")
    return text


@pytest.fixture(scope="module")
def brick(laboratory: Laboratory) -> Iterator[Path]:
    if reason := why_not_shared():
        pytest.skip(reason)
    with shared_pool(laboratory) as brick:
        yield brick


@pytest.fixture(scope="module")
def desk(
    laboratory: Laboratory, guest: Guest, brick: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Desk]:
    path = tmp_path_factory.mktemp("desk")
    with set_up(laboratory, path, _SERVICE, image_yaml([], guest)) as desk:
        yield desk


@pytest.fixture
def journey(desk: Desk) -> Iterator[Journey]:
    """The machine, which one test leaves to the next wherever it is."""
    desk.write("shop.yaml", _SERVICE)
    desk.write("fleet.yaml", _fleet(desk.lab, peers=True) + _LIMITS)
    with journey_of(desk, shares_pool=True) as journey:
        yield journey
    for host in desk.lab.hosts:
        print(host.name, host.path(DAEMON_LOG).read_text()[-1500:], sep="\n")


def test_a_machine_moves_over_a_shared_pool_and_no_disk_is_copied(journey: Journey, brick: Path) -> None:
    desk = journey.desk
    desk.write("fleet.yaml", _fleet(desk.lab, peers=True))
    before = _disks(brick)
    code, report = journey.migrate()
    assert code == 0, report
    # The image is there too: its libvirtd has only to be told.
    assert [step["action"] for step in report["steps"]] == ["image", "migrate"]
    assert journey.home() is journey.target
    assert _disks(brick) == before
    assert desk.reconcile("plan", "--detailed-exitcode")[0] == 0

    # What is seen from the other host is not left over there: it is what the machine runs from.
    journey.source.virsh("pool-refresh", "default")
    assert desk.reconcile("status")[1]["retained"] == []
    code, report = desk.reconcile("images", "--prune", "--yes")
    assert (code, report["steps"]) == (0, []), report
    assert _disks(brick) == before


def test_a_plan_moves_a_machine_over_a_shared_pool_without_peers_too(journey: Journey, brick: Path) -> None:
    desk = journey.desk
    desk.write("fleet.yaml", _fleet(desk.lab, peers=False))
    desk.edit('["hv1", "hv2"]', f'["{journey.target.name}"]')
    before = _disks(brick)
    code, report = desk.reconcile("apply", "--yes")
    assert code == 0, report
    assert [step["action"] for step in report["steps"]][-1] == "migrate"
    assert journey.home() is journey.target
    assert _disks(brick) == before
    assert desk.reconcile("plan", "--detailed-exitcode")[0] == 0


def test_who_is_carried_over_a_shared_pool_is_only_started_elsewhere(journey: Journey, brick: Path) -> None:
    desk, source = journey.desk, journey.source
    desk.edit("placement: {", "placement: {evict: cold, ")
    before = _disks(brick)
    code, report = desk.reconcile("drain", "--yes", about=source.name)
    assert (code, report["blocked"]) == (0, []), report
    (step,) = (each for each in report["steps"] if each["action"] == "migrate")
    assert step["predicted"]["mib"] == 0
    assert desk.reconcile("uncordon", about=source.name)[0] == 0
    assert journey.home() is journey.target
    assert _disks(brick) == before


def test_a_kept_disk_is_taken_up_by_another_host_that_has_never_listed_it(journey: Journey) -> None:
    desk = journey.desk
    desk.edit("on_delete: retain}}", "on_delete: retain}, more: {size: 8MiB, on_delete: retain}}")
    assert desk.reconcile("apply", "--yes")[0] == 0
    desk.edit("image: guest", "image: guest\n    replicas: 0")
    assert desk.reconcile("apply", "--yes")[0] == 0
    assert not runs(journey.source)
    assert "more" not in journey.target.virsh("vol-list", "default")
    desk.edit("replicas: 0", "replicas: 1")
    desk.edit('["hv1", "hv2"]', f'["{journey.target.name}"]')
    code, report = desk.reconcile("apply", "--yes")
    assert code == 0, report
    assert runs(journey.target)
    assert content(journey.target) == journey.written
    # Only a guest that has come up lets go of a disk.
    wait_until(lambda: beats(journey.target) > 1, what="its heart", within=60)
    desk.write("shop.yaml", _SERVICE)
    assert desk.reconcile("apply", "--yes")[0] == 0


def _disks(brick: Path) -> dict[str, int]:
    return {path.name: path.stat().st_ino for path in brick.iterdir() if not path.name.startswith(".")}


def _kill(process: "subprocess.Popen[str]") -> None:
    process.send_signal(SIGKILL)
    process.wait()


def _hurry(journey: Journey) -> None:
    """Let the memory that is left go over at once."""
    journey.source.virsh("migrate-setspeed", NAME, "1000")


def test_between_peers_a_migration_survives_its_controller(journey: Journey) -> None:
    with journey.under_way() as process:
        _kill(process)
        code, report = journey.desk.reconcile("apply", "--yes")
        assert (code, report["steps"]) == (4, []), report
        assert "under way" in str(report["blocked"]), report
        _hurry(journey)
    wait_until(lambda: runs(journey.target), what="it to go on alone")
    assert journey.settled() is journey.target


def test_between_peers_a_destination_that_dies_leaves_it_where_it_was(journey: Journey) -> None:
    with journey.under_way() as process:
        journey.target.crash()
        process.wait(timeout=60)
        assert process.returncode != 0
        assert runs(journey.source)
    mount(journey.target)
    journey.target.boot()
    assert journey.settled() is journey.source


def test_between_peers_a_destination_that_falls_asleep_at_the_end_leaves_it_where_it_was(
    journey: Journey,
) -> None:
    with journey.under_way() as process:
        journey.target.stop_daemon()
        try:
            _kill(process)
            _hurry(journey)
            wait_until(lambda: _doing(journey) == "paused (migrating)", what="it to stand still")
            wait_until(lambda: runs(journey.source), what="the source to go on", within=30)
        finally:
            journey.target.continue_daemon()
    journey.never_twice()
    assert journey.settled() is journey.source


@contextmanager
def _nobody_sure(journey: Journey) -> Iterator[None]:
    """Without peers: it stands still at the source, its destination is asleep, and nobody controls it.

    In the end the destination wakes, unless it has lost its power.
    """
    desk = journey.desk
    desk.write("fleet.yaml", _fleet(desk.lab, peers=False) + _LIMITS)
    with journey.under_way() as process:
        journey.target.stop_daemon()
        try:
            _hurry(journey)
            wait_until(lambda: _doing(journey) == "paused (migrating)", what="it to stand still")
            time.sleep(1)  # for the last word to the destination to be on its way
            _kill(process)
            yield
        finally:
            if journey.target.processes():
                journey.target.continue_daemon()


def _is_held(journey: Journey) -> None:
    code, report = journey.desk.reconcile("apply", "--yes")
    assert (code, report["steps"]) == (4, []), report
    assert f"{journey.target.name} did not answer" in str(report["blocked"]), report
    assert _doing(journey) == "paused (migrating)"


def _doing(journey: Journey) -> str:
    return journey.source.virsh("domstate", NAME, "--reason")


def test_who_stands_still_is_ended_once_its_twin_is_seen_to_run(journey: Journey) -> None:
    with _nobody_sure(journey):
        _is_held(journey)
    wait_until(lambda: runs(journey.target), what="its twin to run")
    assert _doing(journey) == "paused (migrating)"
    assert journey.settled() is journey.target


def test_who_stands_still_does_not_go_on_beside_a_twin_that_did(journey: Journey) -> None:
    with _nobody_sure(journey):
        pass
    wait_until(lambda: runs(journey.target), what="its twin to run")
    journey.target.virsh("destroy", NAME)
    code, report = journey.desk.reconcile("apply", "--yes")
    assert (code, report["steps"]) == (4, []), report
    assert f"`virsh start {NAME}` on {journey.target.name} keeps that" in str(report["blocked"]), report
    assert _doing(journey) == "paused (migrating)"
    journey.target.virsh("start", NAME)
    assert journey.settled() is journey.target


def test_who_stands_still_goes_on_once_its_twin_is_seen_to_be_gone(journey: Journey) -> None:
    with _nobody_sure(journey):
        journey.target.crash()
    _is_held(journey)
    mount(journey.target)
    journey.target.boot()
    assert journey.settled() is journey.source


def _stranded(journey: Journey) -> None:
    """Its mark says that its disks are being copied, as if a controller had died while the pools were two."""
    uri = "urn:reconciler:instance:1"
    mark = journey.source.virsh("metadata", NAME, uri, "--live")
    words = f'<instance from="{journey.source.name}" to="{journey.target.name}" copies="yes" '
    travelling = mark.replace("<instance ", words, 1)
    assert travelling != mark
    key = ("--key", "reconciler", "--set", travelling)
    journey.source.virsh("metadata", NAME, uri, "--live", "--config", *key)


def test_disks_that_were_copied_when_the_pools_were_two_are_not_removed_from_the_one(
    journey: Journey, brick: Path
) -> None:
    desk, before = journey.desk, _disks(brick)
    desk.write("fleet.yaml", desk.lab.fleet_yaml())
    _stranded(journey)
    # What a controller leaves that is killed while it tells the pools apart is swept.
    journey.source.virsh("vol-create-as", "default", "lab.shop.db.0.0123.probe", "0", "--format", "raw")
    journey.target.virsh("pool-refresh", "default")
    code, report = desk.reconcile("apply", "--yes")
    assert code == 1, report
    assert "hosts.<name>.storage" in str(report["steps"])
    assert _disks(brick) == before
    # Once the files say so it is tidied up, and the disks stay.
    desk.write("fleet.yaml", _fleet(desk.lab, peers=True))
    assert journey.settled() is journey.source
    assert _disks(brick) == before


def test_a_fleet_that_does_not_say_that_a_pool_is_shared_is_told_so_before_anything_is_copied(
    journey: Journey, brick: Path
) -> None:
    desk, before = journey.desk, _disks(brick)
    desk.write("fleet.yaml", desk.lab.fleet_yaml())
    # What its next look shows over there is the same file, and nobody is told to remove it.
    journey.target.virsh("pool-refresh", "default")
    code, report = journey.migrate()
    assert code == 4, report
    assert "hosts.<name>.storage" in str(report)
    assert _disks(brick) == before
    assert journey.settled() is journey.source
