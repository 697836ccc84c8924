"""Devices are counted: who asks for one that no host has left is told so, wherever amounts are told."""

from __future__ import annotations

from typing import Any, cast

import pytest

from tests.cli.conftest import Directory, Reconcile


@pytest.fixture
def equipped(directory: Directory) -> Directory:
    """Two graphics cards in one host, and three machines that want one each."""
    directory.edit("fleet.yaml", "labels: {rack: r2}", "labels: {rack: r2}, devices: {gpu: 2}")
    directory.edit("shop.yaml", "    placement: {anti_affinity: host}", "    devices: {gpu: 1}")
    directory.edit("shop.yaml", "replicas: 2", "replicas: 3")
    return directory


def test_who_finds_no_device_is_told_which_one(reconcile: Reconcile, equipped: Directory) -> None:
    assert reconcile("apply", equipped, "--yes").code == 4
    blocked = cast("list[dict[str, Any]]", reconcile("plan", equipped, "-o", "json").json["blocked"])
    lacks = "needs 1 gpu, 0 free"
    assert [(each["instance"], each["refusals"]) for each in blocked] == [
        ("shop-web-2", {"hv1": lacks, "hv2": lacks})
    ]
    assert (blocked[0]["counts"], blocked[0]["conflict"]) == ({"gpu": 2}, ["gpu"])
    assert lacks in reconcile("explain", "shop-web-2", equipped).out
    capacity = reconcile("capacity", equipped, "--like", "web", "-o", "json").json
    assert (capacity["count"], capacity["reasons"]) == (0, {"needs 1 gpu": 2})
    lost = reconcile("whatif", equipped, "--without", "hv2")
    assert (lost.code, lacks in lost.out) == (4, True)


def test_hosts_shows_what_is_left_of_them(reconcile: Reconcile, equipped: Directory) -> None:
    assert reconcile("apply", equipped, "--yes").code == 4
    lines = reconcile("hosts", equipped).out.splitlines()
    assert "FREE DEVICES" in lines[0]
    assert "0 of 2 gpu" in lines[2]
    hosts = cast("list[dict[str, Any]]", reconcile("hosts", equipped, "-o", "json").json["hosts"])
    assert [each["room"]["usable"]["devices"] for each in hosts] == [{}, {"gpu": 2}]
    assert [each["room"]["ours"]["devices"] for each in hosts] == [{}, {"gpu": 2}]


def test_a_fleet_without_devices_is_shown_without_them(reconcile: Reconcile, directory: Directory) -> None:
    assert "DEVICES" not in reconcile("hosts", directory).out


def test_what_runs_is_given_one_more_while_it_runs_if_there_is_one(
    reconcile: Reconcile, equipped: Directory
) -> None:
    equipped.edit("shop.yaml", "replicas: 3", "replicas: 1")
    assert reconcile("apply", equipped, "--yes").code == 0
    equipped.edit("shop.yaml", "devices: {gpu: 1}", "devices: {gpu: 2}")
    answer = reconcile("apply", equipped, "--yes")
    assert "devices.gpu: 1 -> 2 (shop.yaml:" in answer.out
    assert (answer.code, "1 update live" in answer.out) == (0, True)
    equipped.edit("shop.yaml", "devices: {gpu: 2}", "devices: {gpu: 3}")
    answer = reconcile("apply", equipped, "--yes")
    assert (answer.code, "no room to grow: needs 1 gpu, 0 free" in answer.out) == (4, True)
    equipped.edit("shop.yaml", "    devices: {gpu: 3}\n", "")
    assert reconcile("apply", equipped, "--yes").code == 0
    assert "2 of 2 gpu" in reconcile("hosts", equipped).out


def test_nobody_is_moved_to_where_no_device_is_left(reconcile: Reconcile, equipped: Directory) -> None:
    assert reconcile("apply", equipped, "--yes").code == 4
    answer = reconcile("drain", "hv2", equipped, "--yes")
    assert (answer.code, answer.out.count("hv1: needs 1 gpu, 0 free")) == (4, 4)
    assert "needs 1 gpu, 0 free" in reconcile("migrate", "shop-web-0", "--to", "hv1", equipped, "--yes").out
