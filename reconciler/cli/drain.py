"""``reconcile drain``: a host is emptied, and stays empty until it is taken back."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass

from reconciler.cli import exits
from reconciler.cli.apply import Options as ApplyOptions
from reconciler.cli.apply import apply_wish
from reconciler.cli.cordon import cordon_of
from reconciler.cli.options import Output
from reconciler.cli.session import Request, now
from reconciler.engine.logbook import Author
from reconciler.engine.rounds import Wish
from reconciler.planner.cordoning import checked_reason
from reconciler.planner.draining import Drain
from reconciler.planner.named import host_named


@dataclass(frozen=True, slots=True)
class Options:
    """``drain``'s own."""

    reason: str
    yes: bool


def run(request: Request, name: str, output: Output, options: Options) -> int:
    """Plan it, show what moves and what cannot, ask, carry out, report."""
    checked_reason(options.reason)
    if not options.yes and not sys.stdin.isatty():
        sys.stderr.write("error: there is no terminal to ask on: give --yes to drain without asking\n")
        return exits.Exit.USAGE
    desired = request.desired()
    host_named(desired, name)
    cordon = cordon_of(Author.of_this_process("drain"), now(), options.reason)
    wish = Wish(desired, drain=Drain(name, cordon))
    return asyncio.run(apply_wish(request, wish, ApplyOptions(output, options.yes, wait=False, verb="drain")))
