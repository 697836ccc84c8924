"""``reconcile explain``: why an instance is, or cannot be, where it is."""

from __future__ import annotations

import asyncio

from reconciler.cli import exits
from reconciler.cli.options import Output
from reconciler.cli.session import Request, look_and_decide
from reconciler.cli.show import show_explanation
from reconciler.engine.scheduling import scheduler_of
from reconciler.planner.explain import explain


def run(request: Request, name: str, output: Output) -> int:
    """Look, and explain. A name that is neither declared nor seen is invalid input."""
    current = asyncio.run(look_and_decide(request))
    scheduler = scheduler_of(current.desired.fleet).scheduler
    show_explanation(explain(current.desired, current.observed, name, scheduler), output)
    return exits.Exit.PARTIAL if current.observed.unknown else exits.Exit.OK
