"""The main job on real hosts, from the command line alone, over SSH."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .boot_sector import BANNER, boot_sector_image
from .desk import Desk, image_yaml, set_up
from .domains import domain_xml
from .guest import Guest
from .hosts import wait_until
from .laboratory import Laboratory

_FOREIGN = "somebody-elses"

_SERVICE = """\
apiVersion: reconciler/v1
kind: Service
name: shop
networks:
  front: {bridge: br-lab}
  back: {libvirt_network: lab}
components:
  db:
    image: sector
    resources: {cpus: 1, memory: 32MiB}
    disks: {root: 20MiB, data: {size: 8MiB, on_delete: retain}}
    networks: [back]
  app:
    image: guest
    replicas: 2
    depends_on: [db]
    resources: {cpus: 1, memory: 96MiB}
    networks: [back]
    environment: {GREETING: hello}
    placement: {anti_affinity: host}
  web:
    image: guest
    depends_on: [app]
    resources: {cpus: 1, memory: 96MiB}
    disks: {scratch: 8MiB}
    networks: [front, back]
    placement: {require: ['host.labels.rack == "r2"']}
"""


def _foreign_xml(lab: Laboratory) -> list[str]:
    return [host.virsh("dumpxml", "--inactive", _FOREIGN) for host in lab.hosts]


@pytest.fixture
def desk(laboratory: Laboratory, guest: Guest, tmp_path: Path) -> Iterator[Desk]:
    sector = boot_sector_image(tmp_path / "sector.qcow2", heeds_button=True)
    with set_up(laboratory, tmp_path, _SERVICE, image_yaml([sector], guest)) as desk:
        for host in laboratory.hosts:
            host.define(domain_xml(_FOREIGN))
        yield desk


def _booted(desk: Desk) -> None:
    """Every guest's own serial port says that it is up."""
    for name, host in desk.whereabouts().items():
        sign = BANNER if "-db-" in name else "RECONCILER-GUEST-UP"
        wait_until(lambda h=host, n=name, s=sign: s in h.serial(n), what=f"{name} to boot", within=60)  # type: ignore[misc]


def test_a_service_of_three_components_lives_its_life_on_two_real_hosts(desk: Desk) -> None:
    foreign = _foreign_xml(desk.lab)
    code, report = desk.reconcile("apply", "--yes")
    assert code == 0, report
    _booted(desk)
    homes = desk.whereabouts()
    assert homes["shop-app-0"] is not homes["shop-app-1"]
    assert homes["shop-web-0"].name == "hv2"
    assert "SEED shop-app-0" in homes["shop-app-0"].serial("shop-app-0")
    assert desk.reconcile("plan", "--detailed-exitcode")[0] == 0

    desk.edit("image: guest\n    replicas: 2", "image: guest\n    replicas: 1")
    desk.edit("{cpus: 1, memory: 32MiB}", "{cpus: 2, memory: 48MiB}")
    assert desk.deeds() == {("update_restart", "shop-db-0"), ("destroy", "shop-app-1")}
    code, report = desk.reconcile("apply", "--yes")
    assert code == 0, report
    assert desk.reconcile("plan", "--detailed-exitcode")[0] == 0
    db = desk.whereabouts()["shop-db-0"]
    assert "2" in db.virsh("vcpucount", "shop-db-0", "--live").split()

    web = desk.whereabouts()["shop-web-0"]
    web.virsh("destroy", "shop-web-0")
    assert desk.deeds() == {("start", "shop-web-0")}
    assert desk.reconcile("apply", "--yes")[0] == 0
    assert web.virsh("domstate", "shop-web-0") == "running"

    text = (desk.path / "shop.yaml").read_text()
    without_db = text[: text.index("  db:\n")] + text[text.index("  app:\n") :]
    (desk.path / "shop.yaml").write_text(without_db.replace("    depends_on: [db]\n", ""))
    assert desk.deeds() == {("destroy", "shop-db-0")}
    code, report = desk.reconcile("apply", "--yes")
    assert code == 0, report
    _, status = desk.reconcile("status")
    assert [(disk["instance"], disk["disk"], disk["host"]) for disk in status["retained"]] == [
        ("shop-db-0", "data", db.name)
    ]
    volumes = db.virsh("vol-list", "default")
    assert "lab.shop.db.0.data.qcow2" in volumes
    assert "lab.shop.db.0.root.qcow2" not in volumes
    assert _foreign_xml(desk.lab) == foreign


def test_a_silent_host_harms_only_itself(desk: Desk) -> None:
    assert desk.reconcile("apply", "--yes")[0] == 0
    homes = desk.whereabouts()
    silent, awake = desk.lab.hosts
    lost = {name for name, host in homes.items() if host is silent}
    kept = sorted(name for name, host in homes.items() if host is awake)
    assert lost and kept
    awake.virsh("destroy", kept[0])
    uuids = set(awake.virsh("list", "--all", "--uuid").split())
    silent.stop_daemon()
    try:
        since = time.monotonic()
        code, plan = desk.reconcile("plan")
        assert code == 8
        assert [host["host"] for host in plan["unknown_hosts"]] == [silent.name]
        assert {entry["instance"] for entry in plan["blocked"]} == lost
        code, report = desk.reconcile("apply", "--yes")
        assert code == 8, report
        print(f"plan and apply with one host stopped took {time.monotonic() - since:.1f} s")
    finally:
        silent.continue_daemon()
    assert awake.virsh("domstate", kept[0]) == "running"
    assert set(awake.virsh("list", "--all", "--uuid").split()) == uuids
    assert desk.reconcile("plan", "--detailed-exitcode")[0] == 0
