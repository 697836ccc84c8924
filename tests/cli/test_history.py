"""Who changed what, when and why; and a history that can be lost without loss."""

from __future__ import annotations

import shutil

from tests.cli.conftest import Directory, Reconcile


def test_history_tells_each_run_and_each_step_of_one(reconcile: Reconcile, directory: Directory) -> None:
    assert reconcile("history", directory).out == "No history yet.\n"
    reconcile("apply", directory, "--yes")
    directory.edit("shop.yaml", "replicas: 2", "replicas: 1")
    reconcile("apply", directory, "--yes")
    lines = reconcile("history", directory).out.splitlines()
    assert len(lines) == 2
    newest = lines[0].split()[0]
    assert "apply" in lines[0]
    assert lines[0].endswith("1 ok")
    assert lines[1].endswith("5 ok")
    told = reconcile("history", directory, newest).out
    assert "ok: destroy shop-web-1 on hv" in told
    assert "no longer declared" in told


def test_history_of_a_stranger_is_invalid(reconcile: Reconcile, directory: Directory) -> None:
    answer = reconcile("history", directory, "20010101")
    assert answer.code == 3
    assert "no plan called '20010101'" in answer.err


def test_history_in_json_is_one_document(reconcile: Reconcile, directory: Directory) -> None:
    reconcile("apply", directory, "--yes")
    runs = reconcile("history", directory, "-o", "json").json["runs"]
    assert isinstance(runs, list)
    assert [run["verb"] for run in runs] == ["apply"]
    assert {step["outcome"] for step in runs[0]["steps"]} == {"ok"}


def test_deletions_of_the_last_hour_are_remembered_between_runs(
    reconcile: Reconcile, directory: Directory
) -> None:
    directory.edit("fleet.yaml", "name: lab\n", "name: lab\nlimits: {deletes: {max: 1, percent: 0}}\n")
    reconcile("apply", directory, "--yes")
    directory.edit("shop.yaml", "replicas: 2", "replicas: 1")
    assert reconcile("apply", directory, "--yes").code == 0
    directory.edit("shop.yaml", "replicas: 1", "replicas: 0")
    answer = reconcile("apply", directory, "--yes")
    assert answer.code == 7
    assert "1 deletions (and 1 in the last hour) are more than the budget of 1" in answer.out


def test_deleting_the_history_changes_nothing_about_the_next_plan(
    reconcile: Reconcile, directory: Directory
) -> None:
    reconcile("apply", directory, "--yes")
    directory.edit("shop.yaml", "cpus: 1", "cpus: 2")
    before = reconcile("plan", directory, "-o", "json").out
    for file in (directory.path / ".reconciler").glob("history*"):
        file.unlink()
    shutil.rmtree(directory.path / ".reconciler" / "locks")
    assert reconcile("plan", directory, "-o", "json").out == before


def test_a_damaged_history_stops_apply_and_says_what_to_do(
    reconcile: Reconcile, directory: Directory
) -> None:
    reconcile("apply", directory, "--yes")
    (directory.path / ".reconciler" / "history.sqlite").write_bytes(b"torn" * 1000)
    directory.edit("shop.yaml", "replicas: 2", "replicas: 1")
    answer = reconcile("apply", directory, "--yes")
    assert answer.code == 1
    assert "it holds history only: move it away to go on" in answer.err
