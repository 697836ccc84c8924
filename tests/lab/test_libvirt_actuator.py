"""The libvirt actuator on a real libvirtd over SSH: what the contract cannot ask of every platform."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("libvirt")

from reconciler.actions import Create, Destroy, Impact, PutImage, Replace, Stop, Update
from reconciler.errors import ActionFailed, NoRoom, UnknownImage
from reconciler.specs.desired import Disk, OnDelete, Sha256
from reconciler.state import Power

from .boot_sector import BANNER, boot_sector_image
from .hosts import wait_until
from .laboratory import Laboratory
from .libvirt_bench import POOL, SEED, STEM, Bench, benches


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return boot_sector_image(tmp_path_factory.mktemp("image") / "boot.qcow2")


@pytest.fixture
def bench(laboratory: Laboratory, image: Path) -> Iterator[Bench]:
    yield from benches(laboratory, image)


def test_a_machine_lives_and_dies_as_it_was_told(bench: Bench) -> None:
    async def scene() -> None:
        actuator, db = await bench.open(), bench.db
        await actuator.perform(PutImage(bench.name, bench.image))
        await actuator.perform(Create(bench.name, db))
        wait_until(lambda: BANNER in bench.box.serial(db.name), what="the guest's first words")
        (seen,) = (await actuator.observe()).instances
        assert (seen.applied, seen.power, seen.complete) == (db.machine, Power.RUNNING, True)
        assert (seen.live.cpus, seen.live.memory_mib, seen.live.nics) == (1, 32, db.machine.nics)
        assert bench.box.run(["stat", "-c", "%a", f"{STEM}.seed.iso"]).strip() == "600"
        # Its volume is larger than what is in it: what is told later fits in too.
        assert bench.box.path(f"{STEM}.seed.iso").read_bytes().rstrip(b"\0") == SEED

        larger = (Disk("root", 64), Disk("data", 16, OnDelete.RETAIN), Disk("more", 8))
        bigger = replace(db, machine=replace(db.machine, cpus=2, memory_mib=48, disks=larger))
        await actuator.perform(Update(bench.name, seen, bigger, Impact.RESTART))
        (seen,) = (await actuator.observe()).instances
        assert (seen.live.cpus, seen.live.memory_mib, len(seen.live.disks)) == (2, 48, 3)
        assert "virtual size: 64 MiB" in bench.box.run(["qemu-img", "info", "-U", f"{STEM}.root.qcow2"])

        await actuator.perform(Destroy(bench.name, seen))
        after = await actuator.observe()
        assert after.instances == ()
        assert [(volume.disk, volume.size_mib) for volume in after.volumes] == [("data", 16)]
        await actuator.close()

    asyncio.run(scene())
    (image,) = bench.image.parts
    assert bench.files() == {f"{STEM}.data.qcow2", f"{POOL}/reconciler.image.{image.sha256}.qcow2"}


def test_a_creation_cut_short_anywhere_is_finished_by_the_next(bench: Bench) -> None:
    async def scene() -> None:
        actuator, db = await bench.open(), bench.db
        await actuator.perform(PutImage(bench.name, bench.image))
        for patience in (0.002, 0.01, 0.03, 0.1, 0.2):
            with suppress(TimeoutError, ActionFailed):
                await asyncio.wait_for(actuator.perform(Create(bench.name, db)), patience)
            state = await actuator.observe()
            assert not state.retained, "a disk without a machine has no owner"
        (seen,) = state.instances
        if not seen.complete:
            await actuator.perform(Create(bench.name, db))
            (seen,) = (await actuator.observe()).instances
        assert seen.complete
        await actuator.close()

    asyncio.run(scene())


def test_a_half_made_machine_is_begun_anew_with_its_data(bench: Bench) -> None:
    async def scene() -> None:
        actuator, db = await bench.open(), bench.db
        await actuator.perform(PutImage(bench.name, bench.image))
        await actuator.perform(Create(bench.name, db))
        root, data = bench.hold("root"), bench.hold("data")
        text = bench.box.virsh("dumpxml", "--inactive", db.name)
        bench.box.define(text.replace('complete="yes"', 'complete="no"'))
        await actuator.perform(Create(bench.name, db))
        assert bench.is_held("data", data)
        assert not bench.is_held("root", root)
        await actuator.close()

    asyncio.run(scene())


def test_a_disk_left_by_a_vanished_machine_is_no_obstacle(bench: Bench) -> None:
    async def scene() -> None:
        actuator, db = await bench.open(), bench.db
        await actuator.perform(PutImage(bench.name, bench.image))
        await actuator.perform(Create(bench.name, db))
        data = bench.hold("data")
        bench.box.virsh("destroy", db.name)
        bench.box.virsh("undefine", db.name)
        await actuator.perform(Create(bench.name, db))
        assert bench.is_held("data", data)
        await actuator.close()

    asyncio.run(scene())


def test_looking_cannot_write(bench: Bench) -> None:
    async def scene() -> None:
        actuator = await bench.open(read_only=True)
        with pytest.raises(ActionFailed, match="only to look"):
            await actuator.perform(PutImage(bench.name, bench.image))
        with pytest.raises(ActionFailed, match="read only"):
            await actuator.desk.session.call("defining", lambda connection: connection.defineXML("<domain/>"))
        await actuator.observe()
        await actuator.close()

    asyncio.run(scene())
    assert bench.files() == set()


def test_an_image_that_arrives_damaged_is_not_kept(bench: Bench, tmp_path: Path) -> None:
    # Damaged where no header shows it.
    (tmp_path / "damaged").write_bytes(bench.supplies.file.read_bytes()[:-1] + b"!")
    bench.supplies.file = tmp_path / "damaged"

    async def scene() -> None:
        actuator = await bench.open()
        with pytest.raises(ActionFailed, match="arrived as"):
            await actuator.perform(PutImage(bench.name, bench.image))
        with pytest.raises(UnknownImage):
            await actuator.perform(Create(bench.name, bench.db))
        assert (await actuator.observe()).instances == ()
        await actuator.close()

    asyncio.run(scene())
    assert bench.files() == set()


def test_without_a_pool_it_says_how_to_make_one(bench: Bench) -> None:
    async def scene() -> None:
        actuator = await bench.open()
        bench.box.virsh("pool-destroy", "default")
        try:
            assert (await actuator.observe()).capacity.disk_mib == 0
            with pytest.raises(ActionFailed, match="virsh pool-start default"):
                await actuator.perform(Create(bench.name, bench.db))
        finally:
            bench.box.virsh("pool-start", "default")
        await actuator.close()

    asyncio.run(scene())


def test_a_root_disk_smaller_than_its_image_makes_nothing(bench: Bench) -> None:
    async def scene() -> None:
        actuator, db = await bench.open(), bench.db
        await actuator.perform(PutImage(bench.name, bench.image))
        small = replace(db, machine=replace(db.machine, disks=(Disk("root", 1),)))
        with pytest.raises(ActionFailed, match="cannot hold it"):
            await actuator.perform(Create(bench.name, small))
        state = await actuator.observe()
        assert (state.instances, state.volumes) == ((), ())
        await actuator.close()

    asyncio.run(scene())


def test_memory_that_is_not_there_is_no_room(bench: Bench) -> None:
    async def scene() -> None:
        actuator, db = await bench.open(), bench.db
        await actuator.perform(PutImage(bench.name, bench.image))
        huge = replace(db, machine=replace(db.machine, memory_mib=900_000_000))
        with pytest.raises(NoRoom):
            await actuator.perform(Create(bench.name, huge))
        (seen,) = (await actuator.observe()).instances
        assert seen.power is Power.STOPPED
        await actuator.close()

    asyncio.run(scene())


def test_a_replaced_machine_keeps_its_data_and_loses_its_root(bench: Bench) -> None:
    async def scene() -> None:
        actuator, db = await bench.open(), bench.db
        await actuator.perform(PutImage(bench.name, bench.image))
        await actuator.perform(Create(bench.name, db))
        root, data = bench.hold("root"), bench.hold("data")
        (seen,) = (await actuator.observe()).instances
        await actuator.perform(Replace(bench.name, seen, db))
        assert bench.is_held("data", data)
        assert not bench.is_held("root", root)
        await actuator.perform(Stop(bench.name, seen))
        (seen,) = (await actuator.observe()).instances
        assert (seen.power, seen.detail) == (Power.STOPPED, "destroyed")
        await actuator.close()

    asyncio.run(scene())


def test_digests_are_what_files_are_known_by(bench: Bench) -> None:
    async def scene() -> tuple[Sha256, ...]:
        actuator = await bench.open()
        await actuator.perform(PutImage(bench.name, bench.image))
        images = (await actuator.observe()).images
        await actuator.close()
        return images

    assert asyncio.run(scene()) == bench.image.use.digests
