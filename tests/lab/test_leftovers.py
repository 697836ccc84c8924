"""What a controller that died in the middle leaves on a host, and who takes it away."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("libvirt")

from reconciler.actions import Create, Impact, PutImage, Update
from reconciler.errors import ActionFailed
from reconciler.planner.diff import differences
from reconciler.specs.desired import Disk, Image, ImageFormat, ImagePart, ImageUse
from reconciler.specs.fingerprint import sha256_hex
from reconciler.state import InstanceState

from .boot_sector import boot_sector_image
from .hosts import wait_until
from .laboratory import Laboratory
from .libvirt_bench import POOL, SEED, STEM, Bench, Supplies, benches

_LARGE = 64 * 1024 * 1024


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return boot_sector_image(tmp_path_factory.mktemp("image") / "boot.qcow2")


@pytest.fixture
def bench(laboratory: Laboratory, image: Path) -> Iterator[Bench]:
    yield from benches(laboratory, image)


def test_an_upload_cut_short_is_swept_by_the_next_and_another_fleets_is_not(bench: Bench) -> None:
    part = f"{POOL}/.reconciler.image.{'0' * 64}.qcow2.part"
    left, others = f"{part}.lab.0011.22", f"{part}.lab-2.0011.22"
    for path in (left, others):
        bench.box.path(path).write_text("half of it")

    async def scene() -> None:
        actuator = await bench.open()
        try:
            await actuator.perform(PutImage(bench.name, bench.image))
        finally:
            await actuator.close()

    asyncio.run(scene())
    files = bench.files()
    assert left not in files
    assert others in files
    assert len(files) == 2


def test_an_upload_leaves_another_that_is_under_way_alone(bench: Bench, tmp_path: Path) -> None:
    large = tmp_path / "large.raw"
    large.write_bytes(bytes(_LARGE))
    digest = sha256_hex(large.read_bytes())
    image = Image(ImageUse("large", disk=digest, format=ImageFormat.RAW), (ImagePart(str(large), digest),))

    async def scene() -> None:
        bench.supplies = Supplies(large)
        actuator = await bench.open()
        try:
            first = asyncio.create_task(actuator.perform(PutImage(bench.name, image)))
            await asyncio.to_thread(wait_until, lambda: bench.files() != set(), what="the upload", every=0.01)
            assert not first.done()
            again = PutImage(bench.name, image)
            await asyncio.gather(first, actuator.perform(again))
        finally:
            await actuator.close()

    asyncio.run(scene())
    assert bench.files() == {f"{POOL}/reconciler.image.{digest}.raw"}


def test_a_disk_that_goes_is_owned_until_it_is_gone(bench: Bench) -> None:
    db, path = bench.db, f"{STEM}.more.qcow2"
    with_disk = replace(db, machine=replace(db.machine, disks=(*db.machine.disks, Disk("more", 8))))

    async def scene() -> tuple[InstanceState, InstanceState]:
        actuator = await bench.open()
        try:
            await actuator.perform(PutImage(bench.name, bench.image))
            await actuator.perform(Create(bench.name, with_disk))
            (seen,) = (await actuator.observe()).instances
            bench.box.run(["mount", "--bind", path, path])
            try:
                # As if the controller had died there.
                with pytest.raises(ActionFailed, match="more"):
                    await actuator.perform(Update(bench.name, seen, db, Impact.RESTART))
            finally:
                bench.box.run(["umount", path])
            (half,) = (await actuator.observe()).instances
            await actuator.perform(Update(bench.name, half, db, Impact.RESTART))
            (after,) = (await actuator.observe()).instances
            return half, after
        finally:
            await actuator.close()

    half, after = asyncio.run(scene())
    assert {disk.name for disk in half.applied.disks} == {"root", "data", "more"}
    assert {disk.name for disk in half.live.disks} == {"root", "data"}
    assert after.applied == db.machine
    assert path not in bench.files()


def test_a_guest_whose_seed_was_being_written_is_told_again_although_the_files_were_turned_back(
    bench: Bench,
) -> None:
    db = bench.db
    other = replace(db, machine=replace(db.machine, context=sha256_hex(b"something else")))
    seed = f"{STEM}.seed.iso"

    async def scene() -> InstanceState:
        actuator = await bench.open()
        try:
            await actuator.perform(PutImage(bench.name, bench.image))
            await actuator.perform(Create(bench.name, db))
            (seen,) = (await actuator.observe()).instances
            bench.box.run(["mount", "--bind", seed, seed])
            bench.supplies.told = SEED * 2
            try:
                # As if the controller had died there.
                with pytest.raises(ActionFailed, match="seed"):
                    await actuator.perform(Update(bench.name, seen, other, Impact.RESTART))
            finally:
                bench.box.run(["umount", seed])
            bench.supplies.told = SEED
            (half,) = (await actuator.observe()).instances
            await actuator.perform(Update(bench.name, half, db, Impact.RESTART))
            (after,) = (await actuator.observe()).instances
            assert not differences(db.machine, after)
            return half
        finally:
            await actuator.close()

    half = asyncio.run(scene())
    assert {each.field for each in differences(db.machine, half)} == {"context"}
