"""A disk lies in the pool that it names: on a host that has it, and whoever has not is told of."""

from __future__ import annotations

from typing import Any, cast

import pytest

from tests.cli.conftest import Directory, Reconcile

_LACKS = "has no storage pool nvme"


@pytest.fixture
def split(directory: Directory) -> Directory:
    """hv2 alone has another pool, in which the database keeps its data."""
    directory.edit(
        "fleet.yaml",
        "disk: 200GiB}, labels: {rack: r2}",
        "disk: 200GiB, pools: {nvme: 50GiB}}, labels: {rack: r2}",
    )
    directory.edit("shop.yaml", "on_delete: retain}", "on_delete: retain, pool: nvme}")
    return directory


def refusals(reconcile: Reconcile, directory: Directory) -> dict[str, str]:
    """Of the database, by host."""
    plan = reconcile("plan", directory, "-o", "json").json
    blocked = cast("list[dict[str, Any]]", plan["blocked"])
    return {
        host: why
        for each in blocked
        if each["instance"] == "shop-db-0"
        for host, why in each["refusals"].items()
    }


def test_a_disk_goes_where_its_pool_is(reconcile: Reconcile, split: Directory) -> None:
    assert reconcile("apply", split, "--yes").code == 0
    hosts = cast("list[dict[str, Any]]", reconcile("hosts", split, "-o", "json").json["hosts"])
    assert [each["room"]["usable"]["pools"] for each in hosts] == [{}, {"nvme": 50 * 1024}]
    assert [each["room"]["ours"]["pools"] for each in hosts] == [{}, {"nvme": 20 * 1024}]
    assert "30 GiB of 50 GiB nvme" in reconcile("hosts", split).out
    assert "DEVICES" not in reconcile("hosts", split).out
    assert reconcile("plan", split, "--detailed-exitcode").code == 0
    drained = reconcile("drain", "hv2", split, "--yes")
    assert (drained.code, f"hv1: {_LACKS}" in drained.out) == (4, True)


def test_who_finds_no_room_in_a_pool_is_told_how_much_there_is(
    reconcile: Reconcile, split: Directory
) -> None:
    split.edit("shop.yaml", "size: 20GiB", "size: 60GiB")
    assert refusals(reconcile, split) == {
        "hv1": _LACKS,
        "hv2": "needs 60 GiB of pool nvme, 50 GiB free",
    }
    assert "with 10 GiB less of pool nvme it would fit on hv2" in reconcile("explain", "shop-db-0", split).out
    answer = reconcile("capacity", split, "--like", "db", "-o", "json").json
    assert cast("dict[str, int]", answer["reasons"]) == {_LACKS: 1, "needs 60 GiB of pool nvme": 1}


def test_a_disk_is_not_moved_to_another_pool(reconcile: Reconcile, split: Directory) -> None:
    assert reconcile("apply", split, "--yes").code == 0
    split.edit("shop.yaml", ", pool: nvme", "")
    answer = reconcile("plan", split)
    assert "disk data: it stays in pool nvme, and is not moved to pool default" in answer.out


def test_a_disk_that_was_kept_is_listed_with_its_pool_and_taken_up_only_there(
    reconcile: Reconcile, split: Directory
) -> None:
    assert reconcile("apply", split, "--yes").code == 0
    split.edit("shop.yaml", "  db:\n", "  db:\n    replicas: 0\n")
    assert reconcile("apply", split, "--yes").code == 0
    status = reconcile("status", split, "-o", "json").json
    (disk,) = cast("list[dict[str, Any]]", status["retained"])
    assert (disk["instance"], disk["disk"], disk["host"], disk["pool"]) == (
        "shop-db-0",
        "data",
        "hv2",
        "nvme",
    )
    assert "on hv2 in pool nvme (20480 MiB)" in reconcile("status", split).out

    split.edit("shop.yaml", "    replicas: 0\n", "")
    split.edit("shop.yaml", ", pool: nvme", "")
    assert refusals(reconcile, split)["hv2"].startswith("keeps its disk data in pool nvme: write pool: nvme")
    split.edit("shop.yaml", "on_delete: retain}", "on_delete: retain, pool: nvme}")
    assert reconcile("apply", split, "--yes").code == 0
    assert cast("list[object]", reconcile("status", split, "-o", "json").json["retained"]) == []


def test_who_has_a_disk_of_its_own_beside_a_shared_pool_stays(reconcile: Reconcile, split: Directory) -> None:
    split.edit("fleet.yaml", "disk: 200GiB},", "disk: 200GiB, pools: {nvme: 50GiB}},")
    split.edit("fleet.yaml", '"sim://", ', '"sim://", storage: san1, ')
    assert reconcile("apply", split, "--yes").code == 0
    home = next(
        each["host"]
        for each in cast("list[dict[str, Any]]", reconcile("status", split, "-o", "json").json["instances"])
        if each["instance"] == "shop-db-0"
    )
    other = "hv2" if home == "hv1" else "hv1"
    why = f"shares storage san1 with {home}, so that no disk is copied, and its disk data is in pool nvme"
    assert why in reconcile("drain", home, split, "--yes").out
    assert reconcile("uncordon", home, split).code == 0
    assert why in reconcile("migrate", "shop-db-0", "--to", other, split, "--yes").out


def test_more_than_there_is_of_a_pool_is_not_reserved(reconcile: Reconcile, split: Directory) -> None:
    split.edit("fleet.yaml", "labels: {rack: r2}", "labels: {rack: r2}, reserve: {pools: {nvme: 60GiB}}")
    answer = reconcile("validate", split)
    assert (answer.code, "more nvme is reserved than the host gives out" in answer.err) == (3, True)
