"""``reconcile watch``: the loop."""

from __future__ import annotations

import asyncio
from random import Random

from reconciler.cli import exits
from reconciler.cli.session import Request, engine
from reconciler.engine.interruption import Interruption, on_signals
from reconciler.engine.loop import Loop, Pace
from reconciler.render.watching import watching
from reconciler.sources.directory import DirectorySource


def run(request: Request, *, resync: float) -> int:
    """Go round until SIGINT or SIGTERM; both end cleanly, and that is no error."""
    return asyncio.run(_watch(request, resync))


async def _watch(request: Request, resync: float) -> int:
    interruption = Interruption()
    teller = watching()
    with DirectorySource(request.directory, fleet=request.fleet) as source:
        loop = Loop(
            source,
            lambda desired: engine(request, desired, verb="watch", read_only=False),
            teller=teller,
            pace=Pace(resync=resync),
            luck=Random(),
        )
        with teller.opened(), on_signals(interruption):
            await loop.run(interruption)
    return exits.Exit.OK
