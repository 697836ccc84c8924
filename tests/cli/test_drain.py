"""``reconcile drain``: a host is emptied, and stays empty until it is taken back."""

from __future__ import annotations

import signal
from dataclasses import replace
from typing import Any, cast

import pytest

from reconciler.actuators.sim.effects import Define
from reconciler.actuators.sim.store import Store
from reconciler.specs.desired import HostName, Resources
from reconciler.state import Journey
from tests.cli.conftest import Answer, Directory, Reconcile
from tests.cli.test_watch import watching


@pytest.fixture
def spread_out(reconcile: Reconcile, directory: Directory) -> Directory:
    """Three hosts, something of everything on hv1."""
    third = '  hv3: {connect: "sim://", capacity: {cpus: 8, memory: 16GiB, disk: 200GiB}}\n'
    directory.write("fleet.yaml", (directory.path / "fleet.yaml").read_text() + third)
    for host in ("hv2", "hv3"):
        assert reconcile("cordon", host, directory).code == 0
    directory.edit("shop.yaml", "replicas: 2", "replicas: 1")
    assert reconcile("apply", directory, "--yes").code == 0
    for host in ("hv2", "hv3"):
        assert reconcile("uncordon", host, directory).code == 0
    assert where(reconcile, directory) == {"shop-db-0": "hv1", "shop-web-0": "hv1"}
    return directory


def where(reconcile: Reconcile, directory: Directory) -> dict[str, str]:
    rows = cast("list[dict[str, Any]]", reconcile("status", directory, "-o", "json").json["instances"])
    return {row["instance"]: row["host"] for row in rows if row["state"] == "running"}


def ids(answer: Answer) -> list[str]:
    return [step["id"] for step in cast("list[dict[str, Any]]", answer.json["steps"])]


def blocked(answer: Answer) -> dict[str, Any]:
    rows = cast("list[dict[str, Any]]", answer.json["blocked"])
    return {row["instance"]: row["refusals"] for row in rows}


def migrated(answer: Answer) -> set[str]:
    return {step.partition("/")[2] for step in ids(answer) if step.startswith("migrate/")}


def test_a_drained_host_is_empty_and_gets_nothing_new(reconcile: Reconcile, spread_out: Directory) -> None:
    answer = reconcile("drain", "hv1", spread_out, "--yes", "--reason", "new memory", "-o", "json")
    assert answer.code == 0
    assert ids(answer)[0] == "cordon/hv1"
    assert migrated(answer) == {"shop-db-0", "shop-web-0"}
    assert "hv1" not in where(reconcile, spread_out).values()
    spread_out.edit("shop.yaml", "replicas: 1", "replicas: 2")
    assert reconcile("apply", spread_out, "--yes").code == 0
    assert "hv1" not in where(reconcile, spread_out).values()
    assert "hv1 is being drained by " in reconcile("hosts", spread_out).out


def test_draining_again_changes_nothing(reconcile: Reconcile, spread_out: Directory) -> None:
    assert reconcile("drain", "hv1", spread_out, "--yes").code == 0
    again = reconcile("drain", "hv1", spread_out, "--yes", "-o", "json")
    assert (again.code, ids(again)) == (0, [])
    assert reconcile("plan", spread_out, "--detailed-exitcode").code == 0


def test_maintenance_in_the_files_moves_the_same(reconcile: Reconcile, spread_out: Directory) -> None:
    spread_out.edit("fleet.yaml", "labels: {rack: r1}", "labels: {rack: r1}, maintenance: true")
    plan = reconcile("plan", spread_out, "-o", "json")
    spread_out.edit("fleet.yaml", ", maintenance: true", "")
    drain = reconcile("drain", "hv1", spread_out, "--yes", "-o", "json")
    assert ids(drain)[1:] == ids(plan)


def test_the_moves_come_after_the_cordon(reconcile: Reconcile, spread_out: Directory) -> None:
    answer = reconcile("drain", "hv1", spread_out, "--yes", "-o", "json")
    steps = cast("list[dict[str, Any]]", answer.json["steps"])
    assert all("cordon/hv1" in step["needs"] for step in steps[1:])


def test_nothing_else_that_is_pending_is_done(reconcile: Reconcile, spread_out: Directory) -> None:
    spread_out.edit("shop.yaml", "replicas: 1", "replicas: 2")
    answer = reconcile("drain", "hv1", spread_out, "--yes", "-o", "json")
    assert answer.code == 0
    assert "create/shop-web-1" not in ids(answer)


def test_who_is_to_be_changed_first_is_named(reconcile: Reconcile, spread_out: Directory) -> None:
    spread_out.edit("shop.yaml", "cpus: 1", "cpus: 2")
    answer = reconcile("drain", "hv1", spread_out, "--yes", "-o", "json")
    assert (answer.code, migrated(answer)) == (4, {"shop-db-0"})
    assert blocked(answer)["shop-web-0"]["hv1"] == "update restart comes first: apply, and drain again"
    assert reconcile("apply", spread_out, "--yes").code == 0
    assert reconcile("apply", spread_out, "--yes").code == 0
    assert "hv1" not in where(reconcile, spread_out).values()


