"""Segments of a service's own, over real hosts: made, mended, and taken away, from the command line alone."""

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
    with set_up(laboratory, tmp_path, _SERVICE, image_yaml([], guest)) as desk:
        yield desk


@pytest.fixture
def sector(tmp_path: Path) -> Path:
    return boot_sector_image(tmp_path / "sector.qcow2")


def _own_links(host: Host) -> list[str]:
    names = [line.split(": ")[1].partition("@")[0] for line in host.run(["ip", "-o", "link"]).splitlines()]
    return sorted(name for name in names if name[:2] in ("rc", "rx") and len(name) == 8)


def _says(host: Host, name: str, words: str) -> None:
    since = len(host.serial(name))
    wait_until(lambda: words in host.serial(name)[since:], what=f"{words!r} from {name}", within=60)


def _objects(plan: dict[str, list[dict[str, str]]]) -> list[tuple[str, str, str]]:
    return sorted((step["id"], step["action"], step["host"]) for step in plan["steps"] if "object" in step)


def test_guests_on_two_hosts_reach_each_other_as_long_as_there_is_one(desk: Desk) -> None:
    one, two = desk.lab.hosts
    others = {host.name: host.run(["ip", "-o", "link"]).count("\n") for host in desk.lab.hosts}
    code, report = desk.reconcile("apply", "--yes")
    assert code == 0, report
    assert report["summary"]["network"] == 2
    assert desk.reconcile("plan", "--detailed-exitcode")[0] == 0
    _says(one, "shop-db-0", "FETCHED 1 shop-web-0")
    _says(two, "shop-web-0", "FETCHED 1 shop-db-0")
    # The host's end is good for health checks, and reaches guests of other hosts too.
    for address in ("10.42.0.10", "10.42.0.1"):
        one.run(["timeout", "10", "bash", "-c", f": < /dev/tcp/{address}/80"])

    _reboot(two)
    code, plan = desk.reconcile("plan")
    assert _objects(plan) == [("network/shop.back@hv2", "network", "hv2")]
    code, report = desk.reconcile("apply", "--yes")
    assert code == 0, report
    assert desk.reconcile("plan", "--detailed-exitcode")[0] == 0
    _says(one, "shop-db-0", "FETCHED 1 shop-web-0")

    text = (desk.path / "shop.yaml").read_text()
    desk.write("shop.yaml", text[: text.index("  web:\n")])
    code, report = desk.reconcile("apply", "--yes")
    assert code == 0, report
    assert _own_links(two) == []
    assert [name[:2] for name in _own_links(one)] == ["rc"], "without a peer it is just a bridge"
    assert desk.reconcile("plan", "--detailed-exitcode")[0] == 0
    desk.write("shop.yaml", text[: text.index("components:")] + "components: {}\n")
    code, report = desk.reconcile("apply", "--yes")
    assert code == 0, report
    assert _own_links(one) == []
    assert {host.name: host.run(["ip", "-o", "link"]).count("\n") for host in desk.lab.hosts} == others
    assert desk.reconcile("plan", "--detailed-exitcode")[0] == 0


def test_guests_on_two_hosts_reach_each_other_over_ipv6(desk: Desk) -> None:
    one, two = desk.lab.hosts
    text = _SERVICE.replace("{cidr: 10.42.0.0/24}", "{cidr: 'fd42:0:0:7::/64', mtu: 1430}")
    text = text.replace("[10.42.0.10]", "['fd42:0:0:7::a']").replace("//10.42.0.10/", "//[fd42:0:0:7::a]/")
    text = text.replace("//10.42.0.1/", "//[${{ components.web.addresses[0] }}]/")
    desk.write(
        "shop.yaml", text.replace("networks: [back]", "networks: [back]\n    healthcheck: {http: ':80/'}")
    )
    code, report = desk.reconcile("apply", "--yes", "--wait")
    assert code == 0, report
    assert desk.reconcile("plan", "--detailed-exitcode")[0] == 0
    _says(one, "shop-db-0", "FETCHED 1 shop-web-0")
    _says(two, "shop-web-0", "FETCHED 1 shop-db-0")

    # And the hosts themselves may reach each other so.
    for number, host in enumerate(desk.lab.hosts, start=1):
        host.run(["ip", "address", "add", f"fd99::{number}/64", "dev", "br-lab", "nodad"])
        desk.edit(f"{host.name}: {{", f"{host.name}: {{address: 'fd99::{number}', ", name="fleet.yaml")
    try:
        code, report = desk.reconcile("apply", "--yes")
        assert (code, len(report["steps"])) == (0, 2), report
        assert desk.reconcile("plan", "--detailed-exitcode")[0] == 0
        (vxlan,) = (name for name in _own_links(one) if name.startswith("rx"))
        assert "dst fd99::2" in one.run(["bridge", "fdb", "show", "dev", vxlan])
        _says(one, "shop-db-0", "FETCHED 1 shop-web-0")
    finally:
        for number, host in enumerate(desk.lab.hosts, start=1):
            host.run(["ip", "address", "delete", f"fd99::{number}/64", "dev", "br-lab"])


