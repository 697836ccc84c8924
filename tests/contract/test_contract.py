"""Every platform keeps the same contract; where one cannot, the table says why."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract import libvirt_hosts, platforms
from tests.contract.libvirt_hosts import RealHost
from tests.contract.platforms import Platform
from tests.contract.scripts import SCRIPTS
from tests.contract.stage import FLEET, Script, Stage
from tests.lab.boot_sector import boot_sector_image
from tests.lab.conftest import why_not
from tests.lab.factory import laboratories
from tests.lab.laboratory import enter_network

DIFFERENCES: dict[tuple[str, str], str] = {}
"""Platform and script: why it is not kept there. What is kept after all must leave the table."""

each_script = pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.__name__)
_missing = libvirt_hosts.libvirt_is_missing()
needs_libvirt = pytest.mark.skipif(_missing, reason="libvirt-python is not installed")


@each_script
def test_simulated_host_keeps_the_contract(script: Script, tmp_path: Path) -> None:
    play(script, platforms.simulated(tmp_path / "store"), tmp_path / "store")


@needs_libvirt
@each_script
def test_libvirts_own_test_driver_keeps_the_contract(script: Script, tmp_path: Path) -> None:
    with libvirt_hosts.in_process(tmp_path) as platform:
        play(script, platform, tmp_path / "store")


@pytest.mark.lab
@needs_libvirt
@each_script
def test_real_libvirtd_keeps_the_contract(script: Script, real_host: RealHost, tmp_path: Path) -> None:
    real_host.clean()
    play(script, real_host, tmp_path / "store")


@pytest.fixture(scope="module")
def real_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealHost]:
    if reason := why_not():
        pytest.skip(reason)
    image = platforms.disk_image(boot_sector_image(tmp_path_factory.mktemp("image") / "boot.qcow2"))
    with laboratories() as factory:
        lab = factory(hosts=1)
        with enter_network(lab):
            yield RealHost(lab, lab.hosts[0], image)


def play(script: Script, platform: Platform, store: Path) -> None:
    """One script on one platform."""
    excuse = DIFFERENCES.get((platform.name, script.__name__))
    try:
        asyncio.run(_scene(script, Stage(platform, store)))
    except AssertionError:
        if excuse is None:
            raise
        pytest.xfail(excuse)
    assert excuse is None, "it is kept now: take it out of the table"


async def _scene(script: Script, stage: Stage) -> None:
    try:
        await stage.open(fleet=FLEET)
        await script(stage)
    finally:
        await stage.close()


def test_differences_name_scripts_that_exist() -> None:
    assert {name for _, name in DIFFERENCES} <= {script.__name__ for script in SCRIPTS}
