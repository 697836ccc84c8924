"""``reconcile migrate`` on simulated hosts: what is moved, what is refused, and with which exit code."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.actuators.sim import interfere
from reconciler.actuators.sim.store import Store
from reconciler.specs.desired import HostName
from tests.cli.conftest import Directory, Reconcile

DB = "shop-db-0"


@pytest.fixture
def applied(reconcile: Reconcile, directory: Directory) -> Directory:
    assert reconcile("apply", directory, "--yes").code == 0
    return directory


def homes(reconcile: Reconcile, directory: Directory) -> dict[str, str]:
    rows: Any = reconcile("status", directory, "-o", "json").json["instances"]
    return {row["instance"]: row["host"] for row in rows}


def other(host: str) -> str:
    return "hv2" if host == "hv1" else "hv1"


def test_an_instance_moves_with_its_disks_and_is_not_moved_back(
    reconcile: Reconcile, applied: Directory
) -> None:
    source = homes(reconcile, applied)[DB]
    target = other(source)
    answer = reconcile("migrate", DB, applied, "--to", target, "--yes", "-o", "json")
    assert answer.code == 0, answer
    steps: Any = answer.json["steps"]
    assert [(step["action"], step["host"], step["from_host"]) for step in steps] == [
        ("migrate", target, source)
    ]
    assert homes(reconcile, applied)[DB] == target
    plan = reconcile("plan", applied, "-o", "json", "--detailed-exitcode")
    assert (plan.code, plan.json["steps"], plan.json["blocked"]) == (0, [], [])
    status: Any = reconcile("status", applied, "-o", "json").json
    assert status["retained"] == []
    assert f"{source} -> {target}" in reconcile("history", applied, "-o", "json").out


def test_an_instance_that_is_there_already_is_left_alone(reconcile: Reconcile, applied: Directory) -> None:
    answer = reconcile("migrate", DB, applied, "--to", homes(reconcile, applied)[DB], "--yes")
    assert answer.code == 0


def test_a_host_that_a_rule_forbids_is_refused_with_the_rule(
    reconcile: Reconcile, applied: Directory
) -> None:
    source = homes(reconcile, applied)["shop-web-0"]
    answer = reconcile("migrate", "shop-web-0", applied, "--to", other(source), "--yes")
    assert answer.code == 4
    assert "web is already on" in answer.out


def test_a_host_without_room_is_refused(reconcile: Reconcile, applied: Directory) -> None:
    target = other(homes(reconcile, applied)[DB])
    store = Store(applied.path / ".reconciler", HostName(target))
    interfere.foreign(store, "fat", str(14 * 1024))
    answer = reconcile("migrate", DB, applied, "--to", target, "--yes")
    assert answer.code == 4
    assert "of memory" in answer.out


def test_a_silent_host_is_not_moved_to(reconcile: Reconcile, applied: Directory) -> None:
    target = other(homes(reconcile, applied)[DB])
    interfere.silence(Store(applied.path / ".reconciler", HostName(target)))
    assert reconcile("migrate", DB, applied, "--to", target, "--yes").code == 8


@pytest.mark.parametrize(
    ("name", "host", "said"), [("shop-bd-0", "hv1", "did you mean 'shop-db-0'"), (DB, "hv3", "'hv2'")]
)
def test_names_that_nobody_knows_are_invalid(
    reconcile: Reconcile, applied: Directory, name: str, host: str, said: str
) -> None:
    answer = reconcile("migrate", name, applied, "--to", host, "--yes")
    assert answer.code == 3
    assert said in answer.err


def test_what_does_not_run_is_not_migrated(reconcile: Reconcile, applied: Directory) -> None:
    source = homes(reconcile, applied)[DB]
    interfere.stop(Store(applied.path / ".reconciler", HostName(source)), DB)
    answer = reconcile("migrate", DB, applied, "--to", other(source), "--yes")
    assert answer.code == 4
    assert "does not run" in answer.out


def test_nothing_is_migrated_unasked(reconcile: Reconcile, applied: Directory) -> None:
    assert reconcile("migrate", DB, applied, "--to", "hv1").code == 64
