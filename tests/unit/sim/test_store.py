"""What a simulated fleet remembers, and what becomes of it when its file is no good."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from reconciler.actions import Create, PutImage
from reconciler.actuators import open_host
from reconciler.actuators.sim import interfere
from reconciler.actuators.sim.store import FILE, Store
from reconciler.actuators.sim.view import address_of
from reconciler.errors import ActionFailed, HostError, HostUnreachable
from reconciler.specs.desired import HostName
from reconciler.state import HostState
from tests.builders import host, image_of, image_use, instance
from tests.unit.sim.memory import access_to, writing

HV1 = HostName("hv1")


def apply(store: Path, name: str = "hv1") -> HostState:
    """Make one instance on a host, and say what is there then."""

    async def scene() -> HostState:
        async with writing(store, name) as actuator:
            await actuator.perform(PutImage(actuator.host, image_of(image_use())))
            await actuator.perform(Create(actuator.host, instance("shop-db-0")))
            return await actuator.observe()

    return asyncio.run(scene())


def look(store: Path, name: str = "hv1", *, read_only: bool = True) -> HostState:
    async def scene() -> HostState:
        return await (await open_host(host(name), access_to(store, read_only=read_only))).observe()

    return asyncio.run(scene())


def everything_in(directory: Path) -> dict[str, tuple[int, bytes]]:
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in directory.glob(f"{FILE}*")}


def test_status_sees_what_apply_did(tmp_path: Path) -> None:
    assert look(tmp_path / "store") == HostState(
        HV1, look(tmp_path / "store").capacity, bridges=None, networks=None, address=address_of(HV1)
    )
    assert apply(tmp_path / "store") == look(tmp_path / "store")


def test_hosts_of_one_store_do_not_share_their_machines(tmp_path: Path) -> None:
    apply(tmp_path, "hv1")
    assert look(tmp_path, "hv2").instances == ()


@pytest.mark.parametrize("read_only", [True, False])
def test_looking_writes_nothing_at_all(tmp_path: Path, *, read_only: bool) -> None:
    look(tmp_path / "store", read_only=read_only)
    assert not (tmp_path / "store").exists()
    apply(tmp_path / "store")
    before = everything_in(tmp_path / "store")
    assert list(before) == [FILE]
    look(tmp_path / "store", read_only=read_only)
    assert everything_in(tmp_path / "store") == before


def _crowd(directory: Path, start: int) -> None:
    store = Store(directory, HV1)
    for number in range(start, start + 25):
        interfere.foreign(store, f"pet-{number}", "1")


def test_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    crowd = [context.Process(target=_crowd, args=(tmp_path, start)) for start in (0, 100, 200)]
    for each in crowd:
        each.start()
    for each in crowd:
        each.join(60)
    assert [each.exitcode for each in crowd] == [0, 0, 0]
    assert look(tmp_path).foreign.cpus == 75


def _die_in_the_middle(directory: Path) -> None:
    with closing(sqlite3.connect(directory / FILE, isolation_level=None)) as connection:
        connection.execute("PRAGMA cache_size = 1")  # so that it writes before it commits
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("DELETE FROM thing")
        for number in range(1000):
            connection.execute("INSERT INTO thing VALUES ('hv1', 'image', ?, ?)", (str(number), "x" * 1000))
        os._exit(9)


def test_change_that_a_killed_process_left_half_done_is_undone_by_who_may_write(tmp_path: Path) -> None:
    whole = apply(tmp_path)
    child = multiprocessing.get_context("spawn").Process(target=_die_in_the_middle, args=(tmp_path,))
    child.start()
    child.join(60)
    assert child.exitcode == 9
    before = everything_in(tmp_path)
    assert len(before) == 2, "it died too early or too late"
    with pytest.raises(HostUnreachable, match="was cut short"):
        look(tmp_path, read_only=True)
    assert everything_in(tmp_path) == before
    assert look(tmp_path, read_only=False) == whole
    assert look(tmp_path, read_only=True) == whole


def _in_the_way(path: Path) -> None:
    path.mkdir(parents=True)


def _no_database(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(b"this is not a database, however one looks at it" * 100)


def _from_the_future(path: Path) -> None:
    apply(path.parent)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")


def _nonsense(path: Path) -> None:
    apply(path.parent)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE thing SET body = '{}' WHERE kind = 'domain'")


SPOILERS = (_in_the_way, _no_database, _from_the_future, _nonsense)


@pytest.mark.parametrize("spoil", SPOILERS)
def test_file_that_cannot_be_read_is_a_host_that_cannot_be_reached(
    tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    spoil(tmp_path / "store" / FILE)
    with pytest.raises(HostUnreachable, match=str(tmp_path / "store" / FILE)):
        look(tmp_path / "store")
    with pytest.raises(HostUnreachable, match=str(tmp_path / "store" / FILE)):
        apply(tmp_path / "store")


def test_file_that_somebody_holds_for_long_is_a_host_that_cannot_be_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply(tmp_path)
    monkeypatch.setattr("reconciler.actuators.sim.store._PATIENCE_S", 0.01)
    with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        with pytest.raises(HostUnreachable, match="locked"):
            look(tmp_path)
        with pytest.raises(HostUnreachable, match="locked"):
            interfere.foreign(Store(tmp_path, HV1), "pet")


def test_store_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file where a directory should be")
    with pytest.raises(HostUnreachable, match="store"):
        apply(tmp_path / "store")


def test_full_disk_says_no_and_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = apply(tmp_path)
    plain = Store._connect

    def cramped(store: Store, mode: str) -> sqlite3.Connection:
        connection = plain(store, mode)
        connection.execute("PRAGMA max_page_count = 1")  # as many as it has
        return connection

    monkeypatch.setattr(Store, "_connect", cramped)
    with pytest.raises(HostError, match=FILE) as refused:
        for number in range(100):
            interfere.foreign(Store(tmp_path, HostName("hv2")), f"pet-{number}")
    assert type(refused.value) is ActionFailed
    monkeypatch.undo()
    assert look(tmp_path) == before