def test_who_finds_no_other_place_is_named_with_every_refusal(
    reconcile: Reconcile, spread_out: Directory
) -> None:
    assert reconcile("cordon", "hv2", spread_out, "--reason", "fire").code == 0
    assert reconcile("cordon", "hv3", spread_out).code == 0
    answer = reconcile("drain", "hv1", spread_out, "--yes", "-o", "json")
    assert (answer.code, ids(answer)) == (4, ["cordon/hv1"])
    assert set(blocked(answer)) == {"shop-db-0", "shop-web-0"}
    assert blocked(answer)["shop-db-0"]["hv2"].endswith(": fire")


def test_who_is_evicted_by_a_stop_stays_down_until_the_host_is_taken_back(
    reconcile: Reconcile, spread_out: Directory
) -> None:
    spread_out.edit("shop.yaml", "placement: {anti_affinity: host}", "placement: {evict: stop}")
    answer = reconcile("drain", "hv1", spread_out, "--yes", "-o", "json")
    assert answer.code == 0
    assert "stop/shop-web-0" in ids(answer)
    assert "shop-web-0" not in where(reconcile, spread_out)
    assert reconcile("plan", spread_out, "--detailed-exitcode").code == 0
    assert reconcile("uncordon", "hv1", spread_out).code == 0
    assert reconcile("apply", spread_out, "--yes").code == 0
    assert where(reconcile, spread_out)["shop-web-0"] == "hv1"


def test_who_had_to_leave_comes_home_where_the_cluster_says_so(
    reconcile: Reconcile, spread_out: Directory
) -> None:
    spread_out.edit("fleet.yaml", "hosts:\n", "clusters: {default: {return_home: true}}\nhosts:\n")
    before = where(reconcile, spread_out)
    assert reconcile("drain", "hv1", spread_out, "--yes").code == 0
    assert reconcile("uncordon", "hv1", spread_out).code == 0
    plan = reconcile("plan", spread_out)
    assert "hv1 is its home" in plan.out
    assert reconcile("apply", spread_out, "--yes").code == 0
    assert where(reconcile, spread_out) == before
    assert reconcile("plan", spread_out, "--detailed-exitcode").code == 0


def test_who_had_to_leave_stays_away_unless_the_cluster_says_so(
    reconcile: Reconcile, spread_out: Directory
) -> None:
    assert reconcile("drain", "hv1", spread_out, "--yes").code == 0
    assert reconcile("uncordon", "hv1", spread_out).code == 0
    assert reconcile("plan", spread_out, "--detailed-exitcode").code == 0


def test_who_was_moved_by_hand_meanwhile_has_another_home(
    reconcile: Reconcile, spread_out: Directory
) -> None:
    spread_out.edit("fleet.yaml", "hosts:\n", "clusters: {default: {return_home: true}}\nhosts:\n")
    assert reconcile("drain", "hv1", spread_out, "--yes").code == 0
    refuge = where(reconcile, spread_out)["shop-db-0"]
    other = "hv3" if refuge == "hv2" else "hv2"
    assert reconcile("migrate", "shop-db-0", spread_out, "--to", other, "--yes").code == 0
    assert reconcile("uncordon", "hv1", spread_out).code == 0
    assert reconcile("apply", spread_out, "--yes").code == 0
    assert where(reconcile, spread_out) == {"shop-db-0": other, "shop-web-0": "hv1"}


def test_a_drain_asks_and_does_nothing_without_a_terminal(
    reconcile: Reconcile, spread_out: Directory
) -> None:
    answer = reconcile("drain", "hv1", spread_out)
    assert answer.code == 64
    assert "--yes" in answer.err
    assert reconcile("drain", "hv9", spread_out, "--yes").code == 3
    assert reconcile("drain", "hv1", spread_out, "--yes", "--reason", "a\nb").code == 3


def cut_off(directory: Directory, name: str, source: str, destination: str) -> None:
    """What a controller leaves that is killed when a migration has just begun."""
    store = Store(directory.path / ".reconciler", HostName(source), read_only=False)
    domain = store.look().named(name)
    assert domain is not None and domain.mark is not None
    journey = Journey(HostName(source), HostName(destination))
    store.change(Define(replace(domain, mark=replace(domain.mark, journey=journey))), Resources())


def test_a_drain_that_was_killed_is_finished_by_the_next(reconcile: Reconcile, spread_out: Directory) -> None:
    cut_off(spread_out, "shop-db-0", "hv1", "hv3")
    answer = reconcile("drain", "hv1", spread_out, "--yes", "-o", "json")
    assert answer.code == 0
    assert ids(answer).index("settle/shop-db-0") < ids(answer).index("migrate/shop-db-0")
    assert "hv1" not in where(reconcile, spread_out).values()


def test_a_drain_that_could_not_be_finished_is_by_watch(reconcile: Reconcile, spread_out: Directory) -> None:
    for host in ("hv2", "hv3"):
        assert reconcile("cordon", host, spread_out).code == 0
    assert reconcile("drain", "hv1", spread_out, "--yes").code == 4
    assert reconcile("uncordon", "hv2", spread_out).code == 0
    spread_out.edit("shop.yaml", "replicas: 1", "replicas: 2")
    spread_out.edit("shop.yaml", "placement: {anti_affinity: host}", "placement: {}")
    with watching(spread_out) as watcher:
        watcher.hear("step=migrate/shop-db-0")
        watcher.hear("step=migrate/shop-web-0")
        watcher.hear("carried out")
        assert watcher.end(signal.SIGTERM) == 0
    assert where(reconcile, spread_out) == dict.fromkeys(("shop-db-0", "shop-web-0", "shop-web-1"), "hv2")
