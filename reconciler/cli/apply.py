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
from reconciler.cli.show import show_gain, show_plan, show_report
from reconciler.engine.cycle import Cycle
from reconciler.engine.interruption import Interruption, on_signals
from reconciler.engine.rounds import Round, Wish
from reconciler.engine.run import Conditions
from reconciler.engine.signed import SignedPlan, read, refuse_if_stale
from reconciler.errors import ReconcilerError, StalePlan
from reconciler.plan import Plan
from reconciler.planner.rollback import rollback_of
from reconciler.report import Report
from reconciler.specs.limits import MigrationLimits


@dataclass(frozen=True, slots=True)
class Options:
    """``apply``'s own. ``promise`` is the signed plan that is to be carried out, if it is one."""

    output: Output
    yes: bool
    wait: bool
    promise: SignedPlan | None = None
    verb: str = "apply"


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
    verb = "apply" if promise is None else "apply-plan"
    return asyncio.run(apply_wish(request, wish, replace(options, promise=promise, verb=verb)))


async def apply_wish(request: Request, wish: Wish, options: Options) -> int:
    """Once round under the locks of all hosts; the exit code."""
    async with engine(request, wish.desired, verb=options.verb, read_only=False) as cycle:
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
            if current.gain is not None:
                show_gain(current.gain)
        if not plan.steps or (plan.is_idle and not options.wait):
            return _nothing_to_do(current, options.output)
        if not plan.is_idle and not options.yes and not await may_go_on(plan):
            sys.stderr.write("nothing was applied\n")
            return exits.Exit.ERROR
        report = await carried_out(plan, cycle, wish.desired.fleet.migrations)
        # A signed plan is all that was agreed to: what follows from it is for the next apply.
        is_told = options.output is Output.HUMAN
        if is_told:
            show_report(report, options.output)
        try:
            back = await _rolled_back(report, wish, cycle, options) if options.promise is None else None
        except ReconcilerError:
            if not is_told:
                show_report(report, options.output, gain=current.gain)
            raise
        if back is not None or not is_told:
            show_report(report, options.output, back, current.gain)
        return exits.of_report(report) if back is None else exits.of_reports(report, back)


async def _rolled_back(report: Report, wish: Wish, cycle: Cycle, options: Options) -> Report | None:
    """Once more round, where replicas were not healthy in time and their component rolls back.

    Nobody is asked again: the files say that it is to be so. Whatever else is due by now they do not say,
    and it is left for the next plan. None where nothing is to be given up.
    """
    if report.interrupted or not report.unhealthy:
        return None
    failed = frozenset(report.unhealthy.values())
    plan = rollback_of((await cycle.plan(replace(wish, failed=failed))).plan, shown=report.plan)
    if plan is None:
        return None
    if options.output is Output.HUMAN:
        sys.stdout.write("\nNot healthy in time: rolling back.\n\n")
        show_plan(plan, options.output)
    return await carried_out(plan, cycle, wish.desired.fleet.migrations)


def _nothing_to_do(current: Round, output: Output) -> int:
    report = Report(replace(current.plan, steps=()), ())
    if output is not Output.HUMAN:
        show_report(report, output, gain=current.gain)
    return exits.of_report(report)


async def may_go_on(plan: Plan) -> bool:
    """Ask on the terminal."""
    question = f"Carry out these {len(plan.steps)} steps?"
    return await asyncio.to_thread(typer.confirm, question, err=True)


async def carried_out(plan: Plan, cycle: Cycle, migrations: MigrationLimits) -> Report:
    """Carry a plan out under the locks that are held, telling of it; a signal ends it in order."""
    from reconciler.render.progress import progress_of

    interruption = Interruption()
    with progress_of(plan) as progress, on_signals(interruption):
        return await cycle.carry_out(plan, Conditions(progress, interruption, migrations=migrations))
