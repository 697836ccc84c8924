"""`kill -9` of `apply`, on real hosts: another `apply` ends where an unkilled one would have.

The tests of a scene stand together: the next one clears the hosts of the one before.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from .broken import BROKEN
from .desk import clean
from .hosts import IMAGES
from .killing import Stage, shares, staged
from .laboratory import Laboratory
from .scenes import CHANGES, ROLLING, TWELVE, Scene

_KILLS = 6
_AFTER_ITS_OWN_DEATH = 100.0


@pytest.fixture(scope="module")
def rehearsed(laboratory: Laboratory) -> Iterator[Stage]:
    with _on_stage(laboratory, CHANGES) as stage:
        yield stage


@pytest.fixture(scope="module")
def twelve(laboratory: Laboratory) -> Iterator[Stage]:
    with _on_stage(laboratory, TWELVE) as stage:
        yield stage


@pytest.fixture(scope="module")
def rolling(laboratory: Laboratory) -> Iterator[Stage]:
    with _on_stage(laboratory, ROLLING) as stage:
        yield stage


@contextmanager
def _on_stage(lab: Laboratory, scene: Scene) -> Iterator[Stage]:
    with TemporaryDirectory(prefix="kill9-") as scratch:
        stage = staged(lab, Path(scratch), scene)
        stage.rehearse()
        assert stage.ways[0].end.domains != stage.ways[1].end.domains
        yield stage
    for host in lab.hosts:
        clean(host)
        host.cut_links()


@pytest.mark.parametrize("share", shares(_KILLS, random.Random(1)))
def test_an_apply_that_is_killed_at_any_moment_is_finished_by_the_next(
    rehearsed: Stage, share: float
) -> None:
    outcome = rehearsed.kill_at(share)
    assert not outcome.faults
    assert outcome.applies == 1


def test_a_difference_at_the_end_would_be_told(rehearsed: Stage) -> None:
    (host, other), end = rehearsed.hosts, rehearsed.end()
    (host.path(IMAGES) / ".reconciler.image.0.qcow2.part.lab.1.2").write_text("left")
    (host.path(IMAGES) / "somebody-elses.qcow2").write_bytes(b"is ours" * 1000)
    host.virsh("destroy", "shop-keep-0")
    other.virsh("undefine", "somebody-elses")
    assert set(rehearsed.end().beside(end)) >= {
        f"{host.name}: shop-keep-0 does not run",
        f"{host.name}: file .reconciler.image.0.qcow2.part.lab.1.2 of 4 bytes",
        f"{host.name}: somebody else's volume has changed",
        f"{other.name}: domain somebody-elses is missing",
    }


@pytest.mark.parametrize("share", shares(_KILLS, random.Random(2)))
def test_twelve_machines_with_seeds_disks_and_segments_come_and_go_whoever_is_killed(
    twelve: Stage, share: float
) -> None:
    outcome = twelve.kill_at(share)
    assert not outcome.faults
    assert outcome.applies == 1


def test_who_turns_back_after_the_kill_has_nothing_left_but_images_to_collect(twelve: Stage) -> None:
    outcome = twelve.kill_at(0.6, turn_back=True)
    assert not outcome.faults


@pytest.mark.parametrize("wrong", [each.wrong for each in BROKEN])
def test_an_actuator_that_leaves_what_nobody_owns_is_found_out(twelve: Stage, wrong: str) -> None:
    destroys = wrong.startswith("a domain is forgotten")
    if destroys != (twelve.at == 1):
        twelve.kill_at(1.0)
    broken = replace(twelve.desk, broken=wrong)
    outcome = twelve.kill_at(_AFTER_ITS_OWN_DEATH, turn_back=not destroys, desk=broken)
    assert not outcome.finished
    kind = "link" if "link" in wrong else "file"
    assert any(f": orphan {kind} " in each for each in outcome.faults), outcome
    for host in twelve.hosts:  # nothing of ours is declared now
        host.cut_links()
        host.run(["sh", "-c", f"rm -f {IMAGES}/lab.* {IMAGES}/.reconciler*"])
        host.virsh("pool-refresh", "default")


@pytest.mark.parametrize(
    "said", ["done: create shop-web-2", "done: replace shop-web-0", "done: accept the form of shop-api-0"]
)
def test_a_roll_with_somebody_standing_in_is_finished_by_the_next_and_nobody_stays_who_stood_in(
    rolling: Stage, said: str
) -> None:
    outcome = rolling.kill_at(said)
    assert not outcome.finished
    assert not outcome.faults
    assert outcome.applies == 1
