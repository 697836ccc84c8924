"""Plan, apply, status: the main job on the simulated fleet."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Directory, Reconcile


def files_below(path: Path) -> dict[str, bytes]:
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def test_a_first_directory_plans_applies_and_then_matches(reconcile: Reconcile, tmp_path: Path) -> None:
    assert reconcile("init", tmp_path / "new").code == 0
    assert reconcile("validate", tmp_path / "new").code == 0
    assert reconcile("plan", tmp_path / "new", "--detailed-exitcode").code == 2
    assert reconcile("apply", tmp_path / "new", "--yes").code == 0
    after = reconcile("plan", tmp_path / "new", "--detailed-exitcode")
    assert after.code == 0
    assert "Plan: 0 create, 0 migrate, 0 update live, 0 update with restart, 0 replace" in after.out


def test_init_never_overwrites(reconcile: Reconcile, tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text("mine")
    answer = reconcile("init", tmp_path)
    assert answer.code == 1
    assert "already has fleet.yaml: nothing was written" in answer.err
    assert files_below(tmp_path) == {"fleet.yaml": b"mine"}


def test_plan_shows_the_summary_line_of_the_contract(reconcile: Reconcile, directory: Directory) -> None:
    lines = reconcile("plan", directory).out.splitlines()
    assert lines[-1] == (
        "Plan: 3 create, 0 migrate, 0 update live, 0 update with restart, 0 replace, 0 destroy, 0 blocked"
    )


def test_plan_in_json_has_the_keys_of_the_contract(reconcile: Reconcile, directory: Directory) -> None:
    plan = reconcile("plan", directory, "-o", "json").json
    assert plan["format_version"] == 1
    assert plan["summary"] == {
        "create": 3,
        "start": 0,
        "stop": 0,
        "migrate": 0,
        "update_live": 0,
        "update_restart": 0,
        "replace": 0,
        "destroy": 0,
        "network": 0,
        "image": 2,
        "blocked": 0,
    }
    steps = plan["steps"]
    assert isinstance(steps, list)
    assert {key for step in steps for key in step} == {
        "id",
        "action",
        "instance",
        "object",
        "host",
        "from_host",
        "because",
        "needs",
        "follows",
        "predicted",
    }
    assert all(("instance" in step) != ("object" in step) for step in steps)


def test_plan_never_writes(reconcile: Reconcile, directory: Directory) -> None:
    before = files_below(directory.path)
    reconcile("plan", directory)
    reconcile("status", directory)
    assert files_below(directory.path) == before
    reconcile("apply", directory, "--yes")
    before = files_below(directory.path)
    reconcile("plan", directory)
    reconcile("status", directory)
    assert files_below(directory.path) == before


def test_status_shows_where_everything_runs(reconcile: Reconcile, directory: Directory) -> None:
    reconcile("apply", directory, "--yes")
    status = reconcile("status", directory, "-o", "json").json
    instances = status["instances"]
    assert isinstance(instances, list)
    assert [(row["instance"], row["state"], row["drift"]) for row in instances] == [
        ("shop-db-0", "running", False),
        ("shop-web-0", "running", False),
        ("shop-web-1", "running", False),
    ]
    assert {row["host"] for row in instances if row["component"] == "web"} == {"hv1", "hv2"}


def test_each_change_is_planned_with_its_impact(reconcile: Reconcile, directory: Directory) -> None:
    reconcile("apply", directory, "--yes")
    directory.edit("shop.yaml", "replicas: 2", "replicas: 1")
    directory.edit("shop.yaml", "{cpus: 2, memory: 2GiB}", "{cpus: 3, memory: 3GiB}")
    directory.edit("shop.yaml", "    depends_on: [db]\n", "    depends_on: [db]\n    protect: true\n")
    plan = reconcile("plan", directory, "-o", "json").json
    steps = plan["steps"]
    assert isinstance(steps, list)
    assert {(step["action"], step["instance"]) for step in steps} == {
        ("update_restart", "shop-db-0"),
        ("update_live", "shop-web-0"),
        ("destroy", "shop-web-1"),
    }
    (update,) = (step for step in steps if step["action"] == "update_restart")
    assert {(why["field"], why["was"], why["now"]) for why in update["because"]} == {
        ("cpus", "2", "3"),
        ("memory_mib", "2 GiB", "3 GiB"),
    }
    assert reconcile("apply", directory, "--yes").code == 0
    assert reconcile("plan", directory, "--detailed-exitcode").code == 0


def test_a_removed_component_keeps_its_retained_disk_and_gets_it_back(
    reconcile: Reconcile, directory: Directory
) -> None:
    reconcile("apply", directory, "--yes")
    whole = (directory.path / "shop.yaml").read_text()
    db = whole[whole.index("  db:") : whole.index("  web:")]
    directory.write("shop.yaml", whole.replace(db, "").replace("    depends_on: [db]\n", ""))
    assert reconcile("apply", directory, "--yes").code == 0
    retained = reconcile("status", directory, "-o", "json").json["retained"]
    assert isinstance(retained, list)
    assert [(disk["instance"], disk["disk"]) for disk in retained] == [("shop-db-0", "data")]
    directory.write("shop.yaml", whole)
    assert reconcile("apply", directory, "--yes").code == 0
    assert reconcile("status", directory, "-o", "json").json["retained"] == []


def test_a_recorded_fleet_can_be_planned_against(
    reconcile: Reconcile, directory: Directory, tmp_path: Path
) -> None:
    reconcile("apply", directory, "--yes")
    recording = tmp_path / "fleet.json"
    recording.write_text(reconcile("snapshot", directory).out)
    (directory.path / ".reconciler" / "sim.sqlite").unlink()
    assert reconcile("plan", directory, "--snapshot", recording, "--detailed-exitcode").code == 0
    assert reconcile("plan", directory, "--detailed-exitcode").code == 2


def test_explain_names_the_host_and_every_other_hosts_refusal(
    reconcile: Reconcile, directory: Directory
) -> None:
    directory.edit("shop.yaml", "anti_affinity: host", "require: ['host.labels.rack == \"r2\"']")
    answer = reconcile("explain", "shop-web-0", directory)
    assert answer.code == 0
    assert "hv2" in answer.out
    assert "hv1" in answer.out
    assert "host.labels.rack" in answer.out


def test_validate_counts_what_it_found(reconcile: Reconcile, directory: Directory) -> None:
    answer = reconcile("validate", directory)
    assert (answer.code, answer.out) == (0, "valid: fleet lab, 2 hosts, 1 services, 3 instances\n")
