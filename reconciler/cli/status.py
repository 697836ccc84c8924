"""``reconcile status``: what runs where, beside what should."""

from __future__ import annotations

import asyncio

from reconciler.cli import exits
from reconciler.cli.options import Output
from reconciler.cli.session import Request, engine
from reconciler.cli.show import show_status
from reconciler.engine.rounds import Wish
from reconciler.engine.status import Status, health_of, status_of


def run(request: Request, output: Output) -> int:
    """Look, and print. A host that did not answer shows as exit 8."""
    status = asyncio.run(_status(request))
    show_status(status, output)
    return exits.Exit.PARTIAL if status.unknown else exits.Exit.OK


async def _status(request: Request) -> Status:
    wish = Wish(request.desired())
    async with engine(request, wish.desired, verb="status", read_only=True) as cycle:
        current = await cycle.plan(wish)
        return status_of(current, await health_of(current, cycle))
