"""A real host is emptied while its machines run on, and they come back home; from the command line."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .boot_sector import BANNER, boot_sector_image
from .desk import Desk, clean, image_yaml
from .hosts import Host, wait_until
from .laboratory import Laboratory

_SERVICE = """\
apiVersion: reconciler/v1
kind: Service
name: shop
networks:
  back: {libvirt_network: lab}
defaults:
  image: sector
  resources: {cpus: 1, memory: 32MiB}
  disks: {root: 20MiB}
  networks: [back]
components:
  app: {replicas: 2}
  web: {placement: {evict: stop}}
"""
_MOVERS = ("shop-app-0", "shop-app-1")
_SITTER = "shop-web-0"


@pytest.fixture
def desk(laboratory: Laboratory, tmp_path: Path) -> Iterator[Desk]:
    for host in laboratory.hosts:
        clean(host)
    sector = boot_sector_image(tmp_path / "sector.qcow2", heeds_button=True)
    directory = tmp_path / "services"
    directory.mkdir()
    cluster = "clusters: {default: {return_home: true}}\nlimits: {migrations: {per_host: 1}}\n"
    (directory / "fleet.yaml").write_text(laboratory.fleet_yaml() + cluster)
    (directory / "images.yaml").write_text(image_yaml([sector]))
    (directory / "shop.yaml").write_text(_SERVICE)
    yield Desk(laboratory, directory)
    for host in laboratory.hosts:
        clean(host)


def beat(name: str, host: Host) -> int:
    """The number of the last heartbeat that was heard of a guest there."""
    numbers = re.findall(r"beat (\d+)", host.serial(name))
    return int(numbers[-1]) if numbers else 0


def beats_on(name: str, host: Host, *, after: int) -> None:
    """Its heart goes on there, from where it was."""
    wait_until(lambda: beat(name, host) > after, what=f"the heart of {name} on {host.name}", within=30)


def runs(host: Host) -> set[str]:
    return set(host.virsh("list", "--state-running", "--name").split())


def silent(names: tuple[str, ...], host: Host) -> None:
    """No heart beats there."""
    before = [beat(name, host) for name in names]
    time.sleep(1.5)
    assert [beat(name, host) for name in names] == before


def test_a_drained_host_empties_live_and_its_machines_come_back_home(desk: Desk) -> None:
    home, refuge = desk.lab.hosts
    # Nothing new goes where a cordon hangs, so all begin on the other.
    assert desk.reconcile("cordon", "--reason", "new memory: $(id)", about=refuge.name)[0] == 0
    assert desk.reconcile("apply", "--yes")[0] == 0
    assert runs(home) == {*_MOVERS, _SITTER}
    assert desk.reconcile("uncordon", about=refuge.name)[0] == 0
    for name in _MOVERS:
        beats_on(name, home, after=0)

    code, report = desk.reconcile("drain", "--yes", "--reason", "new memory", about=home.name)
    assert (code, report["blocked"]) == (0, []), report
    assert report["steps"][0]["id"] == f"cordon/{home.name}"
    assert (runs(home), runs(refuge)) == (set(), set(_MOVERS))
    heard = {name: beat(name, home) for name in _MOVERS}
    for name in _MOVERS:
        beats_on(name, refuge, after=heard[name])
        assert BANNER not in refuge.serial(name), "it started again"
    silent(_MOVERS, home)
    # What was shut down stays down, and nothing is brought back while the cordon hangs.
    assert desk.deeds() == set()

    assert desk.reconcile("uncordon", about=home.name)[0] == 0
    heard = {name: beat(name, refuge) for name in _MOVERS}
    code, report = desk.reconcile("apply", "--yes")
    assert code == 0, report
    assert (runs(home), runs(refuge)) == ({*_MOVERS, _SITTER}, set())
    for name in _MOVERS:
        beats_on(name, home, after=heard[name])
    silent(_MOVERS, refuge)
    assert desk.deeds() == set()
