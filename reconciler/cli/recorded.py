"""A recorded fleet in place of the hosts: what ``reconcile snapshot`` wrote, read again."""

from __future__ import annotations

from pathlib import Path

from reconciler import state
from reconciler.cli.session import Request, engine
from reconciler.errors import Fault, InvalidInput, Position
from reconciler.specs.desired import Desired
from reconciler.state import Observed


def recorded(desired: Desired, snapshot: Path) -> Observed:
    """The fleet as it was recorded. Raises InvalidInput for what is no snapshot of this fleet."""
    where = Position(str(snapshot), 1, 1)
    try:
        observed = state.from_json(snapshot.read_bytes())
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "not a snapshot written by this version"
        hint = "write one with: reconcile snapshot DIR > FILE"
        raise InvalidInput([Fault(where, f"cannot be read: {why}", hint=hint)]) from error
    if observed.fleet != desired.fleet.name:
        message = f"is of the fleet '{observed.fleet}', not of '{desired.fleet.name}'"
        raise InvalidInput([Fault(where, message)])
    return observed


def look_or_recall(request: Request, desired: Desired, snapshot: Path | None, *, verb: str) -> Observed:
    """The fleet as it is, from a look that can only read, or as it was recorded."""
    if snapshot is not None:
        return recorded(desired, snapshot)
    import asyncio

    return asyncio.run(_look(request, desired, verb))


async def _look(request: Request, desired: Desired, verb: str) -> Observed:
    async with engine(request, desired, verb=verb, read_only=True) as cycle:
        return await cycle.hosts.observe()
