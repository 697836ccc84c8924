"""``reconcile status``: what runs where, beside what should."""

from __future__ import annotations

import asyncio

from reconciler.cli import exits
from reconciler.cli.options import Output
from reconciler.cli.session import Request, look_and_decide
from reconciler.cli.show import show_status
from reconciler.engine.status import status_of


def run(request: Request, output: Output) -> int:
    """Look, and print. A host that did not answer shows as exit 8."""
    current = asyncio.run(look_and_decide(request))
    show_status(status_of(current), output)
    return exits.Exit.PARTIAL if current.observed.unknown else exits.Exit.OK
