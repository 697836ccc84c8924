"""Every platform keeps the same contract; where one cannot, the table says why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.contract import libvirt_hosts, platforms
from tests.contract.comparing import differences, table
from tests.contract.libvirt_hosts import RealHost
from tests.contract.platforms import Platform
from tests.contract.recording import Step, ending_of
from tests.contract.scripts import FLESH, SCRIPTS
from tests.contract.stage import FLEET, Script, Stage
from tests.lab.boot_sector import boot_sector_image
from tests.lab.conftest import why_not
from tests.lab.factory import laboratories
from tests.lab.laboratory import enter_network

DIFFERENCES: dict[tuple[str, str], str] = {}
"""Platform and script: why it is not kept there. What is kept after all must leave the table."""

each_script = pytest.mark.parametrize("script", SCRIPTS + FLESH, ids=lambda script: script.__name__)
_missing = libvirt_hosts.libvirt_is_missing()
needs_libvirt = pytest.mark.skipif(_missing, reason="libvirt-python is not installed")


@dataclass(frozen=True, slots=True)
class Performance:
    """One script, played: what happened, and what it ended in."""

    platform: str
    script: Script
    steps: tuple[Step, ...]
    ended: Exception | None

    def check(self) -> None:
        """Raise what it ended in, unless the table excuses it."""
        excuse = DIFFERENCES.get((self.platform, self.script.__name__))
        if isinstance(self.ended, AssertionError) and excuse is not None:
            pytest.xfail(excuse)
        if self.ended is not None:
            raise self.ended
        assert excuse is None, "it is kept now: take it out of the table"


class Theatre:
    """A real host on which every script is played once, whoever asks for it."""

    def __init__(self, platform: RealHost, directory: Path) -> None:
        self.platform = platform
        self._directory = directory
        self._played: dict[str, Performance] = {}

    def performance(self, script: Script) -> Performance:
        """The script, played there."""
        name = script.__name__
        if name not in self._played:
            self.platform.clean()
            self._played[name] = play(script, self.platform, self._directory / name)
        return self._played[name]


@each_script
def test_simulated_host_keeps_the_contract(script: Script, tmp_path: Path) -> None:
    play(script, platforms.simulated(tmp_path / "store"), tmp_path / "store").check()


@needs_libvirt
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.__name__)
def test_libvirts_own_test_driver_keeps_the_contract(script: Script, tmp_path: Path) -> None:
    with libvirt_hosts.in_process(tmp_path) as platform:
        play(script, platform, tmp_path / "store").check()


@pytest.mark.lab
@needs_libvirt
@each_script
def test_real_libvirtd_keeps_the_contract(script: Script, theatre: Theatre) -> None:
    theatre.performance(script).check()


@pytest.mark.lab
@needs_libvirt
@each_script
def test_simulated_host_and_real_libvirtd_are_the_same_at_every_step(
    script: Script, theatre: Theatre, tmp_path: Path
) -> None:
    real, store = theatre.performance(script), tmp_path / "store"
    stand_in = replace(
        platforms.simulated(store),
        image=theatre.platform.image,
        kernel=theatre.platform.kernel,
        network=theatre.platform.network,
    )
    found = differences(play(script, stand_in, store).steps, real.steps)
    assert not found, f"they differ, and the simulated host is wrong:\n{table(found)}"


@pytest.fixture(scope="module")
def theatre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    if reason := why_not():
        pytest.skip(reason)
    directory = tmp_path_factory.mktemp("image")
    image = platforms.disk_image(boot_sector_image(directory / "boot.qcow2"))
    kernel = platforms.kernel_image(directory)
    with laboratories() as factory:
        lab = factory(hosts=1)
        with enter_network(lab):
            yield Theatre(RealHost(lab, lab.hosts[0], image, kernel), tmp_path_factory.mktemp("stores"))


def play(script: Script, platform: Platform, store: Path) -> Performance:
    """One script on one platform."""
    stage = Stage(platform, store)
    ended = ending_of(_scene(script, stage))
    return Performance(platform.name, script, tuple(stage.trace.steps), ended)


async def _scene(script: Script, stage: Stage) -> None:
    try:
        await stage.open(fleet=FLEET)
        await script(stage)
    finally:
        await stage.close()


def test_differences_name_scripts_that_exist() -> None:
    assert {name for _, name in DIFFERENCES} <= {script.__name__ for script in SCRIPTS + FLESH}
