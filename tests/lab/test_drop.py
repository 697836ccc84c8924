"""A base image is dropped while others work on the same host: what turns up, and what goes, meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

pytest.importorskip("libvirt")

from reconciler.actions import DropImage, PutImage
from reconciler.actuators.hostfiles import HostFiles, RemoteFiles
from reconciler.actuators.libvirt.actuator import LibvirtActuator
from reconciler.errors import ActionFailed

from .boot_sector import boot_sector_image
from .domains import Disk, domain_xml
from .hosts import Host
from .laboratory import Laboratory
from .libvirt_bench import POOL, Bench, benches

_LOOKS = 60
_CHURN = """
while :; do
    for number in $(seq 200); do echo > "$1/.reconciler.image.$number.part.lab.0.0"; done
    rm -f "$1"/.reconciler.image.*
done
"""


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return boot_sector_image(tmp_path_factory.mktemp("image") / "boot.qcow2")


@pytest.fixture
def bench(laboratory: Laboratory, image: Path) -> Iterator[Bench]:
    yield from benches(laboratory, image)


@dataclass
class Meddling:
    """Somebody comes to need an image, and refreshes the pool, once it has been put aside."""

    files: RemoteFiles
    box: Host

    def __getattr__(self, name: str) -> object:
        return getattr(self.files, name)

    async def move(self, old: str, new: str) -> None:
        await self.files.move(old, new)
        self.box.define(domain_xml("pet", disks=[Disk(old)]))
        self.box.virsh("pool-refresh", "default")


def test_an_image_that_is_needed_after_all_is_seen_again_by_everybody(bench: Bench) -> None:
    digest = bench.image.parts[0].sha256

    async def scene() -> None:
        actuator = await bench.open()
        assert isinstance(actuator.desk.files, RemoteFiles)
        files: HostFiles = Meddling(actuator.desk.files, bench.box)  # type: ignore[assignment]
        meddled: LibvirtActuator = replace(actuator, desk=replace(actuator.desk, files=files))
        try:
            await actuator.perform(PutImage(bench.name, bench.image))
            with pytest.raises(ActionFailed, match="is needed by pet"):
                await meddled.perform(DropImage(bench.name, digest, "sector", whole=True))
            assert (await actuator.observe()).images == (digest,)
        finally:
            await actuator.close()

    asyncio.run(scene())
    assert bench.files() == {f"{POOL}/reconciler.image.{digest}.qcow2"}


def test_a_directory_is_listed_and_swept_while_files_come_and_go(bench: Bench) -> None:
    """Each of two drops on one host sees the other's files go."""
    pattern = ".reconciler.image.*.part.lab.*"

    async def scene() -> None:
        actuator = await bench.open()
        try:
            files = actuator.desk.files
            assert files is not None
            for _ in range(_LOOKS):
                await files.listing(POOL, pattern)
                await files.sweep(POOL, pattern, but="none")
        finally:
            await actuator.close()

    with bench.box.busy(["sh", "-c", _CHURN, "churn", POOL]):
        asyncio.run(scene())