def _reboot(host: Host) -> None:
    host.crash()
    host.boot()
    host.virsh("uri")
    assert _own_links(host) == [], "a host that lost its power still has links"


def test_a_link_of_somebody_elses_is_left_alone_and_told(desk: Desk) -> None:
    assert desk.reconcile("apply", "--yes")[0] == 0
    one, two = desk.lab.hosts
    (bridge,) = (name for name in _own_links(two) if name.startswith("rc"))
    two.virsh("destroy", "shop-web-0")
    two.cut_links()
    two.run(["ip", "link", "add", bridge, "type", "bridge"])
    code, plan = desk.reconcile("plan")
    assert code == 4, plan
    (blocked,) = plan["blocked"]
    assert blocked["instance"] == "shop-web-0"
    assert "not ours" in blocked["refusals"]["hv2"]
    code, report = desk.reconcile("apply", "--yes")
    assert code == 4, report
    assert _own_links(two) == [bridge]
    assert "alias" not in two.run(["ip", "link", "show", "dev", bridge])
    two.run(["ip", "link", "delete", "dev", bridge])
    assert desk.reconcile("apply", "--yes")[0] == 0
    _says(one, "shop-db-0", "FETCHED 1 shop-web-0")
    foreign_vxlan = ["ip", "link", "add", "other", "type", "vxlan", "id", str(int(bridge[2:], 16) + 1)]
    two.run([*foreign_vxlan, "dstport", "4789", "local", two.address])
    assert desk.reconcile("plan", "--detailed-exitcode")[0] == 0, "another number is no trouble"
    two.run(["ip", "link", "delete", "dev", "other"])


_CUT_AFTER = (1, 2, 6, 8, 9, 12)
"""As if the host's shell had died after so many of the commands that make a segment."""


def test_a_segment_that_was_left_half_made_is_taken_away_where_nobody_needs_it(desk: Desk) -> None:
    nobody = _SERVICE.replace("image: guest", "image: guest\n    replicas: 0")
    desk.write("shop.yaml", nobody.replace("{back: {addresses: [10.42.0.10]}}", "[back]"))
    one = desk.lab.hosts[0]
    for after in _CUT_AFTER:
        for command in _making(one)[:after]:
            one.run(command)
        assert _own_links(one)
        code, report = desk.reconcile("apply", "--yes")
        assert code == 0, report
        assert _own_links(one) == [], after


def test_a_segment_that_was_left_half_made_is_finished_where_it_is_needed(desk: Desk, sector: Path) -> None:
    desk.write("images.yaml", image_yaml([sector]))
    desk.write("shop.yaml", _SERVICE.replace("image: guest", "image: sector\n    disks: {root: 16MiB}"))
    one = desk.lab.hosts[0]
    assert desk.reconcile("apply", "--yes")[0] == 0
    for after in _CUT_AFTER[::2]:
        one.virsh("destroy", "shop-db-0")
        one.cut_links()
        for command in _making(one)[:after]:
            one.run(command)
        code, report = desk.reconcile("apply", "--yes")
        assert (code, [step["action"] for step in report["steps"]][-1:]) == (0, ["start"]), report
        assert desk.reconcile("plan", "--detailed-exitcode")[0] == 0, after
        assert len(_own_links(one)) == 2


def _making(host: Host) -> list[list[str]]:
    from reconciler.actions import PutNetwork
    from reconciler.actuators.libvirt.wires import making
    from reconciler.specs.desired import HostName, Segment
    from reconciler.specs.identity import bridge_of, vni_of

    vni = vni_of("lab", "shop", "back")
    segment = Segment("shop", "back", "10.42.0.0/24", vni, bridge_of(vni), 1450)
    put = PutNetwork(HostName(host.name), segment, "10.42.0.254/24", host.address, ("10.213.0.12",))
    return [list(command) for command in making(put, "lab", ())]
