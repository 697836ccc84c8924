"""``reconcile hosts``: the physical boxes, what each has and who takes how much of it."""

from __future__ import annotations

from pathlib import Path

from reconciler.cli import exits
from reconciler.cli.options import Output
from reconciler.cli.recorded import look_or_recall
from reconciler.cli.session import Request
from reconciler.cli.show import show_hosts
from reconciler.planner.hosts import hosts_of


def run(request: Request, output: Output, snapshot: Path | None) -> int:
    """Look, and print. A host that did not answer shows as exit 8."""
    desired = request.desired()
    observed = look_or_recall(request, desired, snapshot, verb="hosts")
    show_hosts(hosts_of(desired, observed), output)
    return exits.Exit.PARTIAL if observed.unknown else exits.Exit.OK
