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

from reconciler.actions import Destroy, Migrate, Settle, Start
from reconciler.errors import StoreError
from reconciler.plan import Basis, Cause, Plan, Step, StepId
from reconciler.report import Abandoned, Done, Failed, Outcome, StepReport, Unresolved
from reconciler.specs.desired import HostName
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


def migrate(name: str) -> Step:
    state = running(instance(name), on="hv1")
    move = Migrate(HostName("hv2"), state.host, state)
    return Step(StepId(f"migrate/{name}"), move, (Cause("hv1: cordoned"),))


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


def test_who_was_moved_or_perhaps_was_is_known_from_when_that_was_over(tmp_path: Path) -> None:
    outcomes: dict[str, Outcome | None] = {
        "a": Done(),
        "b": Failed("no"),
        "c": Unresolved("cut"),
        "d": Abandoned(begun=True),
        "e": Abandoned(begun=False),
        "f": None,
    }
    over = NOON + timedelta(minutes=5)

    async def scene(journal: SqliteJournal) -> dict[str, datetime]:
        await journal.begin(RUN, PLAN)
        for service, outcome in outcomes.items():
            step = migrate(f"{service}-x-0")
            await journal.intend(RUN.id, step, at=NOON)
            if outcome is not None:
                await journal.settle(RUN.id, StepReport(step, outcome), at=over)
        await journal.intend(RUN.id, start("g-x-0"), at=NOON)
        tidy = running(instance("h-x-0"), on="hv1")
        settle = Step(StepId("settle/h"), Settle(tidy.host, None, tidy), (Cause("it has moved"),))
        await journal.intend(RUN.id, settle, at=NOON)
        return dict(await journal.moved(NOON, over))

    assert with_journal(tmp_path, scene) == {"a-x-0": over, "c-x-0": over, "d-x-0": over, "f-x-0": NOON}


def test_the_last_of_several_moves_counts_and_none_that_is_yet_to_come(tmp_path: Path) -> None:
    async def moved(journal: SqliteJournal, run: str, at: datetime) -> None:
        of_then = Run(RunId(run), RUN.plan, "drain", "ops", "0.1.0", NOON)
        step = migrate("a-x-0")
        await journal.begin(of_then, PLAN)
        await journal.intend(of_then.id, step, at=at)
        await journal.settle(of_then.id, StepReport(step, Done()), at=at)

    async def scene(journal: SqliteJournal) -> list[dict[str, datetime]]:
        for number, minutes in enumerate((-30, -5, -10, 60)):
            await moved(journal, f"run-{number}", NOON + timedelta(minutes=minutes))
        spans = ((-60, 0), (-60, -20), (-4, 0), (-60, 61))
        return [
            dict(await journal.moved(NOON + timedelta(minutes=since), NOON + timedelta(minutes=until)))
            for since, until in spans
        ]

    assert with_journal(tmp_path, scene) == [
        {"a-x-0": NOON - timedelta(minutes=5)},
        {"a-x-0": NOON - timedelta(minutes=30)},
        {},
        {"a-x-0": NOON + timedelta(minutes=60)},
    ]


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
