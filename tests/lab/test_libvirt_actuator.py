"""The libvirt actuator against a real libvirtd over SSH: what the contract cannot ask of every platform."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

pytest.importorskip("libvirt")

from reconciler.actuators.libvirt.actuator import LibvirtActuator

from reconciler.actuators.libvirt import open_libvirt
from reconciler.actuators.port import Access
from reconciler.errors import (
    ActionFailed,
    DeadlineExceeded,
    HostUnreachable,
    NoRoom,
    UnknownImage,
)
from reconciler.plan import Create, Destroy, Impact, PutImage, Replace, Stop, Update
from reconciler.specs.desired import (
    Connect,
    Disk,
    GuestContext,
    Host,
    HostName,
    Hypervisor,
    Image,
    ImageFormat,
    ImagePart,
    ImageUse,
    Instance,
    InstanceKey,
    Machine,
    Nic,
    NicKind,
    OnDelete,
    Scheme,
    Sha256,
)
from reconciler.specs.fingerprint import sha256_hex
from reconciler.specs.identity import instance_uuid
from reconciler.state import HostState, Power

from .boot_sector import BANNER, boot_sector_image
from .hosts import Host as Box
from .hosts import wait_until
from .laboratory import Laboratory

POOL = "/var/lib/libvirt/images"
SEED = b"what the guest is told" * 100_000
KEY = InstanceKey("shop", "db", 0)
STEM = f"{POOL}/lab.shop.db.0"


@dataclass
class Supplies:
    file: Path

    async def image(self, part: ImagePart) -> Path:
        return self.file

    def seed(self, instance: Instance) -> bytes:
        return SEED


@dataclass
class Bench:
    """One host, one image, one instance."""

    lab: Laboratory
    box: Box
    image: Image
    supplies: Supplies

    @property
    def name(self) -> HostName:
        return HostName(self.box.name)

    @property
    def host(self) -> Host:
        connect = Connect(
            Scheme.SSH,
            f"ssh://root@{self.box.address}/",
            user="root",
            address=self.box.address,
            keyfile=str(self.lab.keyfile),
            known_hosts=str(self.lab.known_hosts_file),
        )
        return Host(self.name, connect, hypervisor=Hypervisor.QEMU)

    @property
    def db(self) -> Instance:
        disks = (Disk("root", 32), Disk("data", 8, OnDelete.RETAIN))
        machine = Machine(
            self.image.use, 1, 32, disks, (Nic(NicKind.BRIDGE, "br-lab"),), context=sha256_hex(SEED)
        )
        return Instance(KEY, "lab", instance_uuid("lab", KEY), machine, context=GuestContext("db"))

    async def open(self, *, read_only: bool = False, host: Host | None = None) -> LibvirtActuator:
        access = Access("lab", read_only, Path("/nonexistent"), self.supplies)
        actuator = await open_libvirt(host or self.host, access, grace=0.5)
        assert isinstance(actuator, LibvirtActuator)
        return actuator

    def files(self) -> set[str]:
        return set(self.box.run(["find", POOL, "-type", "f"]).split())

    def clean(self) -> None:
        for name in self.box.virsh("list", "--name").split():
            self.box.virsh("destroy", name)
        for name in self.box.virsh("list", "--all", "--name").split():
            self.box.virsh("undefine", name)
        self.box.run(["find", POOL, "-type", "f", "-delete"])
        self.box.virsh("pool-refresh", "default")


@pytest.fixture(scope="module")
def boot_sector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return boot_sector_image(tmp_path_factory.mktemp("image") / "boot.qcow2")


@pytest.fixture
def bench(laboratory: Laboratory, boot_sector: Path) -> Iterator[Bench]:
    digest = sha256_hex(boot_sector.read_bytes())
    use = ImageUse("sector", disk=digest, format=ImageFormat.QCOW2)
    image = Image(use, (ImagePart(str(boot_sector), digest),))
    bench = Bench(laboratory, laboratory.hosts[0], image, Supplies(boot_sector))
    bench.clean()
    yield bench
    bench.clean()


def threads() -> list[str]:
    return [each.name for each in threading.enumerate() if each.name.startswith("libvirt-")]


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
        assert bench.box.path(f"{STEM}.seed.iso").read_bytes() == SEED

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
        roots = bench.box.path(f"{STEM}.root.qcow2"), bench.box.path(f"{STEM}.data.qcow2")
        before = [path.stat().st_ino for path in roots]
        text = bench.box.virsh("dumpxml", "--inactive", db.name)
        bench.box.define(text.replace('complete="yes"', 'complete="no"'))
        await actuator.perform(Create(bench.name, db))
        root, data = [path.stat().st_ino for path in roots]
        assert data == before[1]
        assert root != before[0]
        await actuator.close()

    asyncio.run(scene())


def test_a_stopped_daemon_is_given_up_and_found_again(bench: Bench) -> None:
    async def scene() -> None:
        actuator = await bench.open()
        session = actuator.desk.session
        first = await actuator.observe()
        bench.box.stop_daemon()
        try:
            begun = time.monotonic()
            with pytest.raises(DeadlineExceeded):
                await session.call("asking", lambda connection: connection.getInfo(), deadline=0.3)
            assert time.monotonic() - begun < 0.6
            # The next has no connection, and the daemon takes one without ever answering it.
            with pytest.raises(DeadlineExceeded, match="opening libvirt"):
                await session.call("asking", lambda connection: connection.getInfo())
        finally:
            bench.box.continue_daemon()
        assert (await actuator.observe()).capacity == first.capacity
        await actuator.close()

    asyncio.run(scene())
    assert threads() == []


def test_whoever_forgets_to_close_is_not_held_up(bench: Bench) -> None:
    async def scene() -> LibvirtActuator:
        actuator = await bench.open()
        await actuator.observe()
        return actuator

    forgotten = [asyncio.run(scene())]
    begun = time.monotonic()
    forgotten.clear()
    gc.collect()
    assert time.monotonic() - begun < 2


def test_a_disk_left_by_a_vanished_machine_is_no_obstacle(bench: Bench) -> None:
    async def scene() -> None:
        actuator, db = await bench.open(), bench.db
        await actuator.perform(PutImage(bench.name, bench.image))
        await actuator.perform(Create(bench.name, db))
        data = bench.box.path(f"{STEM}.data.qcow2").stat().st_ino
        bench.box.virsh("destroy", db.name)
        bench.box.virsh("undefine", db.name)
        await actuator.perform(Create(bench.name, db))
        assert bench.box.path(f"{STEM}.data.qcow2").stat().st_ino == data
        await actuator.close()

    asyncio.run(scene())


def test_a_daemon_that_was_restarted_is_no_fault(bench: Bench) -> None:
    async def scene() -> tuple[HostState, HostState]:
        actuator = await bench.open()
        before = await actuator.observe()
        bench.box.kill_daemon()
        bench.box.start_daemon()
        await asyncio.sleep(0.2)
        after = await actuator.observe()
        await actuator.close()
        return before, after

    before, after = asyncio.run(scene())
    assert before.capacity == after.capacity


def test_a_changed_host_key_is_refused_with_what_to_do(bench: Bench, tmp_path: Path) -> None:
    other = bench.lab.hosts[1].address
    lines = bench.lab.known_hosts_file.read_text().splitlines()
    key = next(line for line in lines if line.startswith(other)).removeprefix(other)
    assert_refused(bench, tmp_path, f"{bench.box.address}{key}\n", "CHANGED.*ssh-keygen -f .* -R")


def test_an_unknown_host_key_is_refused_with_what_to_do(bench: Bench, tmp_path: Path) -> None:
    assert_refused(bench, tmp_path, "", f"is not in .*known_hosts.*ssh-keyscan {bench.box.address}")


def assert_refused(bench: Bench, directory: Path, known: str, message: str) -> None:
    file = directory / "known_hosts"
    file.write_text(known)
    host = replace(bench.host, connect=replace(bench.host.connect, known_hosts=str(file)))
    with pytest.raises(HostUnreachable, match=message):
        asyncio.run(bench.open(host=host))
    assert file.read_text() == known


def test_an_unknown_key_of_ours_is_told_whom_to_let_in(bench: Bench, tmp_path: Path) -> None:
    from .keys import make_key

    make_key(tmp_path / "stranger", comment="stranger")
    host = replace(bench.host, connect=replace(bench.host.connect, keyfile=str(tmp_path / "stranger")))
    with pytest.raises(HostUnreachable, match="root may not log in.*authorized_keys"):
        asyncio.run(bench.open(host=host))


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
    (tmp_path / "damaged").write_bytes(b"not it")
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
        root, data = bench.box.path(f"{STEM}.root.qcow2"), bench.box.path(f"{STEM}.data.qcow2")
        (root_before, data_before) = root.stat().st_ino, data.stat().st_ino
        (seen,) = (await actuator.observe()).instances
        await actuator.perform(Replace(bench.name, seen, db))
        assert data.stat().st_ino == data_before
        assert root.stat().st_ino != root_before
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
