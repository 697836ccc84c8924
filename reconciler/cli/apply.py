"""``reconcile apply``: once round the loop, from a directory or from a signed plan."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import typer

from reconciler.cli import exits
from reconciler.cli.options import Output
from reconciler.cli.session import Request, engine
from reconciler.cli.show import show_plan, show_report
from reconciler.engine.cycle import Cycle, Wish
from reconciler.engine.interruption import Interruption, on_signals
from reconciler.engine.run import Conditions
from reconciler.engine.signed import SignedPlan, read, refuse_if_stale
from reconciler.errors import StalePlan
from reconciler.plan import Plan
from reconciler.report import Report


@dataclass(frozen=True, slots=True)
class Options:
    """``apply``'s own. ``promise`` is the signed plan that is to be carried out, if it is one."""

    output: Output
    yes: bool
    wait: bool
    promise: SignedPlan | None = None


def run(request: Request, options: Options, allow_deletes: int | None) -> int:
    """Plan, show, ask, carry out, report."""
    promise = read(request.directory) if request.directory.is_file() else None
    if not options.yes and not sys.stdin.isatty():
        sys.stderr.write("error: there is no terminal to ask on: give --yes to apply without asking\n")
        return exits.Exit.USAGE
    if promise is not None:
        if request.fleet is not None or allow_deletes is not None or options.wait:
            sys.stderr.write("error: a signed plan has its fleet, its allowance and its steps already\n")
            return exits.Exit.USAGE
        fleet = Path(promise.fleet) if promise.fleet else None
        request = Request(Path(promise.directory), fleet, request.store)
        allow_deletes = promise.allow_deletes
    wish = Wish(request.desired(), allow_deletes, wait=options.wait)
    return asyncio.run(_apply(request, wish, replace(options, promise=promise)))


async def _apply(request: Request, wish: Wish, options: Options) -> int:
    verb = "apply" if options.promise is None else "apply-plan"
    async with engine(request, wish.desired, verb=verb, read_only=False) as cycle:
        # Locked before the look that the plan is made from: nobody changes anything in between.
        await cycle.hosts.lock(str(cycle.author))
        current = await cycle.plan(wish)
        await cycle.resolve(current)
        plan = current.plan
        if options.promise is not None:
            refuse_if_stale(options.promise, current, version=version("reconciler"))
            if await cycle.journal.spent(plan.digest()):
                raise StalePlan("this plan was applied already: a plan applies once")
        if options.output is Output.HUMAN:
            show_plan(plan, options.output)
        if not plan.steps or (plan.is_idle and not options.wait):
            return _nothing_to_do(plan, options.output)
        if not plan.is_idle and not options.yes and not await _agreed(plan):
            sys.stderr.write("nothing was applied\n")
            return exits.Exit.ERROR
        report = await _carried_out(plan, cycle)
        show_report(report, options.output)
        return exits.of_report(report)


async def _agreed(plan: Plan) -> bool:
    question = f"Carry out these {len(plan.steps)} steps?"
    return await asyncio.to_thread(typer.confirm, question, err=True)


def _nothing_to_do(plan: Plan, output: Output) -> int:
    report = Report(replace(plan, steps=()), ())
    if output is not Output.HUMAN:
        show_report(report, output)
    return exits.of_report(report)


async def _carried_out(plan: Plan, cycle: Cycle) -> Report:
    from reconciler.render.progress import progress_of

    interruption = Interruption()
    with progress_of(plan) as progress, on_signals(interruption):
        return await cycle.carry_out(plan, Conditions(progress, interruption))
