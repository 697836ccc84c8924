"""Recorded fleets: of any size, of hosts that are nowhere to be reached, and none of them is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from reconciler.specs.load import load
from reconciler.state import Observed, to_json
from tests import builders
from tests.builders import GIB
from tests.cli.conftest import Directory, Reconcile

_HOSTS = 200
_REPLICAS = 300


@pytest.fixture
def elsewhere(directory: Directory) -> Directory:
    """As many hosts as nobody has at a desk; whoever asked one of them would have to wait for it."""
    lines = [
        f"  hv{number:03}: {{connect: 'ssh://root@hv{number:03}.invalid', labels: {{rack: r{number % 10}}}}}"
        for number in range(_HOSTS)
    ]
    directory.write(
        "fleet.yaml", "\n".join(["apiVersion: reconciler/v1", "kind: Fleet", "name: lab", "hosts:", *lines])
    )
    directory.edit("shop.yaml", "replicas: 2", f"replicas: {_REPLICAS}")
    directory.edit("shop.yaml", "{anti_affinity: host}", "{spread: {over: rack}}")
    return directory


@pytest.fixture
def recording(elsewhere: Directory, tmp_path: Path) -> Path:
    """All that is declared runs, by turns on each of the hosts."""
    desired = load(elsewhere.path)
    names = [str(host.name) for host in desired.fleet.hosts]
    states = [
        builders.running(each, on=names[number % len(names)]) for number, each in enumerate(desired.instances)
    ]
    hosts = [
        builders.host_state(
            name,
            *(state for state in states if state.host == name),
            capacity=builders.size(8, 16 * GIB, 200 * GIB),
        )
        for name in names
    ]
    path = tmp_path / "snapshot.json"
    path.write_bytes(to_json(Observed("lab", tuple(sorted(hosts, key=lambda each: each.host)))))
    return path


def test_a_recorded_fleet_is_planned(reconcile: Reconcile, elsewhere: Directory, recording: Path) -> None:
    answer = reconcile("plan", elsewhere, "--snapshot", recording, "--detailed-exitcode")
    assert (answer.code, answer.err) == (0, "")
    elsewhere.edit("fleet.yaml", "rack: r7}", "rack: r7}, maintenance: true")
    plan = reconcile("plan", elsewhere, "--snapshot", recording, "-o", "json").json
    summary = cast("dict[str, int]", plan["summary"])
    assert (summary["migrate"], summary["blocked"]) == (30, 0)


def test_a_death_is_thought_through(reconcile: Reconcile, elsewhere: Directory, recording: Path) -> None:
    dead = [word for number in range(20) for word in ("--without", f"hv{number:03}")]
    answer = reconcile("whatif", elsewhere, *dead, "--snapshot", recording, "-o", "json")
    assert (answer.code, answer.err) == (0, "")
    assert len(cast("list[Any]", answer.json["lost"])) >= 20


def test_capacity_is_counted(reconcile: Reconcile, elsewhere: Directory, recording: Path) -> None:
    answer = reconcile("capacity", elsewhere, "--like", "db", "--snapshot", recording, "-o", "json")
    assert (answer.code, answer.err) == (0, "")
    assert cast("int", answer.json["count"]) > _HOSTS
    assert reconcile("hosts", elsewhere, "--snapshot", recording).code == 0
