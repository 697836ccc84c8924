"""``reconcile snapshot``: the observed fleet as JSON."""

from __future__ import annotations

import asyncio
import sys

from reconciler import state
from reconciler.cli import exits
from reconciler.cli.session import Request, engine
from reconciler.render.json import unseen_escaped
from reconciler.state import Observed


def run(request: Request) -> int:
    """Look, and print what ``plan --snapshot`` reads."""
    observed = asyncio.run(_look(request))
    sys.stdout.write(unseen_escaped(state.to_json(observed).decode()) + "\n")
    return exits.Exit.PARTIAL if observed.unknown else exits.Exit.OK


async def _look(request: Request) -> Observed:
    desired = request.desired()
    async with engine(request, desired, verb="snapshot", read_only=True) as cycle:
        return await cycle.hosts.observe()
