"""``reconcile images``: the base images of the hosts; ``--prune`` removes those that nothing needs."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass

from reconciler.cli import exits
from reconciler.cli.apply import carried_out, may_go_on
from reconciler.cli.options import Output
from reconciler.cli.session import Request, engine
from reconciler.cli.show import show_images, show_plan, show_report
from reconciler.engine.cycle import Cycle
from reconciler.engine.rounds import Round
from reconciler.engine.stock import images_of, take_stock
from reconciler.planner.pruning import prune_plan
from reconciler.report import Report
from reconciler.specs.desired import Desired


@dataclass(frozen=True, slots=True)
class Options:
    """``images``' own."""

    prune: bool
    yes: bool


def run(request: Request, output: Output, options: Options) -> int:
    """List what is there, or remove what nothing needs."""
    if options.prune and not options.yes and not sys.stdin.isatty():
        sys.stderr.write("error: there is no terminal to ask on: give --yes to prune without asking\n")
        return exits.Exit.USAGE
    desired = request.desired()
    if not options.prune:
        return asyncio.run(_list(request, desired, output))
    return asyncio.run(_prune(request, desired, output, yes=options.yes))


async def _list(request: Request, desired: Desired, output: Output) -> int:
    async with engine(request, desired, verb="images", read_only=True) as cycle:
        stock = await take_stock(cycle.hosts, await cycle.hosts.observe())
    show_images(images_of(stock, desired), stock.observed.unknown, output)
    return exits.Exit.PARTIAL if stock.observed.unknown else exits.Exit.OK


async def _prune(request: Request, desired: Desired, output: Output, *, yes: bool) -> int:
    async with engine(request, desired, verb="images --prune", read_only=False) as cycle:
        await cycle.hosts.lock(str(cycle.author))
        report = await _pruned(desired, cycle, output, yes=yes)
        if report is None:
            sys.stderr.write("nothing was removed\n")
            return exits.Exit.ERROR
        if report.steps or output is not Output.HUMAN:
            show_report(report, output)
        return exits.of_report(report)


async def _pruned(desired: Desired, cycle: Cycle, output: Output, *, yes: bool) -> Report | None:
    """What became of it; None where the user said no."""
    stock = await take_stock(cycle.hosts, await cycle.hosts.observe())
    plan = prune_plan(desired, stock.observed, stock.holdings)
    await cycle.resolve(Round(desired, stock.observed, plan))
    if output is Output.HUMAN:
        show_plan(plan, output)
    if not plan.steps:
        return Report(plan, ())
    if not yes and not await may_go_on(plan):
        return None
    return await carried_out(plan, cycle, desired.fleet.migrations)
