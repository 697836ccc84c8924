"""Segments of a service's own, over real hosts: made, mended, and taken away, from the command line alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from .desk import Desk, clean, image_yaml
from .guest import Guest
from .hosts import Host, wait_until
from .laboratory import Laboratory

_SERVICE = """\
apiVersion: reconciler/v1
kind: Service
name: shop
networks:
  back: {cidr: 10.42.0.0/24}
components:
  db:
    image: guest
    resources: {cpus: 1, memory: 96MiB}
    networks: {back: {addresses: [10.42.0.10]}}
    environment: {LAB_FETCH: "http://10.42.0.1/"}
    placement: {require: ['host.labels.rack == "r1"']}
  web:
    image: guest
    resources: {cpus: 1, memory: 96MiB}
    networks: [back]
    environment: {LAB_FETCH: "http://10.42.0.10/"}
    placement: {require: ['host.labels.rack == "r2"']}
"""


@pytest.fixture
def desk(laboratory: Laboratory, guest: Guest, tmp_path: Path) -> Iterator[Desk]:
    for host in laboratory.hosts:
        clean(host)
    (tmp_path / "fleet.yaml").write_text(laboratory.fleet_yaml())
    (tmp_path / "images.yaml").write_text(image_yaml([], guest))
    (tmp_path / "shop.yaml").write_text(_SERVICE)
    yield Desk(laboratory, tmp_path)
    for host in laboratory.hosts:
        clean(host)


def _own_links(host: Host) -> list[str]:
    links = host.run(["ip", "-o", "link"]).splitlines()
    names = [line.split(": ")[1].partition("@")[0] for line in links]
    return [name for name in names if name[:2] in ("rc", "rx") and len(name) == 8]


def _says(host: Host, name: str, words: str) -> None:
    since = len(host.serial(name))
    wait_until(lambda: words in host.serial(name)[since:], what=f"{words!r} from {name}", within=60)


def test_guests_on_two_hosts_reach_each_other_on_their_own_network(desk: Desk) -> None:
    one, two = desk.lab.hosts
    code, report = desk.reconcile("apply", "--yes")
    assert code == 0, report
    assert desk.reconcile("plan", "--detailed-exitcode")[0] == 0
    _says(one, "shop-db-0", "FETCHED 1 shop-web-0")
    _says(two, "shop-web-0", "FETCHED 1 shop-db-0")
