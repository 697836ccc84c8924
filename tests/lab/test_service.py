"""A service of three components on three real hosts, from nothing, from the command line alone.

Its machines boot from an image that was transferred, know their addresses and their peers, and talk
across hosts over a network that was made for them.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .desk import Desk, image_yaml, set_up
from .disk_guest import disk_guest
from .factory import Factory
from .guest import Guest
from .hosts import wait_until
from .laboratory import enter_network

_SERVICE = """\
apiVersion: reconciler/v1
kind: Service
name: shop
networks:
  front: {bridge: br-lab}
  back: {cidr: 10.42.0.0/24}
defaults:
  image: one
  resources: {cpus: 1, memory: 96MiB}
components:
  db:
    replicas: 2
    disks: {root: 96MiB, data: {size: 16MiB, on_delete: retain}}
    networks: {back: {addresses: [10.42.0.10, 10.42.0.11]}}
    placement: {anti_affinity: host}
    healthcheck: {tcp: 80, interval: 1s, retries: 60, start_period: 60s}
    environment: {LAB_FETCH: 'http://${{ components.web.addresses[0] }}/'}
    protect: true
  app:
    depends_on: {db: healthy}
    disks: {root: 96MiB}
    networks: [back]
    healthcheck: {http: ':80/', interval: 1s, retries: 60, start_period: 60s}
  web:
    depends_on: {app: healthy}
    disks: {root: 96MiB}
    networks: [front, back]
    placement: {require: ['host.name == "hv3"']}
    environment:
      LAB_FETCH: 'http://${{ components.db.addresses[0] }}/ http://${{ components.app.addresses[0] }}/'
"""
_MOST_SECONDS = 180


@pytest.fixture
def desk(laboratory_factory: Factory, guest: Guest, tmp_path: Path) -> Iterator[Desk]:
    lab = laboratory_factory(hosts=3)
    try:
        images = image_yaml([_named(guest, tmp_path)])
        with enter_network(lab), set_up(lab, tmp_path, _SERVICE, images) as desk:
            yield desk
    finally:
        lab.down()


def _named(guest: Guest, directory: Path) -> Path:
    """The image under a file name that is an image's name."""
    file = directory / "one.qcow2"
    file.symlink_to(disk_guest(guest, "one"))
    return file


def _said(desk: Desk, name: str, line: str) -> None:
    host = desk.whereabouts()[name]
    wait_until(lambda: line in host.serial(name), what=f"{line!r} from {name}", within=60)


def test_a_service_comes_up_from_nothing_and_its_guests_talk_across_hosts(desk: Desk) -> None:
    since = time.monotonic()
    code, report = desk.reconcile("apply", "--yes")
    assert code == 0, report
    homes = {name: host.name for name, host in desk.whereabouts().items()}
    assert homes["shop-web-0"] == "hv3" and len({homes["shop-db-0"], homes["shop-db-1"]}) == 2
    away = next(name for name in ("shop-db-0", "shop-db-1") if homes[name] != "hv3")

    _said(desk, "shop-web-0", "FETCHED 2 shop-db-0 shop-app-0")
    _said(desk, away, "FETCHED 1 shop-web-0")
    print(f"from nothing to HTTP between guests: {time.monotonic() - since:.0f} s (goal: {_MOST_SECONDS})")
    assert desk.reconcile("plan", "--detailed-exitcode")[0] == 0
