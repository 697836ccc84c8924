"""``reconcile plan``: a dry run that can only read."""

from __future__ import annotations

import asyncio
from pathlib import Path

from reconciler import state
from reconciler.cli import exits
from reconciler.cli.options import Output
from reconciler.cli.session import Request, look_and_decide
from reconciler.cli.show import show_plan
from reconciler.engine.cycle import Round, decide
from reconciler.errors import Fault, InvalidInput, Position


def run(request: Request, output: Output, *, snapshot: Path | None, detailed: bool) -> int:
    """Plan against the fleet, or against a recorded one, and print it."""
    current = asyncio.run(look_and_decide(request)) if snapshot is None else _replay(request, snapshot)
    show_plan(current.plan, output)
    return exits.of_plan(current.plan, detailed=detailed)


def _replay(request: Request, snapshot: Path) -> Round:
    desired = request.desired()
    try:
        observed = state.from_json(snapshot.read_bytes())
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "not a snapshot written by this version"
        where = Position(str(snapshot), 1, 1)
        hint = "write one with: reconcile snapshot DIR > FILE"
        raise InvalidInput([Fault(where, f"cannot be read: {why}", hint=hint)]) from error
    if observed.fleet != desired.fleet.name:
        where = Position(str(snapshot), 1, 1)
        message = f"is of the fleet '{observed.fleet}', not of '{desired.fleet.name}'"
        raise InvalidInput([Fault(where, message)])
    return decide(desired, observed)
