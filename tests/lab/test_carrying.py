"""A real host is emptied of a machine that is off meanwhile, and whoever does that is killed at any of it."""

import re
from collections.abc import Iterator
from dataclasses import replace
from signal import SIGKILL

import pytest

from .boot_sector import BANNER, boot_sector_image
from .broken import CARRIED
from .desk import Desk, image_yaml, set_up
from .hosts import Host
from .journeys import NAME, SERVICE, Journey, files, journey_of, runs
from .laboratory import Laboratory

_COLD = SERVICE.replace("    image: sector\n", "    image: sector\n    placement: {evict: cold}\n")


@pytest.fixture(scope="module")
def desk(laboratory: Laboratory, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    image = boot_sector_image(tmp_path_factory.mktemp("image") / "sector.qcow2", heeds_button=True)
    with set_up(laboratory, tmp_path_factory.mktemp("desk"), _COLD, image_yaml([image])) as desk:
        yield desk


@pytest.fixture
def journey(desk: Desk) -> Iterator[Journey]:
    """The machine, which one test leaves to the next wherever it is."""
    with journey_of(desk) as journey:
        yield journey
    for host in desk.lab.hosts:
        desk.reconcile("uncordon", about=host.name)


def definition(host: Host) -> str:
    """What must be the same wherever it is: all but the host's own numbers for it."""
    text = host.virsh("dumpxml", "--inactive", NAME)
    return re.sub(r' (from|to|copies|cold|handed_over|home)="[^"]*"', "", text)


def test_a_drained_host_is_left_by_who_is_carried_with_all_its_disks(journey: Journey) -> None:
    source, target = journey.source, journey.target
    had, was = files(source), definition(source)
    code, report = journey.desk.reconcile("drain", "--yes", about=source.name)
    assert (code, report["blocked"]) == (0, []), report
    (step,) = (each for each in report["steps"] if each["action"] == "migrate")
    assert "it is shut down, carried over and started there" in str(step["because"])
    assert journey.home() is target
    assert (files(target), files(source)) == (had, [])
    assert definition(target) == was
    assert BANNER in target.serial(NAME), "it did not start again"
    assert not journey.desk.deeds()
    assert journey.desk.reconcile("plan", "--detailed-exitcode")[0] == 0


@pytest.mark.parametrize("when", [each.wrong for each in CARRIED])
def test_whoever_is_killed_in_the_middle_leaves_one_machine_and_its_newest_disks(
    journey: Journey, when: str
) -> None:
    broken, log = replace(journey.desk, broken=when), journey.desk.path.with_name("drain.log")
    process = broken.start("drain", "--yes", log=log, about=journey.source.name)
    process.wait(timeout=120)
    assert process.returncode == -SIGKILL
    assert journey.settled(within=120) is journey.target


def test_who_is_carried_to_a_host_that_cannot_start_it_runs_where_it_was(journey: Journey) -> None:
    source, target = journey.source, journey.target
    log = f"/var/log/libvirt/qemu/{NAME}-console.log"
    target.run(["ln", "-sfT", "/nowhere/console.log", log])
    try:
        code, report = journey.desk.reconcile("drain", "--yes", about=source.name)
        assert code == 1, report
        assert runs(source), report
        assert journey.home() is source
    finally:
        target.run(["rm", log])
    assert journey.settled() is target
