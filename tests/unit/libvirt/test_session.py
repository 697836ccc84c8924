"""A daemon that accepts and never answers, in place of a stopped libvirtd."""

from __future__ import annotations

import asyncio
import socket
import tempfile
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

pytest.importorskip("libvirt")

from reconciler.actuators.libvirt.session import Deadlines, Session, Target
from reconciler.actuators.relay import dial_local
from reconciler.errors import DeadlineExceeded, HostUnreachable, NotFound
from reconciler.specs.desired import HostName

HASTE = Deadlines(open=0.02, cancel=0.02)
URI = "qemu+unix:///system?socket={socket}"
TEST_URI = "test:///default"


@pytest.fixture
def silent(tmp_path: Path) -> Iterator[str]:
    path = str(tmp_path / "libvirt-sock")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen(500)
        yield path


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    return tmp_path / "tmp"


def session_to(path: str, deadlines: Deadlines = HASTE) -> Session:
    return Session(Target(HostName("hv1"), URI, partial(dial_local, path), read_only=True), deadlines)


def threads_of(host: str) -> list[str]:
    return [each.name for each in threading.enumerate() if each.name.startswith(f"libvirt-{host}")]


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def closed_but(count: int) -> bool:
    """Whether no more than that many files stay open: libvirt's loop closes a socket at its next turn."""
    return any(open_files() <= count or threading.Event().wait(0.01) for _ in range(500))


def test_silent_daemon_is_given_up_in_time(silent: str) -> None:
    async def scene() -> None:
        session = session_to(silent)
        with pytest.raises(DeadlineExceeded, match="opening libvirt did not answer within 0.02 s"):
            await asyncio.wait_for(session.call("asking", lambda connection: connection.getInfo()), 5)
        await session.close()

    asyncio.run(scene())


def test_a_hundred_silences_leave_nothing_behind(silent: str, workshop: Path) -> None:
    async def scene() -> None:
        session = session_to(silent)
        # More than there are threads: one that hung would soon be missed.
        for _ in range(100):
            with pytest.raises(DeadlineExceeded):
                await asyncio.wait_for(session.call("asking", lambda connection: connection.getInfo()), 5)
        await session.close()

    before = open_files()
    asyncio.run(scene())
    assert threads_of("hv1") == []
    assert list(workshop.iterdir()) == []
    assert closed_but(before)


def test_cancelled_call_returns_and_leaves_no_thread(silent: str) -> None:
    async def scene() -> None:
        session = session_to(silent, Deadlines(open=60.0, cancel=0.02))
        call = asyncio.create_task(session.call("asking", lambda connection: connection.getInfo()))
        while not threads_of("hv1"):
            await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(asyncio.shield(call), 5)
        await session.close()

    asyncio.run(scene())
    assert threads_of("hv1") == []


def test_closing_ends_what_is_under_way(silent: str) -> None:
    async def scene() -> None:
        session = session_to(silent, Deadlines(open=60.0))
        call = asyncio.create_task(session.call("asking", lambda connection: connection.getInfo()))
        while not threads_of("hv1"):
            await asyncio.sleep(0)
        await session.close()
        with pytest.raises(HostUnreachable):
            await asyncio.wait_for(call, 5)
        with pytest.raises(HostUnreachable, match="closed"):
            await session.call("asking", lambda connection: connection.getInfo())
        await session.close()

    asyncio.run(scene())


def test_a_missing_socket_is_said_plainly(tmp_path: Path) -> None:
    async def scene() -> None:
        session = session_to(str(tmp_path / "none"), Deadlines())
        with pytest.raises(HostUnreachable, match="none: No such file or directory: is libvirtd running"):
            await session.call("asking", lambda connection: connection.getInfo())
        await session.close()

    asyncio.run(scene())


def test_libvirts_no_becomes_ours() -> None:
    async def scene() -> None:
        session = Session(Target(HostName("t"), TEST_URI, None, read_only=False))
        try:
            with pytest.raises(NotFound, match="t: Domain not found"):
                await session.call("asking", lambda connection: connection.lookupByName("nobody"))
        finally:
            await session.close()

    asyncio.run(scene())


def test_what_only_looks_cannot_write(capfd: pytest.CaptureFixture[str]) -> None:
    async def scene() -> None:
        session = Session(Target(HostName("t"), TEST_URI, None, read_only=True))
        try:
            with pytest.raises(Exception, match="read only access"):
                await session.call("asking", lambda connection: connection.defineXML("<domain/>"))
        finally:
            await session.close()

    asyncio.run(scene())


def test_without_a_place_for_the_socket_the_host_cannot_be_reached_and_it_is_said_why(
    silent: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))

    async def scene() -> None:
        session = session_to(silent)
        with pytest.raises(HostUnreachable, match="no socket can be made on this machine: .*missing"):
            await session.call("asking", lambda connection: connection.getInfo())
        await session.close()

    asyncio.run(scene())
