"""A machine moves between real hosts while it runs, from the command line; each ending is put right."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from .boot_sector import BANNER, boot_sector_image
from .desk import Desk, clean, image_yaml
from .hosts import IMAGES, Host, wait_until
from .laboratory import Laboratory

NAME = "shop-db-0"
_SERVICE = """\
apiVersion: reconciler/v1
kind: Service
name: shop
networks:
  back: {libvirt_network: lab}
components:
  db:
    image: sector
    resources: {cpus: 1, memory: 32MiB}
    disks: {root: 20MiB, data: {size: 8MiB, on_delete: retain}}
    networks: [back]
    environment: {GREETING: hello}
"""


@pytest.fixture
def desk(laboratory: Laboratory, tmp_path: Path) -> Iterator[Desk]:
    for host in laboratory.hosts:
        clean(host)
    (tmp_path / "fleet.yaml").write_text(laboratory.fleet_yaml())
    sector = boot_sector_image(tmp_path / "sector.qcow2", heeds_button=True)
    (tmp_path / "images.yaml").write_text(image_yaml([sector]))
    (tmp_path / "shop.yaml").write_text(_SERVICE)
    desk = Desk(laboratory, tmp_path)
    code, report = desk.reconcile("apply", "--yes")
    assert code == 0, report
    yield desk
    for host in laboratory.hosts:
        clean(host)


def migrate(desk: Desk, to: Host, *options: str) -> tuple[int, dict[str, object]]:
    """Type the verb."""
    return desk.reconcile("migrate", "--to", to.name, "--yes", *options, about=NAME)


def beats(host: Host) -> int:
    """How often the guest has beaten on a host."""
    return host.serial(NAME).count("beat ")


def files(host: Host) -> list[str]:
    """What lies in the pool, but for base images."""
    return sorted(path.name for path in host.path(IMAGES).iterdir() if "image" not in path.name)


def test_a_running_machine_moves_with_its_disks_and_is_not_moved_back(desk: Desk) -> None:
    source = desk.whereabouts()[NAME]
    (target,) = (host for host in desk.lab.hosts if host is not source)
    wait_until(lambda: beats(source) > 2, what="its heart", within=60)
    code, report = migrate(desk, target)
    assert code == 0, report
    assert [step["action"] for step in report["steps"]] == ["image", "migrate"]
    assert report["steps"][1]["from_host"] == source.name
    wait_until(lambda: beats(target) > 1, what="its heart to go on")
    assert BANNER not in target.serial(NAME), "it started again"
    assert (source.virsh("list", "--all", "--name"), files(source)) == ("", [])
    assert desk.whereabouts()[NAME] is target
    code, plan = desk.reconcile("plan", "--detailed-exitcode")
    assert (code, plan["steps"]) == (0, [])
