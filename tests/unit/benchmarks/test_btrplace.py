"""BtrPlace's instances are read as they are meant, and a broken answer to one is seen."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.btrplace_faults import faults_of
from benchmarks.btrplace_instance import Instance, NotUnderstood, read
from benchmarks.btrplace_solve import Solved, listed, solve

ON = {1: [10, 11], 2: [12], 3: [13, 14], 4: []}
"""Four nodes for four each; VM 20 is ready, all take one."""

ALL: tuple[dict[str, Any], ...] = (
    {"id": "preserve", "vm": 10, "rc": "mem", "amount": 3},
    {"id": "preserve", "vm": 11, "rc": "mem", "amount": 2},
    {"id": "running", "vm": 20},
    {"id": "ready", "vms": [12]},
    {"id": "online", "nodes": [1, 3, 4]},
    {"id": "offline", "node": 2},
    {"id": "spread", "vms": [13, 20], "continuous": True},
    {"id": "among", "vms": [13, 14, 20], "parts": [[1, 2], [3, 4]]},
    {"id": "fence", "vm": 11, "nodes": [1, 4]},
    {"id": "ban", "vm": 10, "nodes": [4]},
)


def instance(path: Path, *constraints: dict[str, Any], on: dict[int, list[int]] = ON) -> Instance:
    """As it is read from a file."""
    vms = [vm for vms in on.values() for vm in vms]
    view = {
        "id": "shareableResource",
        "rcId": "mem",
        "defCapacity": 0,
        "defConsumption": 0,
        "nodes": {str(node): 4 for node in on},
        "vms": {str(vm): 1 for vm in [*vms, 20]},
    }
    nodes = {str(node): {"runningVMs": vms, "sleepingVMs": []} for node, vms in on.items()}
    mapping = {"readyVMs": [20], "onlineNodes": nodes, "offlineNodes": []}
    model = {"mapping": mapping, "attributes": {"nodes": {"1": {"boot": 3}}, "vms": {}}, "views": [view]}
    file = path / "one.json.gz"
    file.write_bytes(gzip.compress(json.dumps({"model": model, "constraints": constraints}).encode()))
    return read(str(file))


def at(asked: Instance, solved: Solved) -> dict[int, int]:
    """The node of each VM that runs at the end."""
    pairs = zip(asked.vms[listed(asked)].tolist(), solved.course.goal.tolist(), strict=True)
    return {vm: int(asked.nodes[node]) for vm, node in pairs if node >= 0}


def test_every_constraint_is_kept_with_as_few_relocations_as_there_are_overloads(tmp_path: Path) -> None:
    asked = instance(tmp_path, *ALL)
    solved = solve(asked)
    assert faults_of(asked, solved) == []
    assert at(asked, solved) == {10: 1, 11: 4, 13: 3, 14: 3, 20: 4}
    assert (solved.overloaded, solved.relocated) == (1, 1)


def moved(vm: int, node: int) -> Callable[[Instance, Solved], Solved]:
    """The same answer with one VM elsewhere."""

    def change(asked: Instance, solved: Solved) -> Solved:
        goal = solved.course.goal.copy()
        goal[asked.vms[listed(asked)].tolist().index(vm)] = asked.nodes.tolist().index(node)
        return replace(solved, course=replace(solved.course, goal=goal))

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (moved(20, 3), "a spread of 2 is broken"),
        (moved(20, 1), "an among of 3 is broken"),
        (moved(11, 3), "a fence of 1 is broken"),
        (moved(10, 4), "a ban of 1 is broken"),
        (moved(13, 2), "VM 13 is on a node that is off"),
        (moved(11, 1), "node 1 is overloaded"),
        (moved(12, 4), "VM 12 runs"),
    ],
)
def test_an_answer_that_breaks_a_constraint_is_seen(
    tmp_path: Path, change: Callable[[Instance, Solved], Solved], said: str
) -> None:
    asked = instance(tmp_path, *ALL)
    assert said in faults_of(asked, change(asked, solve(asked)))


def test_a_constraint_that_nobody_knows_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(NotUnderstood, match="lonely"):
        instance(tmp_path, {"id": "lonely", "vms": [10]})
