"""One writer a real host, for as long as the connection that it acts over; and ears on what happens."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("libvirt")

from reconciler.actions import Create, PutImage
from reconciler.actuators.libvirt.actuator import LibvirtActuator
from reconciler.errors import HostUnreachable, LockHeld

from .boot_sector import boot_sector_image
from .domains import Disk, domain_xml
from .hosts import IMAGES
from .laboratory import Laboratory
from .libvirt_bench import Bench, benches


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return boot_sector_image(tmp_path_factory.mktemp("image") / "boot.qcow2")


@pytest.fixture
def bench(laboratory: Laboratory, image: Path) -> Iterator[Bench]:
    yield from benches(laboratory, image)


def test_the_second_writer_is_told_who_the_first_is_until_the_first_lets_go(bench: Bench) -> None:
    async def scene() -> None:
        first, second = await bench.open(lock=False), await bench.open(lock=False)
        try:
            await first.lock("ops@desk; $(touch /tmp/pwned) 'quoted'")
            await first.lock("again is no offence")
            with pytest.raises(LockHeld, match=r"ops@desk; \$\(touch /tmp/pwned\) 'quoted'"):
                await second.lock("the second")
            with pytest.raises(HostUnreachable, match="nothing is done without it"):
                await second.perform(PutImage(bench.name, bench.image))
            await first.unlock()
            await second.lock("the second")
            await second.perform(PutImage(bench.name, bench.image))
        finally:
            await first.close()
            await second.close()

    asyncio.run(scene())


def test_the_lock_dies_with_the_connection_and_nothing_is_done_over_another(bench: Bench) -> None:
    async def scene() -> None:
        first, second = await bench.open(), await bench.open(lock=False)
        try:
            await first.perform(PutImage(bench.name, bench.image))
            before = bench.files()
            await asyncio.to_thread(bench.box.cut_sessions)
            await _freed(second)
            # The first can still look: it makes a new connection. It must not act over it.
            await first.observe()
            for action in (Create(bench.name, bench.db), PutImage(bench.name, bench.image)):
                with pytest.raises(HostUnreachable, match="nothing is done without it"):
                    await first.perform(action)
            assert bench.files() == before
            assert (await first.observe()).instances == ()
        finally:
            await first.close()
            await second.close()

    asyncio.run(scene())


async def _freed(second: LibvirtActuator) -> None:
    async with asyncio.timeout(10):
        while True:
            try:
                return await second.lock("the second")
            except (LockHeld, HostUnreachable):
                await asyncio.sleep(0.1)


def test_what_happens_on_the_host_is_heard(bench: Bench) -> None:
    async def scene() -> None:
        actuator = await bench.open()
        try:
            hearing = asyncio.create_task(actuator.changed())
            await asyncio.sleep(0.5)
            assert not hearing.done()
            await asyncio.to_thread(
                bench.box.define, domain_xml("noise", disks=[Disk(f"{IMAGES}/none.qcow2")], memory_mib=16)
            )
            await asyncio.wait_for(hearing, 5)
        finally:
            await actuator.close()

    asyncio.run(scene())


def test_a_daemon_that_dies_is_heard_of(bench: Bench) -> None:
    async def scene() -> None:
        actuator = await bench.open()
        try:
            hearing = asyncio.create_task(actuator.changed())
            await asyncio.sleep(0.5)
            await asyncio.to_thread(bench.box.kill_daemon)
            await asyncio.wait_for(hearing, 5)
        finally:
            await asyncio.to_thread(bench.box.start_daemon)
            await actuator.close()

    asyncio.run(scene())
