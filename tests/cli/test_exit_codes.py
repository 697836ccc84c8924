"""Every exit code, with the message beside it."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Directory, Reconcile


def test_invalid_input_is_3_and_names_every_place(reconcile: Reconcile, directory: Directory) -> None:
    directory.edit("shop.yaml", "replicas: 2", "replcas: 2")
    directory.edit("fleet.yaml", "memory: 16GiB", "memory: 16G")
    answer = reconcile("plan", directory)
    assert answer.code == 3
    assert answer.out == ""
    assert "shop.yaml:13:5: error: unknown field 'replcas'" in answer.err
    assert "did you mean 'replicas'?" in answer.err
    assert "fleet.yaml:5:" in answer.err


def test_an_unknown_verb_or_option_is_64_and_never_2(reconcile: Reconcile, directory: Directory) -> None:
    assert reconcile("frobnicate").code == 64
    assert reconcile("plan").code == 64
    assert reconcile("plan", directory, "--frobnicate").code == 64
    assert reconcile("plan", directory, "-o", "xml").code == 64


def test_apply_without_a_terminal_and_without_yes_is_64(reconcile: Reconcile, directory: Directory) -> None:
    answer = reconcile("apply", directory)
    assert answer.code == 64
    assert "--yes" in answer.err
    assert not (directory.path / ".reconciler").exists()


def test_what_cannot_be_placed_is_4_and_the_rest_is_done(reconcile: Reconcile, directory: Directory) -> None:
    directory.edit("shop.yaml", "replicas: 2", "replicas: 3")
    answer = reconcile("apply", directory, "--yes", "-o", "json")
    assert answer.code == 4
    blocked = answer.json["blocked"]
    assert isinstance(blocked, list)
    assert [entry["instance"] for entry in blocked] == ["shop-web-2"]
    assert set(blocked[0]["refusals"]) == {"hv1", "hv2"}
    status = reconcile("status", directory, "-o", "json").json["instances"]
    assert isinstance(status, list)
    assert sum(row["state"] == "running" for row in status) == 3


def test_a_protected_machine_outlives_its_block_with_7(reconcile: Reconcile, directory: Directory) -> None:
    directory.edit("shop.yaml", "  db:\n", "  db:\n    protect: true\n")
    assert reconcile("apply", directory, "--yes").code == 0
    directory.write(
        "shop.yaml",
        "apiVersion: reconciler/v1\nkind: Service\nname: other\ncomponents:\n"
        "  one: {image: debian-12, resources: {cpus: 1, memory: 1GiB}, disks: {root: 1GiB}}\n",
    )
    answer = reconcile("apply", directory, "--yes", "-o", "json")
    assert answer.code == 7
    status = reconcile("status", directory, "-o", "json").json["instances"]
    assert isinstance(status, list)
    assert [row["instance"] for row in status] == ["other-one-0", "shop-db-0"]


def test_more_deletions_than_the_budget_are_refused_with_7(
    reconcile: Reconcile, directory: Directory
) -> None:
    directory.edit("fleet.yaml", "name: lab\n", "name: lab\nlimits: {deletes: {max: 1, percent: 10}}\n")
    reconcile("apply", directory, "--yes")
    directory.edit("shop.yaml", "replicas: 2", "replicas: 0")
    answer = reconcile("apply", directory, "--yes")
    assert answer.code == 7
    assert "2 deletions are more than the budget of 1" in answer.out
    assert reconcile("apply", directory, "--yes", "--allow-deletes", "2").code == 0
    status = reconcile("status", directory, "-o", "json").json["instances"]
    assert isinstance(status, list)
    assert [row["instance"] for row in status] == ["shop-db-0"]


def test_a_directory_without_any_service_never_deletes(reconcile: Reconcile, directory: Directory) -> None:
    reconcile("apply", directory, "--yes")
    (directory.path / "shop.yaml").unlink()
    answer = reconcile("apply", directory, "--yes", "--allow-deletes", "99")
    assert answer.code == 7
    assert "declares no service at all" in answer.out


def test_a_snapshot_that_is_none_is_3(reconcile: Reconcile, directory: Directory, tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("{}")
    answer = reconcile("plan", directory, "--snapshot", tmp_path / "bad.json")
    assert answer.code == 3
    assert "reconcile snapshot DIR > FILE" in answer.err


def test_explaining_a_stranger_is_3(reconcile: Reconcile, directory: Directory) -> None:
    answer = reconcile("explain", "shop-dbb-0", directory)
    assert answer.code == 3
    assert "shop-db-0" in answer.err
