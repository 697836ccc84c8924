"""The journal in SQLite, beside the fleet file.

Write-ahead logging, and a commit is on the disk before it returns: an intent that was not written
down must not be followed by its effect. Each call opens what it needs in a worker thread, one at a
time, so that a slow disk never holds up the loop.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from reconciler.actions import action_key, subject
from reconciler.errors import StoreError
from reconciler.plan import Plan, Step
from reconciler.report import StepReport
from reconciler.store.port import Entry, Run, RunId
from reconciler.store.rows import (
    ENTRY_COLUMNS,
    RUN_COLUMNS,
    Row,
    entry_of,
    outcome_detail,
    outcome_word,
    reasons_text,
    run_of,
    time_text,
)

FILE = "history.sqlite"
_VERSION = 1
_PATIENCE_S = 5.0
_SCHEMA = (
    "CREATE TABLE run (id TEXT PRIMARY KEY, plan TEXT NOT NULL, verb TEXT NOT NULL, who TEXT NOT NULL,"
    " version TEXT NOT NULL, started TEXT NOT NULL, ended TEXT) WITHOUT ROWID",
    "CREATE TABLE entry (run TEXT NOT NULL REFERENCES run, step TEXT NOT NULL, action TEXT NOT NULL,"
    " subject TEXT NOT NULL, host TEXT NOT NULL, because TEXT NOT NULL, begun TEXT NOT NULL,"
    " ended TEXT, outcome TEXT NOT NULL, detail TEXT NOT NULL, PRIMARY KEY (run, step)) WITHOUT ROWID",
    "CREATE INDEX by_time ON entry (action, begun)",
    f"PRAGMA user_version = {_VERSION}",
)
# Every round asks for them, and there are hardly ever any.
_OPEN_ENTRIES = "CREATE INDEX IF NOT EXISTS open_entries ON entry (run) WHERE outcome = ''"

_T = TypeVar("_T")


class SqliteJournal:
    """A journal in ``<directory>/history.sqlite``, made when first written to."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / FILE
        self._turn = asyncio.Lock()
        self._connection: sqlite3.Connection | None = None

    async def begin(self, run: Run, plan: Plan) -> None:
        """Write a run down."""
        del plan  # its steps are written as they begin
        row = (run.id, run.plan, run.verb, run.who, run.version, time_text(run.started), None)
        await self._write("INSERT INTO run VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    async def intend(self, run: RunId, step: Step, *, at: datetime) -> None:
        """Write a step down before its effect begins."""
        because = reasons_text(step.because)
        about = (action_key(step.action), subject(step.action), step.where, because)
        row = (run, step.id, *about, time_text(at), None, "", "")
        await self._write("INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)

    async def settle(self, run: RunId, report: StepReport, *, at: datetime) -> None:
        """Write down what became of a step that was begun."""
        row = (
            time_text(at),
            outcome_word(report.outcome),
            outcome_detail(report.outcome),
            run,
            report.step.id,
        )
        await self._write(
            "UPDATE entry SET ended = ?, outcome = ?, detail = ? WHERE run = ? AND step = ?", row
        )

    async def end(self, run: RunId, *, at: datetime) -> None:
        """Write down that a run is over."""
        await self._write("UPDATE run SET ended = ? WHERE id = ?", (time_text(at), run))

    async def destroyed_since(self, since: datetime) -> int:
        """Count destructions; one that a host clearly refused took nothing away."""
        rows = await self._read(
            "SELECT count(*) FROM entry WHERE action = 'destroy' AND begun >= ? AND outcome != 'failed'",
            (time_text(since),),
        )
        return int(rows[0][0]) if rows else 0

    async def unsettled(self) -> Sequence[Entry]:
        """Steps without an outcome, oldest first."""
        rows = await self._read(
            f"SELECT {ENTRY_COLUMNS} FROM entry WHERE outcome = '' ORDER BY begun, run, step"
        )
        return tuple(entry_of(row) for row in rows)

    async def resolve(self, entry: Entry, seen: str, *, at: datetime) -> None:
        """Close an entry whose controller died."""
        row = (time_text(at), f"the controller died; seen since: {seen}", entry.run, entry.step)
        await self._write(
            "UPDATE entry SET ended = ?, outcome = 'unknown', detail = ?"
            " WHERE run = ? AND step = ? AND outcome = ''",
            row,
        )

    async def started(self) -> Mapping[str, datetime]:
        """The end of the last step that booted each instance."""
        rows = await self._read(
            "SELECT subject, max(ended) FROM entry WHERE outcome = 'ok'"
            " AND action IN ('create', 'start', 'update_restart', 'replace') GROUP BY subject"
        )
        return {subject: datetime.fromisoformat(ended) for subject, ended in rows}

    async def moved(self, since: datetime, until: datetime) -> Mapping[str, datetime]:
        """The end of the last migration of each instance; where nobody knows of one, its beginning."""
        rows = await self._read(
            "SELECT subject, max(coalesce(ended, begun)) FROM entry WHERE action = 'migrate' AND"
            " outcome IN ('ok', 'unknown', '') AND coalesce(ended, begun) BETWEEN ? AND ? GROUP BY subject",
            (time_text(since), time_text(until)),
        )
        return {subject: datetime.fromisoformat(at) for subject, at in rows}

    async def spent(self, plan: str) -> bool:
        """Whether a signed plan was applied before."""
        rows = await self._read("SELECT 1 FROM run WHERE plan = ? AND verb = 'apply-plan' LIMIT 1", (plan,))
        return bool(rows)

    async def runs(self) -> Sequence[Run]:
        """All runs, newest first."""
        rows = await self._read(f"SELECT {RUN_COLUMNS} FROM run ORDER BY started DESC, id DESC")
        return tuple(run_of(row) for row in rows)

    async def entries(self, run: RunId) -> Sequence[Entry]:
        """The steps of one run, in the order they began."""
        rows = await self._read(
            f"SELECT {ENTRY_COLUMNS} FROM entry WHERE run = ? ORDER BY begun, step", (run,)
        )
        return tuple(entry_of(row) for row in rows)

    async def close(self) -> None:
        """Close the file."""
        async with self._turn:
            if self._connection is not None:
                connection, self._connection = self._connection, None
                await asyncio.to_thread(connection.close)

    async def _write(self, statement: str, row: Sequence[object]) -> None:
        def work() -> None:
            if self._connection is None:
                self._connection = self._opened()
            with self._connection:
                self._connection.execute(statement, row)

        await self._in_turn(work)

    async def _read(self, query: str, row: Sequence[object] = ()) -> Sequence[Row]:
        def work() -> Sequence[Row]:
            if self._connection is not None:
                return self._connection.execute(query, row).fetchall()
            if not self.path.exists():
                return ()  # no history yet, and a reader does not begin one
            with closing(self._connect(self._reading_mode())) as connection:
                _check_version(connection, self.path)
                return connection.execute(query, row).fetchall()

        return await self._in_turn(work)

    async def _in_turn(self, work: Callable[[], _T]) -> _T:
        async with self._turn:
            return await asyncio.shield(asyncio.to_thread(self._translated, work))

    def _translated(self, work: Callable[[], _T]) -> _T:
        with self._door():
            return work()

    def _opened(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = self._connect("rwc")
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            if connection.execute("PRAGMA user_version").fetchone()[0] == 0:
                with connection:
                    for statement in _SCHEMA:
                        connection.execute(statement)
            _check_version(connection, self.path)
            connection.execute(_OPEN_ENTRIES)
        except BaseException:
            connection.close()
            raise
        return connection

    def _reading_mode(self) -> str:
        # Where no writer has left a log, the file itself is all there is: nothing need be made to read it.
        log = self.path.with_name(f"{self.path.name}-wal")
        return "ro" if log.exists() else "ro&immutable=1"

    def _connect(self, mode: str) -> sqlite3.Connection:
        uri = f"{self.path.absolute().as_uri()}?mode={mode}"
        # Calls take turns, whichever worker thread each runs in.
        return sqlite3.connect(uri, uri=True, timeout=_PATIENCE_S, check_same_thread=False)

    @contextmanager
    def _door(self) -> Iterator[None]:
        """Where foreign errors end."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            hint = "; it holds history only: move it away to go on" if _is_damaged(error) else ""
            raise StoreError(str(self.path), f"{error}{hint}") from error
        except OSError as error:
            raise StoreError(str(self.path), error.strerror or str(error)) from error


def _is_damaged(error: sqlite3.DatabaseError) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _check_version(connection: sqlite3.Connection, path: Path) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version != _VERSION:
        raise StoreError(str(path), f"version {version} is not {_VERSION}; move it away to go on")
