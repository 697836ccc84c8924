"""`kill -9` of `apply`, on real hosts: another `apply` ends where an unkilled one would have."""

import random
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from .desk import clean
from .hosts import IMAGES
from .killing import Stage, shares, staged
from .laboratory import Laboratory

_KILLS = 8


@pytest.fixture(scope="module")
def stage(laboratory: Laboratory) -> Iterator[Stage]:
    with TemporaryDirectory(prefix="kill9-") as scratch:
        yield staged(laboratory, Path(scratch))
    for host in laboratory.hosts:
        clean(host)


@pytest.fixture(scope="module")
def rehearsed(stage: Stage) -> Stage:
    stage.rehearse()
    assert stage.ways[0].end.domains != stage.ways[1].end.domains
    return stage


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
