"""``reconcile migrate``: one machine to another host, while it runs."""

from __future__ import annotations

import asyncio
import sys

from reconciler.cli import exits
from reconciler.cli.apply import Options, apply_wish
from reconciler.cli.options import Output
from reconciler.cli.session import Request
from reconciler.engine.rounds import Wish
from reconciler.planner import Move


def run(request: Request, move: Move, output: Output, *, yes: bool) -> int:
    """Plan it, show, ask, carry out, report."""
    if not yes and not sys.stdin.isatty():
        sys.stderr.write("error: there is no terminal to ask on: give --yes to migrate without asking\n")
        return exits.Exit.USAGE
    wish = Wish(request.desired(), move=move)
    return asyncio.run(apply_wish(request, wish, Options(output, yes, wait=False, verb="migrate")))
