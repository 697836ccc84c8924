"""The journal: on the disk before the effect, whole after a crash, and no truth of its own."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sqlite3
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TypeVar

import pytest

from reconciler.actions import Destroy, Start
from reconciler.errors import StoreError
from reconciler.plan import Basis, Cause, Plan, Step, StepId
from reconciler.report import Done, Failed, Outcome, StepReport, Unresolved
from reconciler.store.journal import FILE, SqliteJournal
from reconciler.store.port import Run, RunId
from tests.builders import instance, running, sha, stopped

_T = TypeVar("_T")
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
RUN = Run(RunId("20260101T120000-aa"), "d" * 64, "apply", "ops@desk", "0.1.0", NOON)
PLAN = Plan(Basis(sha("d"), sha("o")))


def destroy(name: str) -> Step:
    state = running(instance(name), on="hv1")
    return Step(StepId(f"destroy/{name}"), Destroy(state.host, state), (Cause("no longer declared"),))


def start(name: str) -> Step:
    state = stopped(instance(name), on="hv1")
    return Step(StepId(f"start/{name}"), Start(state.host, state), (Cause("drift"),))


def with_journal(directory: Path, scene: Callable[[SqliteJournal], Awaitable[_T]]) -> _T:
    async def whole() -> _T:
        journal = SqliteJournal(directory)
        try:
            return await scene(journal)
        finally:
            await journal.close()

    return asyncio.run(whole())


async def written(journal: SqliteJournal, *, at: datetime, **outcomes: Outcome | None) -> None:
    """A run in which these services' machines were destroyed, with these outcomes (None: it died)."""
    await journal.begin(RUN, PLAN)
    for service, outcome in outcomes.items():
        step = destroy(f"{service}-x-0")
        await journal.intend(RUN.id, step, at=at)
        if outcome is not None:
            await journal.settle(RUN.id, StepReport(step, outcome), at=at)


def test_what_was_written_is_read_again_by_another(tmp_path: Path) -> None:
    async def scene(journal: SqliteJournal) -> None:
        await written(journal, at=NOON, a=Done(), b=Failed("no"))
        await journal.end(RUN.id, at=NOON + timedelta(seconds=2))

    with_journal(tmp_path, scene)
    (run,) = with_journal(tmp_path, lambda journal: journal.runs())
    assert (run.id, run.who, run.ended) == (RUN.id, "ops@desk", NOON + timedelta(seconds=2))
    entries = with_journal(tmp_path, lambda journal: journal.entries(RUN.id))
    assert [(entry.step, entry.outcome, entry.detail) for entry in entries] == [
        ("destroy/a-x-0", "ok", ""),
        ("destroy/b-x-0", "failed", "no"),
    ]
    assert entries[0].because == "no longer declared"


def test_a_reader_of_no_history_begins_none(tmp_path: Path) -> None:
    assert with_journal(tmp_path / "store", lambda journal: journal.runs()) == ()
    assert with_journal(tmp_path / "store", lambda journal: journal.destroyed_since(NOON)) == 0
    assert not (tmp_path / "store").exists()


def test_a_reader_writes_nothing(tmp_path: Path) -> None:
    with_journal(tmp_path, lambda journal: written(journal, at=NOON, a=Done()))
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    with_journal(tmp_path, lambda journal: journal.unsettled())
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before


def test_deletions_count_unless_the_host_clearly_refused(tmp_path: Path) -> None:
    async def scene(journal: SqliteJournal) -> tuple[int, int]:
        await written(journal, at=NOON, a=Done(), b=Failed("no"), c=Unresolved("cut"), d=None)
        step = start("e-x-0")
        await journal.intend(RUN.id, step, at=NOON)
        within = await journal.destroyed_since(NOON - timedelta(hours=1))
        return within, await journal.destroyed_since(NOON + timedelta(seconds=1))

    assert with_journal(tmp_path, scene) == (3, 0)


