"""Health checks on real hosts, from the command line alone."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from .desk import Desk, image_yaml, set_up
from .guest import Guest
from .laboratory import Laboratory

_SERVICE = """\
apiVersion: reconciler/v1
kind: Service
name: shop
defaults:
  image: guest
  resources: {cpus: 1, memory: 96MiB}
components:
  db:
    healthcheck: {console: '^RECONCILER-GUEST-(UP|READY)', interval: 1s, retries: 40, start_period: 0s}
  app:
    depends_on: {db: healthy}
"""


# A network as people have it: libvirt's own, with its DHCP server.
_NETWORK = """\
<network><name>private</name><forward mode='nat'/><bridge name='virbr7'/>
<ip address='192.168.77.1' netmask='255.255.255.0'><dhcp>
<range start='192.168.77.10' end='192.168.77.99'/></dhcp></ip></network>
"""
_ADDRESSED = """\
apiVersion: reconciler/v1
kind: Service
name: shop
networks:
  private: {libvirt_network: private}
defaults:
  resources: {cpus: 1, memory: 96MiB}
  placement: {require: ['host.name == "hv1"']}
  healthcheck: {http: ':80/', interval: 1s, retries: 40, start_period: 20s}
components:
  leased:
    image: guest
    networks: [private]
"""


@pytest.fixture
def addressed(laboratory: Laboratory, guest: Guest, tmp_path: Path) -> Iterator[Desk]:
    host = laboratory.hosts[0]
    host.run(["virsh", "-q", "net-create", "/dev/stdin"], input_text=_NETWORK)
    asking = replace(guest, cmdline=f"{guest.cmdline} lab.dhcp")
    try:
        with set_up(laboratory, tmp_path, _ADDRESSED, image_yaml([], asking)) as desk:
            yield desk
    finally:
        host.virsh("net-destroy", "private")


@pytest.fixture
def desk(laboratory: Laboratory, guest: Guest, tmp_path: Path) -> Iterator[Desk]:
    with set_up(laboratory, tmp_path, _SERVICE, image_yaml([], guest)) as desk:
        yield desk


def test_app_is_made_only_once_the_guest_of_db_says_that_it_is_up(desk: Desk) -> None:
    code, report = desk.reconcile("apply", "--yes")
    assert code == 0, report
    steps = {step["id"]: step for step in report["steps"]}
    assert steps["create/shop-app-0"]["needs"][-1] == "wait/shop-db-0"
    # A guest takes seconds to boot, and a wait that did not look would take none.
    assert steps["wait/shop-db-0"]["seconds"] > 0.5
    homes = desk.whereabouts()
    assert "RECONCILER-GUEST-UP" in homes["shop-db-0"].serial("shop-db-0")
    assert desk.reconcile("plan", "--detailed-exitcode")[0] == 0


def test_a_guest_that_never_says_so_is_6_and_nothing_comes_after_it(desk: Desk) -> None:
    desk.edit(
        "'^RECONCILER-GUEST-(UP|READY)', interval: 1s, retries: 40",
        "'no guest says this', interval: 1s, retries: 3",
    )
    code, report = desk.reconcile("apply", "--yes")
    assert code == 6, report
    outcomes = {step["id"]: step["outcome"] for step in report["steps"]}
    assert (outcomes["wait/shop-db-0"], outcomes["create/shop-app-0"]) == ("unhealthy", "skipped")
    (wait,) = [step for step in report["steps"] if step["id"] == "wait/shop-db-0"]
    assert "no line of its console is like that yet" in wait["detail"]
    assert set(desk.whereabouts()) == {"shop-db-0"}


def test_a_guest_is_asked_at_the_address_that_its_network_leased_to_it(addressed: Desk) -> None:
    code, report = addressed.reconcile("apply", "--yes", "--wait")
    assert code == 0, report
    (host, _) = addressed.lab.hosts
    assert "LEASED" in host.serial("shop-leased-0")
    assert host.virsh("net-dhcp-leases", "private").count("192.168.77.") == 1
    _, status = addressed.reconcile("status")
    assert {row["instance"]: row["health"] for row in status["instances"]} == {
        "shop-leased-0": "healthy",
    }
