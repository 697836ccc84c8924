"""``reconcile history``: who changed what, when and why."""

from __future__ import annotations

import asyncio
import sys

from reconciler.cli import exits
from reconciler.cli.options import Output
from reconciler.cli.session import Request
from reconciler.cli.show import show_history, show_run
from reconciler.store.journal import SqliteJournal
from reconciler.store.port import RunId


def run(request: Request, run_id: str | None, output: Output) -> int:
    """All runs, newest first, or one of them step by step (its name may be cut short)."""
    journal = SqliteJournal(request.kept_in(request.desired()))
    return asyncio.run(_history(journal, run_id, output))


async def _history(journal: SqliteJournal, run_id: str | None, output: Output) -> int:
    runs = await journal.runs()
    if run_id is None:
        show_history([(each, await journal.entries(each.id)) for each in runs], output)
        return exits.Exit.OK
    found = [each for each in runs if each.id.startswith(run_id)]
    if len(found) != 1:
        told = "no plan" if not found else f"{len(found)} plans"
        sys.stderr.write(
            f"error: the history has {told} called '{run_id}'; reconcile history DIR lists them\n"
        )
        return exits.Exit.INVALID
    show_run(found[0], await journal.entries(RunId(found[0].id)), output)
    return exits.Exit.OK
