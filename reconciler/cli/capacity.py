"""``reconcile capacity``: how many more would fit."""

from __future__ import annotations

from pathlib import Path

from reconciler.cli import exits
from reconciler.cli.options import Output
from reconciler.cli.recorded import look_or_recall
from reconciler.cli.session import Request
from reconciler.cli.show import show_capacity
from reconciler.engine.scheduling import scheduler_of
from reconciler.planner.capacity import capacity_for


def run(request: Request, like: str, output: Output, snapshot: Path | None) -> int:
    """Look, count, and print. That none would fit is an answer, no failure."""
    desired = request.desired()
    observed = look_or_recall(request, desired, snapshot, verb="capacity")
    show_capacity(capacity_for(desired, observed, like, scheduler_of(desired.fleet).scheduler), output)
    return exits.Exit.PARTIAL if observed.unknown else exits.Exit.OK
