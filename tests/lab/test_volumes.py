"""Disks of a real guest, which sees them come, grow and go, and of one that has a snapshot."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from .boot_sector import boot_sector_image
from .desk import Desk, image_yaml, set_up
from .guest import Guest
from .hosts import Host, wait_until
from .laboratory import Laboratory

_SERVICE = """\
apiVersion: reconciler/v1
kind: Service
name: shop
components:
  web:
    image: guest
    resources: {cpus: 1, memory: 96MiB}
    disks: {data: {size: 8MiB, on_delete: retain}}
    placement: {require: ['host.labels.rack == "r1"']}
  db:
    image: sector
    resources: {cpus: 1, memory: 32MiB}
    disks: {root: 20MiB, data: {size: 8MiB, on_delete: retain}}
    placement: {require: ['host.labels.rack == "r1"']}
"""
_POOL = "/var/lib/libvirt/images"


@pytest.fixture
def desk(laboratory: Laboratory, guest: Guest, tmp_path: Path) -> Iterator[Desk]:
    sector = boot_sector_image(tmp_path / "sector.qcow2", heeds_button=True)
    with set_up(laboratory, tmp_path, _SERVICE, image_yaml([sector], guest)) as desk:
        yield desk
        for host in laboratory.hosts:
            for name in host.virsh("list", "--all", "--name").split():
                for snapshot in host.virsh("snapshot-list", name, "--name").split():
                    host.virsh("snapshot-delete", name, snapshot, "--metadata")


def _applied(desk: Desk) -> None:
    code, report = desk.reconcile("apply", "--yes")
    assert code == 0, report
    assert desk.reconcile("plan", "--detailed-exitcode")[0] == 0


def _size(host: Host, volume: str) -> int:
    """Virtual size of a file in the pool, in MiB."""
    said = json.loads(host.run(["qemu-img", "info", "-U", "--output", "json", f"{_POOL}/{volume}"]))
    return int(said["virtual-size"]) // (1024 * 1024)


def _plugged(host: Host, name: str) -> set[str]:
    return {line.split()[1].rpartition(".")[0].rpartition(".")[2] for line in _block_lines(host, name)}


def _block_lines(host: Host, name: str) -> list[str]:
    return [line for line in host.virsh("domblklist", name).splitlines() if "qcow2" in line]


def test_a_guest_sees_disks_grow_come_and_go_and_runs_on(desk: Desk) -> None:
    _applied(desk)
    home = desk.whereabouts()["shop-web-0"]
    wait_until(lambda: "RECONCILER-GUEST-UP" in home.serial("shop-web-0"), what="the guest", within=60)
    pid = home.guest_pid("shop-web-0")

    desk.edit("disks: {data: {size: 8MiB, on_delete: retain}}", "disks: {data: {size: 16MiB}, more: 8MiB}")
    assert desk.deeds() == {("update_live", "shop-web-0")}
    _applied(desk)
    assert _size(home, "lab.shop.web.0.data.qcow2") == 16
    assert _plugged(home, "shop-web-0") == {"data", "more"}

    desk.edit("data: {size: 16MiB}, more: 8MiB", "data: {size: 16MiB, on_delete: retain}")
    assert desk.deeds() == {("update_live", "shop-web-0")}
    _applied(desk)
    assert _plugged(home, "shop-web-0") == {"data"}
    assert "lab.shop.web.0.more.qcow2" not in home.run(["ls", _POOL])
    assert home.guest_pid("shop-web-0") == pid, "the guest was restarted"


def test_a_retained_disk_is_listed_and_taken_up_again_by_the_same_instance(desk: Desk) -> None:
    _applied(desk)
    home = desk.whereabouts()["shop-db-0"]
    inode = home.path(f"{_POOL}/lab.shop.db.0.data.qcow2").stat().st_ino
    text = (desk.path / "shop.yaml").read_text()
    desk.write("shop.yaml", text[: text.index("  db:\n")])
    _applied(desk)
    _, status = desk.reconcile("status")
    (kept,) = status["retained"]
    of = {"instance": "shop-db-0", "disk": "data", "size_mib": 8, "pool": "default"}
    assert kept == {"host": home.name, **of}
    desk.write("shop.yaml", text)
    _applied(desk)
    assert home.path(f"{_POOL}/lab.shop.db.0.data.qcow2").stat().st_ino == inode
    assert desk.reconcile("status")[1]["retained"] == []


def test_a_machine_with_an_external_snapshot_is_held_until_it_is_merged(desk: Desk) -> None:
    _applied(desk)
    home = desk.whereabouts()["shop-db-0"]
    home.virsh("snapshot-create-as", "shop-db-0", "before", "--disk-only")
    over = home.virsh("domblklist", "shop-db-0")
    assert ".before" in over
    assert desk.reconcile("plan", "--detailed-exitcode")[0] == 0

    desk.edit("{cpus: 1, memory: 32MiB}", "{cpus: 2, memory: 32MiB}")
    code, plan = desk.reconcile("plan")
    assert code == 4
    (held,) = plan["blocked"]
    assert (held["instance"], held["kind"], plan["steps"]) == ("shop-db-0", "in-doubt", [])
    assert ".before (a snapshot?)" in held["refusals"][home.name]
    code, _ = desk.reconcile("apply", "--yes")
    assert code == 4
    assert home.virsh("domblklist", "shop-db-0") == over
    assert home.virsh("domblklist", "shop-db-0", "--inactive") == over

    for target in (line.split()[0] for line in over.splitlines() if ".before" in line):
        # Only down to the volume: the base image below the root is not this machine's alone.
        home.virsh("blockcommit", "shop-db-0", target, "--shallow", "--active", "--pivot", "--wait")
    _applied(desk)
    assert "2" in home.virsh("vcpucount", "shop-db-0", "--live").split()
