"""``reconcile hosts``, ``cordon`` and ``uncordon``."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from reconciler.actuators.sim.effects import Silence
from reconciler.actuators.sim.host import PHYSICAL
from reconciler.actuators.sim.store import Store
from reconciler.specs.desired import HostName
from tests.cli.conftest import Answer, Directory, Reconcile


def hosts(answer: Answer) -> dict[str, dict[str, Any]]:
    """Rows by host."""
    rows = cast("list[dict[str, Any]]", answer.json["hosts"])
    return {row["host"]: row for row in rows}


def silence(directory: Directory, host: str) -> None:
    store = Store(directory.path / ".reconciler", HostName(host))
    store.change(Silence(silent=True), PHYSICAL)


def placed(answer: Answer) -> set[str]:
    """Hosts on which something is made."""
    steps = cast("list[dict[str, Any]]", answer.json["steps"])
    return {step["host"] for step in steps if step["action"] == "create"}


def test_every_host_is_shown_with_what_it_has_and_who_takes_it(
    reconcile: Reconcile, directory: Directory
) -> None:
    assert reconcile("apply", directory, "--yes").code == 0
    answer = reconcile("hosts", directory)
    assert (answer.code, answer.out.splitlines()[0].split()[0]) == (0, "HOST")
    assert "rack=r1" in answer.out
    found = hosts(reconcile("hosts", directory, "-o", "json"))
    assert sum(row["instances"] for row in found.values()) == 3
    room = found["hv1"]["room"]
    counted = ("cpus", "memory_mib", "disk_mib")
    free = {key: room["usable"][key] - room["ours"][key] - room["foreign"][key] for key in counted}
    assert room["free"] == {**free, "devices": {}, "pools": {}}
    assert "| hv2 |" in reconcile("hosts", directory, "-o", "markdown").out


def test_a_host_that_does_not_answer_is_shown_as_silent(reconcile: Reconcile, directory: Directory) -> None:
    assert reconcile("apply", directory, "--yes").code == 0
    silence(directory, "hv2")
    answer = reconcile("hosts", directory, "-o", "json")
    assert answer.code == 8
    assert (hosts(answer)["hv2"]["state"], hosts(answer)["hv2"]["room"]) == ("silent", None)
    assert "? hv2 did not answer" in reconcile("hosts", directory).out


def test_a_recorded_fleet_is_shown_without_touching_it(
    reconcile: Reconcile, directory: Directory, tmp_path: Path
) -> None:
    assert reconcile("apply", directory, "--yes").code == 0
    recording = tmp_path / "snapshot.json"
    recording.write_text(reconcile("snapshot", directory).out)
    silence(directory, "hv1")
    answer = reconcile("hosts", directory, "--snapshot", recording, "-o", "json")
    assert (answer.code, hosts(answer)["hv1"]["state"]) == (0, "up")


def test_a_cordoned_host_gets_nothing_new_and_keeps_what_it_has(
    reconcile: Reconcile, directory: Directory
) -> None:
    answer = reconcile("cordon", "hv1", directory, "--reason", "new memory")
    assert answer.code == 0
    assert answer.out.startswith("hv1 is cordoned by ")
    assert answer.out.rstrip().endswith(": new memory")
    plan = reconcile("plan", directory, "-o", "json")
    assert (plan.code, placed(plan)) == (4, {"hv2"})
    (blocked,) = cast("list[dict[str, Any]]", plan.json["blocked"])
    assert blocked["refusals"]["hv1"].endswith(": new memory")
    assert reconcile("uncordon", "hv1", directory).out == "hv1 is given new instances again\n"
    assert reconcile("apply", directory, "--yes").code == 0
    assert reconcile("cordon", "hv1", directory).code == 0
    assert reconcile("plan", directory, "--detailed-exitcode").code == 0


def test_a_cordon_stays_as_it_is_when_it_is_asked_for_again_and_takes_a_new_reason(
    reconcile: Reconcile, directory: Directory
) -> None:
    first = reconcile("cordon", "hv1", directory, "--reason", "new memory").out
    assert reconcile("cordon", "hv1", directory).out == first
    assert "fire" in reconcile("cordon", "hv1", directory, "--reason", "fire").out


def test_a_cordon_is_written_down(reconcile: Reconcile, directory: Directory) -> None:
    assert reconcile("cordon", "hv1", directory, "--reason", "new memory").code == 0
    assert reconcile("uncordon", "hv1", directory).code == 0
    said = reconcile("history", directory).out
    assert "uncordon" in said
    assert said.count("cordon") == 2


def test_a_report_of_a_cordon_is_json_like_any_other(reconcile: Reconcile, directory: Directory) -> None:
    answer = reconcile("cordon", "hv1", directory, "-o", "json")
    (step,) = cast("list[dict[str, Any]]", answer.json["steps"])
    assert (step["id"], step["action"], step["object"]) == ("cordon/hv1", "cordon", "hv1")
    assert step["outcome"] == "done"


def test_a_host_that_nobody_knows_is_not_cordoned(reconcile: Reconcile, directory: Directory) -> None:
    answer = reconcile("cordon", "hv3", directory)
    assert answer.code == 3
    assert "no host is called 'hv3'" in answer.err


def test_a_silent_host_cannot_be_cordoned_and_it_is_said_what_can_be_done(
    reconcile: Reconcile, directory: Directory
) -> None:
    assert reconcile("apply", directory, "--yes").code == 0
    silence(directory, "hv2")
    answer = reconcile("cordon", "hv2", directory)
    assert answer.code == 1
    assert "set hosts.hv2.maintenance: true in the fleet file meanwhile" in answer.err


@pytest.mark.parametrize("reason", ["a\x1b[2Jb", "two\nlines", "\u202egnirts", "x" * 201, "nul\x00"])
def test_a_reason_that_could_deceive_is_refused(
    reconcile: Reconcile, directory: Directory, reason: str
) -> None:
    answer = reconcile("cordon", "hv1", directory, "--reason", reason)
    assert answer.code == 3
    assert answer.err.isascii()
    assert hosts(reconcile("hosts", directory, "-o", "json"))["hv1"]["state"] == "up"


@pytest.mark.parametrize("reason", ["$(id)", "'; rm -rf /", "`id`", "--help", "[bold]x[/]", "a|b", "\\n%s"])
def test_a_reason_is_text_wherever_it_is_shown(
    reconcile: Reconcile, directory: Directory, reason: str
) -> None:
    assert reconcile("cordon", "hv1", directory, f"--reason={reason}").out.rstrip().endswith(reason)
    assert reason in reconcile("plan", directory).out
    assert reason in reconcile("hosts", directory).out


def test_maintenance_in_the_files_is_told_with_its_line(reconcile: Reconcile, directory: Directory) -> None:
    directory.edit("fleet.yaml", "labels: {rack: r1}", "labels: {rack: r1}, maintenance: true")
    row = hosts(reconcile("hosts", directory, "-o", "json"))["hv1"]
    assert row["state"] == "maintenance"
    assert row["why"] == "is in maintenance: hosts.hv1.maintenance (fleet.yaml:5)"
    assert placed(reconcile("plan", directory, "-o", "json")) == {"hv2"}
    assert "is in maintenance" in reconcile("uncordon", "hv1", directory).out


def test_the_death_of_a_host_is_thought_through_live_or_recorded(
    reconcile: Reconcile, directory: Directory, tmp_path: Path
) -> None:
    assert reconcile("apply", directory, "--yes").code == 0
    answer = reconcile("whatif", directory, "--without", "hv1", "-o", "json")
    lost = cast("list[dict[str, Any]]", answer.json["lost"])
    # The two replicas of web are kept apart: one has nowhere to go.
    (homeless,) = [each for each in lost if each["host"] is None]
    assert (answer.code, homeless["instance"].startswith("shop-web-")) == (4, True)
    assert "web is already on hv2" in homeless["refusals"]["hv2"]
    recording = tmp_path / "snapshot.json"
    recording.write_text(reconcile("snapshot", directory).out)
    again = reconcile("whatif", directory, "--without", "hv1", "--snapshot", recording, "-o", "json")
    assert again.json == answer.json
    assert "nowhere" in reconcile("whatif", directory, "--without", "hv1").out


def test_a_death_that_all_survive_is_no_failure(reconcile: Reconcile, directory: Directory) -> None:
    directory.edit("shop.yaml", "replicas: 2", "replicas: 1")
    assert reconcile("apply", directory, "--yes").code == 0
    for host in ("hv1", "hv2"):
        assert reconcile("whatif", directory, "--without", host).code == 0


def test_an_unknown_host_is_refused_before_anything_is_asked(
    reconcile: Reconcile, directory: Directory
) -> None:
    assert reconcile("whatif", directory, "--without", "hv9").code == 3
    assert reconcile("whatif", directory).code == 64


def test_capacity_is_counted_live_or_recorded(
    reconcile: Reconcile, directory: Directory, tmp_path: Path
) -> None:
    assert reconcile("apply", directory, "--yes").code == 0
    answer = reconcile("capacity", directory, "--like", "shop/db", "-o", "json")
    assert (answer.code, answer.json["count"]) == (0, 5)
    assert answer.json["reasons"]
    recording = tmp_path / "snapshot.json"
    recording.write_text(reconcile("snapshot", directory).out)
    again = reconcile("capacity", directory, "--like", "db", "--snapshot", recording, "-o", "json")
    assert again.json == answer.json
    assert reconcile("capacity", directory, "--like", "web").out.startswith("0 instances like those of")
    assert reconcile("capacity", directory, "--like", "shop/cache").code == 3
