"""The plan does not depend on the hash seed of the process that makes it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.specs.desired import Disk
from reconciler.specs.placement import Affinity, Placement, Spread
from tests.builders import (
    GIB,
    bridge,
    desired_of,
    fleet_of,
    host,
    image_use,
    kept,
    machine,
    observed_of,
    replicas,
    running,
    sha,
    size,
)
from tests.properties.broken import Line
from tests.properties.plan_elsewhere import WORLDS

ROOT = Path(__file__).parents[2]


def _world() -> bytes:
    """A plan with every kind of list in it: images on hosts, differences, refusals, needs."""
    fleet = fleet_of(
        *(host(f"h{number}", size(8, 8 * GIB), labels={"rack": f"r{number % 2}"}) for number in range(6))
    )
    was = machine(disks=(Disk("root", 10 * GIB),))
    now = replace(
        was,
        cpus=2,
        memory_mib=2 * GIB,
        disks=(Disk("root", 20 * GIB), kept("data", GIB), kept("logs", GIB)),
        nics=(bridge("br0"), bridge("br1")),
        context=sha("hello"),
        image=replace(image_use(), name="other", cmdline="quiet"),
    )
    apart = Placement(anti_affinity=(Affinity("web", "host"),), spread=(Spread("rack"),))
    web = replicas(7, "shop-web", machine(image="two"), placement=apart, depends_on=("app", "db"))
    app = replicas(3, "shop-app", machine(image="one"))
    old = replicas(3, "shop-db", was)
    gone = replicas(4, "blog-db")
    desired = desired_of(fleet, *web, *app, *replicas(3, "shop-db", now))
    observed = observed_of(
        fleet,
        *(running(each, on=f"h{number}") for number, each in enumerate(old)),
        *(running(each, on=f"h{number + 1}") for number, each in enumerate(gone)),
    )
    return WORLDS.dump_json([(desired, observed)])


def _plans(seed: int, direction: str, *line: str) -> bytes:
    done = subprocess.run(
        [sys.executable, "-m", "tests.properties.plan_elsewhere", direction, *line],
        input=_world(),
        env={**os.environ, "PYTHONHASHSEED": str(seed)},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
    )
    return done.stdout


def test_the_plan_is_the_same_under_every_hash_seed() -> None:
    first = _plans(0, "forwards")
    for part in (
        b'"image/two@h5"',
        b'"create/shop-web-0"',
        b'"update/shop-db-2"',
        b'"destroy/blog-db-0"',
        b'"no-place"',
    ):
        assert part in first
    assert {_plans(seed, direction) for seed, direction in ((1, "forwards"), (2, "backwards"))} == {first}


@pytest.mark.parametrize(
    "line",
    [
        Line(
            "ordering.images",
            "in sorted(missing.items(), key=lambda each: (each[0][0], each[1].name, each[0][1]))",
            "in set(missing.items())",
        ),
        Line(
            "diff",
            "return tuple(sorted(found, key=lambda difference: difference.path))",
            "return tuple(found)",
        ),
    ],
    ids=["images as a set has them", "differences as DeepDiff has them"],
)
def test_a_planner_that_walks_a_set_is_caught(line: Line) -> None:
    plans = (_plans(seed, "forwards", line.module, line.was, line.now) for seed in range(8))
    first = next(plans)
    assert any(other != first for other in plans)
