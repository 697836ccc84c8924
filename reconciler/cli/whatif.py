"""``reconcile whatif``: what a host's death would do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from reconciler.cli import exits
from reconciler.cli.options import Output
from reconciler.cli.recorded import look_or_recall
from reconciler.cli.session import Request
from reconciler.cli.show import show_whatif
from reconciler.engine.scheduling import scheduler_of
from reconciler.planner.named import host_named
from reconciler.planner.whatif import what_if


def run(request: Request, without: Sequence[str], output: Output, snapshot: Path | None) -> int:
    """Look, think the hosts away, and print. Exit 4 where somebody would find no place."""
    desired = request.desired()
    for name in without:
        host_named(desired, name)  # before any host is asked
    observed = look_or_recall(request, desired, snapshot, verb="whatif")
    answer = what_if(desired, observed, without, scheduler_of(desired.fleet).scheduler)
    show_whatif(answer, output)
    if answer.homeless:
        return exits.Exit.NO_PLACE
    return exits.Exit.PARTIAL if observed.unknown else exits.Exit.OK
