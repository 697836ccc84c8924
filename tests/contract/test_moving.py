"""Pairs of hosts keep the contract of moving: simulated ones, and real ones, the same at every step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.contract import libvirt_hosts, platforms
from tests.contract.comparing import differences, table
from tests.contract.duo import Duo, DuoScript
from tests.contract.libvirt_hosts import RealHost
from tests.contract.platforms import Platform
from tests.contract.recording import Step, ending_of
from tests.contract.scripts import PAIRS
from tests.contract.stage import Stage
from tests.lab.boot_sector import boot_sector_image
from tests.lab.conftest import why_not
from tests.lab.factory import laboratories
from tests.lab.laboratory import enter_network

each_script = pytest.mark.parametrize("script", PAIRS, ids=lambda script: script.__name__)
needs_libvirt = pytest.mark.skipif(
    libvirt_hosts.libvirt_is_missing(), reason="libvirt-python is not installed"
)


@dataclass(frozen=True, slots=True)
class Played:
    """What happened, and what it ended in."""

    steps: tuple[Step, ...]
    ended: Exception | None

    def check(self) -> None:
        if self.ended is not None:
            raise self.ended


@dataclass
class Theatre:
    """Two real hosts on which every script is played once, whoever asks for it."""

    pair: tuple[RealHost, RealHost]
    directory: Path
    played: dict[str, Played] = field(default_factory=dict)

    def performance(self, script: DuoScript) -> Played:
        name = script.__name__
        if name not in self.played:
            for platform in self.pair:
                platform.clean()
            self.played[name] = play(script, *self.pair, store=self.directory / name)
        return self.played[name]


@each_script
def test_simulated_hosts_keep_the_contract_of_moving(script: DuoScript, tmp_path: Path) -> None:
    pair = (platforms.simulated(tmp_path, name) for name in ("hv1", "hv2"))
    play(script, *pair, store=tmp_path).check()


@pytest.mark.lab
@needs_libvirt
@each_script
def test_real_hosts_keep_the_contract_of_moving(script: DuoScript, theatre: Theatre) -> None:
    theatre.performance(script).check()


@pytest.mark.lab
@needs_libvirt
@each_script
def test_simulated_and_real_hosts_are_the_same_at_every_step_of_a_move(
    script: DuoScript, theatre: Theatre, tmp_path: Path
) -> None:
    real = theatre.performance(script)
    here, there = (
        replace(platforms.simulated(tmp_path, name), image=model.image, kernel=model.kernel)
        for name, model in zip(("hv1", "hv2"), theatre.pair, strict=True)
    )
    found = differences(play(script, here, there, store=tmp_path).steps, real.steps)
    assert not found, f"they differ, and the simulated host is wrong:\n{table(found)}"


@pytest.fixture(scope="module")
def theatre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    if reason := why_not():
        pytest.skip(reason)
    directory = tmp_path_factory.mktemp("image")
    image = platforms.disk_image(boot_sector_image(directory / "boot.qcow2"))
    kernel = platforms.kernel_image(directory)
    with laboratories() as factory:
        lab = factory(hosts=2)
        with enter_network(lab):
            here, there = (RealHost(lab, box, image, kernel) for box in lab.hosts)
            yield Theatre((here, there), tmp_path_factory.mktemp("stores"))


def play(script: DuoScript, here: Platform, there: Platform, *, store: Path) -> Played:
    """One script on two hosts."""
    duo = Duo(Stage(here, store), Stage(there, store))
    ended = ending_of(_scene(script, duo))
    return Played(duo.steps(), ended)


async def _scene(script: DuoScript, duo: Duo) -> None:
    try:
        for stage in (duo.here, duo.there):
            await stage.open()
        await script(duo)
    finally:
        for stage in (duo.here, duo.there):
            await stage.close()
