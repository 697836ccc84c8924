"""``reconcile rebalance``: what runs moves to where its cluster's policy gains by it."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path

from reconciler.cli import exits
from reconciler.cli.apply import Options as ApplyOptions
from reconciler.cli.apply import apply_wish
from reconciler.cli.options import Output
from reconciler.cli.recorded import recorded
from reconciler.cli.session import Request, look_and_decide
from reconciler.cli.show import show_rebalance
from reconciler.engine.rounds import Round, Wish, rebalanced
from reconciler.planner.rebalancing import Rebalance


@dataclass(frozen=True, slots=True)
class Options:
    """``rebalance``'s own."""

    max_moves: int | None
    snapshot: Path | None
    dry_run: bool
    yes: bool


def run(request: Request, output: Output, options: Options) -> int:
    """Plan it, show the moves and what they gain, ask, carry out, report."""
    asked = Rebalance(options.max_moves)
    if options.dry_run or options.snapshot is not None:
        current = _looked_at(request, asked, options.snapshot)
        assert current.gain is not None, "a rebalance says what it gains"
        show_rebalance(current.plan, current.gain, output)
        return exits.of_plan(current.plan, detailed=False)
    if not options.yes and not sys.stdin.isatty():
        sys.stderr.write("error: there is no terminal to ask on: give --yes, or --dry-run to only look\n")
        return exits.Exit.USAGE
    wish = Wish(request.desired(), rebalance=asked)
    applying = ApplyOptions(output, options.yes, wait=False, verb="rebalance")
    return asyncio.run(apply_wish(request, wish, applying))


def _looked_at(request: Request, asked: Rebalance, snapshot: Path | None) -> Round:
    """What there is to gain: of the fleet as it is and was moved lately, or as it was recorded."""
    desired = request.desired()
    if snapshot is None:
        return asyncio.run(look_and_decide(request, Wish(desired, rebalance=asked)))
    return rebalanced(desired, recorded(desired, snapshot), asked)