def test_a_step_whose_controller_died_is_unsettled_until_a_look_resolves_it(tmp_path: Path) -> None:
    with_journal(tmp_path, lambda journal: written(journal, at=NOON, a=Done(), b=None))

    async def resolved(journal: SqliteJournal) -> tuple[str, str]:
        (entry,) = await journal.unsettled()
        assert entry.step == "destroy/b-x-0"
        await journal.resolve(entry, "running on hv1", at=NOON)
        assert await journal.unsettled() == ()
        (_, after) = await journal.entries(RUN.id)
        return after.outcome, after.detail

    assert with_journal(tmp_path, resolved) == (
        "unknown",
        "the controller died; seen since: running on hv1",
    )


def test_only_a_signed_plan_is_spent(tmp_path: Path) -> None:
    async def scene(journal: SqliteJournal) -> tuple[bool, bool]:
        await journal.begin(RUN, PLAN)
        before = await journal.spent(RUN.plan)
        signed = Run(RunId("20260101T120001-bb"), RUN.plan, "apply-plan", "ops", "0.1.0", NOON)
        await journal.begin(signed, PLAN)
        return before, await journal.spent(RUN.plan)

    assert with_journal(tmp_path, scene) == (False, True)


def test_a_full_disk_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    async def scene(journal: SqliteJournal) -> None:
        await journal.begin(RUN, PLAN)
        # SQLite's own way of being full: the very code that a full disk takes.
        assert journal._connection is not None
        pages = journal._connection.execute("PRAGMA page_count").fetchone()[0]
        journal._connection.execute(f"PRAGMA max_page_count = {pages}")
        for number in range(10_000):
            await journal.intend(RUN.id, start(f"s{number}-x-0"), at=NOON)

    with pytest.raises(StoreError, match=f"{FILE}: database or disk is full"):
        with_journal(tmp_path, scene)
    entries = with_journal(tmp_path, lambda journal: journal.entries(RUN.id))
    assert all(entry.step.startswith("start/") for entry in entries)


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="File exists"):
        with_journal(tmp_path / "file", lambda journal: journal.begin(RUN, PLAN))


def _write_until_killed(directory: Path, written: Connection) -> None:
    async def scene(journal: SqliteJournal) -> None:
        await journal.begin(RUN, PLAN)
        number = 0
        while True:
            await journal.intend(RUN.id, start(f"s{number}-x-0"), at=NOON + timedelta(seconds=number))
            written.send(number)
            number += 1

    with_journal(directory, scene)


def test_what_a_killed_writer_was_told_is_written_is_there(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    told, written = spawn.Pipe(duplex=False)
    child = spawn.Process(target=_write_until_killed, args=(tmp_path / "store", written))
    child.start()
    written.close()
    promised = 0
    while promised < 20:
        promised = told.recv()
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    while told.poll():  # what it said between our last look and its end
        try:
            promised = told.recv()
        except EOFError:
            break
    entries = with_journal(tmp_path / "store", lambda journal: journal.entries(RUN.id))
    assert len(entries) in (promised + 1, promised + 2)


def test_a_log_torn_in_the_middle_of_a_write_loses_that_write_alone(tmp_path: Path) -> None:
    journal_file = tmp_path / FILE
    with_journal(tmp_path, lambda journal: written(journal, at=NOON, a=Done()))

    async def torn(journal: SqliteJournal) -> None:
        await journal.intend(RUN.id, start("b-x-0"), at=NOON)
        log = journal_file.with_name(f"{FILE}-wal").read_bytes()
        whole = journal_file.read_bytes()
        copy = tmp_path / "copy"
        copy.mkdir()
        (copy / FILE).write_bytes(whole)
        (copy / f"{FILE}-wal").write_bytes(log[: len(log) - 100])

    with_journal(tmp_path, torn)
    connection = sqlite3.connect(tmp_path / "copy" / FILE)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    entries = with_journal(tmp_path / "copy", lambda journal: journal.entries(RUN.id))
    assert [entry.step for entry in entries] == ["destroy/a-x-0"]
