"""The way to a real libvirtd: silent, restarted, forgotten, or not who it was."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("libvirt")

import libvirt

from reconciler.actuators.libvirt.actuator import LibvirtActuator
from reconciler.errors import DeadlineExceeded, HostUnreachable
from reconciler.specs.desired import Connect, Scheme
from reconciler.state import HostState

from .boot_sector import boot_sector_image
from .keys import make_key
from .laboratory import Laboratory
from .libvirt_bench import Bench, benches


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return boot_sector_image(tmp_path_factory.mktemp("image") / "boot.qcow2")


@pytest.fixture
def bench(laboratory: Laboratory, image: Path) -> Iterator[Bench]:
    yield from benches(laboratory, image)


def threads() -> set[threading.Thread]:
    """Those of hosts; that of libvirt's events stays until the end."""
    return {each for each in threading.enumerate() if each.name.startswith("libvirt-hv")}


def living() -> int:
    gc.collect()
    return sum(isinstance(each, libvirt.virConnect) for each in gc.get_objects())


def test_a_stopped_daemon_is_given_up_and_found_again(bench: Bench) -> None:
    before = threads()

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
    assert threads() <= before


def test_a_cancelled_call_to_a_stopped_daemon_returns(bench: Bench) -> None:
    before = threads()
    returned = threading.Event()

    def ask(connection: libvirt.virConnect) -> None:
        try:
            connection.getInfo()
        finally:
            returned.set()

    async def scene() -> None:
        actuator = await bench.open()
        session = actuator.desk.session
        bench.box.stop_daemon()
        try:
            call = asyncio.create_task(session.call("asking", ask))
            await asyncio.sleep(0.1)
            call.cancel()
            begun = time.monotonic()
            with pytest.raises(asyncio.CancelledError):
                await call
            assert time.monotonic() - begun < 1
            assert returned.is_set(), "its thread is still in there"
        finally:
            bench.box.continue_daemon()
        await actuator.close()

    asyncio.run(scene())
    assert threads() <= before


def test_whoever_forgets_to_close_is_not_held_up(bench: Bench) -> None:
    # By the local socket: SSH's own would be warned of, rightly.
    socket = str(bench.box.path("/run/libvirt/libvirt-sock"))
    connect = Connect(Scheme.QEMU, "qemu:///system", socket=socket)

    async def scene() -> LibvirtActuator:
        actuator = await bench.open(host=replace(bench.host, connect=connect))
        await actuator.observe()
        return actuator

    forgotten = [asyncio.run(scene())]
    begun = time.monotonic()
    forgotten.clear()
    gc.collect()
    assert time.monotonic() - begun < 2


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
    make_key(tmp_path / "stranger", comment="stranger")
    host = replace(bench.host, connect=replace(bench.host.connect, keyfile=str(tmp_path / "stranger")))
    with pytest.raises(HostUnreachable, match="root may not log in.*authorized_keys"):
        asyncio.run(bench.open(host=host))


def test_listening_across_restarts_of_the_daemon_keeps_no_old_connection(bench: Bench) -> None:
    before = living()

    async def scene() -> None:
        actuator = await bench.open()
        for _ in range(4):
            listening = asyncio.create_task(actuator.changed())
            await actuator.observe()
            await asyncio.sleep(0.5)
            bench.box.kill_daemon()
            bench.box.start_daemon()
            await asyncio.wait_for(asyncio.gather(listening, return_exceptions=True), 15)
        await actuator.observe()
        listening = asyncio.create_task(actuator.changed())
        await asyncio.sleep(0.5)
        assert living() <= before + 1
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        await actuator.close()

    asyncio.run(scene())
    deadline = time.monotonic() + 5
    while living() > before and time.monotonic() < deadline:
        time.sleep(0.1)
    assert living() <= before
