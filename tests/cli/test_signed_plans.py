"""A saved plan is carried out as it was shown, once, or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reconciler.actuators.sim import interfere
from reconciler.actuators.sim.store import Store
from reconciler.specs.desired import HostName, InstanceName
from tests.cli.conftest import Directory, Reconcile

_NOTHING_DONE = "Plan: 3 create"


@pytest.fixture
def plan(reconcile: Reconcile, directory: Directory, tmp_path: Path) -> Path:
    file = tmp_path / "plan.json"
    assert reconcile("plan", directory, "--out", file).code == 0
    return file


def test_a_saved_plan_applies_once(reconcile: Reconcile, directory: Directory, plan: Path) -> None:
    assert reconcile("apply", plan, "--yes").code == 0
    assert reconcile("plan", directory, "--detailed-exitcode").code == 0
    again = reconcile("apply", plan, "--yes")
    assert again.code == 5
    assert "plan again" in again.err


def test_a_plan_that_was_applied_is_spent_even_when_everything_is_as_it_was(
    reconcile: Reconcile, directory: Directory, plan: Path
) -> None:
    assert reconcile("apply", plan, "--yes").code == 0
    (directory.path / ".reconciler" / "sim.sqlite").unlink()  # as if nothing had happened
    again = reconcile("apply", plan, "--yes")
    assert again.code == 5
    assert "a plan applies once" in again.err
    assert _NOTHING_DONE in reconcile("plan", directory).out


def test_a_plan_whose_files_changed_is_refused(
    reconcile: Reconcile, directory: Directory, plan: Path
) -> None:
    directory.edit("shop.yaml", "replicas: 2", "replicas: 1")
    answer = reconcile("apply", plan, "--yes")
    assert (answer.code, answer.err) == (
        5,
        "error: the files changed since the plan was made: plan again\n",
    )
    directory.edit("shop.yaml", "replicas: 1", "replicas: 2")
    assert _NOTHING_DONE in reconcile("plan", directory).out


def test_a_comment_is_no_change(reconcile: Reconcile, directory: Directory, plan: Path) -> None:
    directory.edit("shop.yaml", "replicas: 2", "replicas: 2   # two")
    assert reconcile("apply", plan, "--yes").code == 0


def test_a_plan_whose_fleet_changed_is_refused(
    reconcile: Reconcile, directory: Directory, tmp_path: Path
) -> None:
    reconcile("apply", directory, "--yes")
    directory.edit("shop.yaml", "replicas: 2", "replicas: 1")
    file = tmp_path / "later.json"
    reconcile("plan", directory, "--out", file)
    interfere.stop(Store(directory.path / ".reconciler", HostName("hv1")), InstanceName("shop-db-0"))
    answer = reconcile("apply", file, "--yes")
    assert answer.code == 5
    assert "the fleet changed" in answer.err


def test_a_plan_of_another_version_is_refused(reconcile: Reconcile, directory: Directory, plan: Path) -> None:
    document = json.loads(plan.read_text())
    plan.write_text(json.dumps({**document, "version": "0.0.1"}))
    answer = reconcile("apply", plan, "--yes")
    assert answer.code == 5
    assert "the tool's version changed" in answer.err


def test_a_plan_that_was_tampered_with_is_refused(
    reconcile: Reconcile, directory: Directory, plan: Path
) -> None:
    document = json.loads(plan.read_text())
    plan.write_text(json.dumps({**document, "plan": "0" * 64}))
    answer = reconcile("apply", plan, "--yes")
    assert answer.code == 5
    assert "what would be done changed" in answer.err


def test_a_file_that_is_no_plan_is_invalid(reconcile: Reconcile, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text('{"format_version": 1')
    answer = reconcile("apply", tmp_path / "plan.json", "--yes")
    assert answer.code == 3
    assert "not a plan written by plan --out" in answer.err


def test_the_allowance_is_part_of_the_plan(
    reconcile: Reconcile, directory: Directory, tmp_path: Path
) -> None:
    directory.edit("fleet.yaml", "name: lab\n", "name: lab\nlimits: {deletes: {max: 0, percent: 0}}\n")
    reconcile("apply", directory, "--yes")
    directory.edit("shop.yaml", "replicas: 2", "replicas: 1")
    file = tmp_path / "plan.json"
    assert reconcile("plan", directory, "--out", file, "--allow-deletes", "1").code == 0
    assert reconcile("apply", file, "--yes", "--allow-deletes", "5").code == 64
    assert reconcile("apply", file, "--yes").code == 0


def test_a_plan_against_a_recorded_fleet_is_not_saved(
    reconcile: Reconcile, directory: Directory, tmp_path: Path
) -> None:
    recording = tmp_path / "fleet.json"
    recording.write_text(reconcile("snapshot", directory).out)
    answer = reconcile("plan", directory, "--snapshot", recording, "--out", tmp_path / "plan.json")
    assert answer.code == 64
    assert not (tmp_path / "plan.json").exists()
