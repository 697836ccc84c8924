"""``reconcile rebalance``: what runs moves where its cluster's policy gains by it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from tests.cli.conftest import Answer, Directory, Reconcile

FLEET = """\
apiVersion: reconciler/v1
kind: Fleet
name: lab
clusters:
  default: {policy: balance}
hosts:
  hv1: {connect: "sim://", capacity: {cpus: 16, memory: 32GiB, disk: 400GiB}}
  hv2: {connect: "sim://", capacity: {cpus: 16, memory: 32GiB, disk: 400GiB}}
  hv3: {connect: "sim://", capacity: {cpus: 16, memory: 32GiB, disk: 400GiB}}
"""
SERVICE = """\
apiVersion: reconciler/v1
kind: Service
name: shop
networks:
  lan: {bridge: br0}
defaults: {image: debian-12}
components:
  web:
    replicas: 6
    resources: {cpus: 2, memory: 2GiB}
    disks: {root: 10GiB}
    networks: [lan]
"""


@pytest.fixture
def crowded(reconcile: Reconcile, directory: Directory) -> Directory:
    """Six machines, all of them on hv1, and two hosts that are empty."""
    directory.write("fleet.yaml", FLEET)
    directory.write("shop.yaml", SERVICE)
    for host in ("hv2", "hv3"):
        assert reconcile("cordon", host, directory).code == 0
    assert reconcile("apply", directory, "--yes").code == 0
    for host in ("hv2", "hv3"):
        assert reconcile("uncordon", host, directory).code == 0
    return directory


def spread(reconcile: Reconcile, directory: Directory) -> dict[str, int]:
    rows = cast("list[dict[str, Any]]", reconcile("hosts", directory, "-o", "json").json["hosts"])
    return {row["host"]: row["instances"] for row in rows}


def gain(answer: Answer) -> dict[str, Any]:
    return cast("dict[str, Any]", answer.json["gain"])


def test_a_crowded_host_shares_with_the_others_and_then_all_is_calm(
    reconcile: Reconcile, crowded: Directory
) -> None:
    answer = reconcile("rebalance", crowded, "--yes")
    assert answer.code == 0
    assert "balances default" in answer.out
    assert "Gain: 4 moves" in answer.out
    assert spread(reconcile, crowded) == {"hv1": 2, "hv2": 2, "hv3": 2}
    assert reconcile("plan", crowded, "--detailed-exitcode").code == 0
    again = reconcile("rebalance", crowded, "--yes")
    assert again.code == 0
    assert "No move is worth it" in again.out


def test_no_more_instances_move_than_are_allowed(reconcile: Reconcile, crowded: Directory) -> None:
    assert reconcile("rebalance", crowded, "--yes", "--max-moves", "1").code == 0
    assert spread(reconcile, crowded)["hv1"] == 5
    assert reconcile("rebalance", crowded, "--yes", "--max-moves", "0").code == 0
    assert spread(reconcile, crowded)["hv1"] == 5


def test_the_gain_is_shown_without_moving_anybody(reconcile: Reconcile, crowded: Directory) -> None:
    answer = reconcile("rebalance", crowded, "--dry-run", "-o", "json")
    assert answer.code == 0
    (cluster,) = gain(answer)["clusters"]
    assert cluster["score_after"] < cluster["score_before"]
    assert (gain(answer)["moves"], gain(answer)["mib"]) == (4, 4 * (2048 + 10240))
    assert gain(answer)["seconds"] > 0
    done: set[str] = set()
    for step in cast("list[dict[str, Any]]", answer.json["steps"]):
        assert done.issuperset(step["needs"]), f"{step['id']} comes before what it needs"
        done.add(step["id"])
    assert cast("dict[str, Any]", answer.json["predicted"])["mib"] == gain(answer)["mib"]
    assert spread(reconcile, crowded)["hv1"] == 6


def test_the_gain_stands_beside_what_became_of_the_moves(reconcile: Reconcile, crowded: Directory) -> None:
    assert gain(reconcile("rebalance", crowded, "--yes", "-o", "json"))["moves"] == 4
    assert gain(reconcile("rebalance", crowded, "--yes", "-o", "json"))["moves"] == 0


def test_a_recorded_fleet_is_rebalanced_on_paper(
    reconcile: Reconcile, crowded: Directory, tmp_path: Path
) -> None:
    recording = tmp_path / "snapshot.json"
    recording.write_text(reconcile("snapshot", crowded).out)
    assert gain(reconcile("rebalance", crowded, "--snapshot", recording, "-o", "json"))["moves"] == 4


def test_hosts_are_emptied_where_the_policy_is_to_consolidate(
    reconcile: Reconcile, crowded: Directory
) -> None:
    assert reconcile("rebalance", crowded, "--yes").code == 0
    crowded.edit("fleet.yaml", "policy: balance", "policy: consolidate, hold: 0s")
    answer = reconcile("rebalance", crowded, "--yes")
    assert answer.code == 0
    assert "hosts in use 3 -> 1" in answer.out
    assert "emptied: " in answer.out
    assert sorted(spread(reconcile, crowded).values()) == [0, 0, 6]


def test_a_fixed_cluster_stays_as_it_is(reconcile: Reconcile, crowded: Directory) -> None:
    crowded.edit("fleet.yaml", "policy: balance", "policy: fixed")
    assert reconcile("rebalance", crowded, "--yes").code == 0
    assert spread(reconcile, crowded)["hv1"] == 6


def test_hosts_are_not_packed_so_full_that_one_may_no_longer_die(
    reconcile: Reconcile, crowded: Directory
) -> None:
    crowded.edit("shop.yaml", "{cpus: 2, memory: 2GiB}", "{cpus: 2, memory: 4GiB}")
    assert reconcile("apply", crowded, "--yes").code == 0
    assert reconcile("rebalance", crowded, "--yes").code == 0
    crowded.edit("fleet.yaml", "{policy: balance}", "{policy: consolidate, reserve: {hosts: 1}}")
    answer = reconcile("rebalance", crowded, "--dry-run", "-o", "json")
    (cluster,) = gain(answer)["clusters"]
    assert cluster["exposed_after"] <= cluster["exposed_before"]


def test_nothing_comes_to_a_cordoned_host(reconcile: Reconcile, crowded: Directory) -> None:
    assert reconcile("cordon", "hv3", crowded).code == 0
    assert reconcile("rebalance", crowded, "--yes").code == 0
    assert spread(reconcile, crowded) == {"hv1": 3, "hv2": 3, "hv3": 0}


def test_who_was_moved_a_short_while_ago_stays_where_it_is(reconcile: Reconcile, crowded: Directory) -> None:
    assert reconcile("migrate", "shop-web-3", "--to", "hv2", crowded, "--yes").code == 0
    crowded.edit("fleet.yaml", "policy: balance", "policy: consolidate")
    looked = reconcile("rebalance", crowded, "--dry-run")
    assert looked.code == 0
    assert "moved lately, and held where they are: shop-web-3 (until 20" in looked.out
    assert reconcile("rebalance", crowded, "--yes", "-o", "json").code == 0
    assert spread(reconcile, crowded) == {"hv1": 0, "hv2": 6, "hv3": 0}


def test_a_rebalance_moves_nobody_twice_and_says_who_is_held(
    reconcile: Reconcile, crowded: Directory
) -> None:
    assert reconcile("rebalance", crowded, "--yes").code == 0
    crowded.edit("fleet.yaml", "policy: balance", "policy: consolidate")
    answer = reconcile("rebalance", crowded, "--yes", "-o", "json")
    assert (answer.code, gain(answer)["moves"]) == (0, 2)
    assert "held where they are: 4 instances (the first until 20" in gain(answer)["notes"][0]
    assert sorted(spread(reconcile, crowded).values()) == [0, 2, 4]


def test_a_hold_of_nothing_holds_nobody_and_nothing_but_a_rebalance_asks_for_it(
    reconcile: Reconcile, crowded: Directory
) -> None:
    assert reconcile("migrate", "shop-web-3", "--to", "hv2", crowded, "--yes").code == 0
    crowded.edit("fleet.yaml", "policy: balance", "policy: consolidate, hold: 0s")
    answer = reconcile("rebalance", crowded, "--dry-run", "-o", "json")
    assert (gain(answer)["moves"], gain(answer)["notes"]) == (1, [])
    crowded.edit("fleet.yaml", ", hold: 0s", ", hold: 24h")
    assert reconcile("drain", "hv2", crowded, "--yes").code == 0
    assert spread(reconcile, crowded)["hv2"] == 0


def test_a_recorded_fleet_does_not_know_who_was_moved(
    reconcile: Reconcile, crowded: Directory, tmp_path: Path
) -> None:
    assert reconcile("rebalance", crowded, "--yes").code == 0
    crowded.edit("fleet.yaml", "policy: balance", "policy: consolidate")
    recording = tmp_path / "snapshot.json"
    recording.write_text(reconcile("snapshot", crowded).out)
    answer = reconcile("rebalance", crowded, "--snapshot", recording, "-o", "json")
    assert (gain(answer)["moves"], gain(answer)["notes"]) == (4, [])


def test_without_a_terminal_nothing_is_moved_unasked(reconcile: Reconcile, crowded: Directory) -> None:
    assert reconcile("rebalance", crowded).code == 64
    assert spread(reconcile, crowded)["hv1"] == 6
