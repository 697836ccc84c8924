"""``reconcile apply``: once round the loop."""

from __future__ import annotations

import asyncio
import sys

import typer

from reconciler.cli import exits
from reconciler.cli.options import Output
from reconciler.cli.session import Request, hosts_of
from reconciler.cli.show import show_plan, show_report
from reconciler.engine.cycle import decide
from reconciler.engine.hosts import Hosts
from reconciler.engine.interruption import Interruption, on_signals
from reconciler.engine.run import Conditions
from reconciler.engine.run import run as carry_out
from reconciler.plan import Plan
from reconciler.report import Report


def run(request: Request, output: Output, *, yes: bool, allow_deletes: int | None) -> int:
    """Plan, show, ask, carry out, report."""
    if not yes and not sys.stdin.isatty():
        sys.stderr.write("error: there is no terminal to ask on: give --yes to apply without asking\n")
        return exits.Exit.USAGE
    return asyncio.run(_apply(request, output, yes=yes, allow_deletes=allow_deletes))


async def _apply(request: Request, output: Output, *, yes: bool, allow_deletes: int | None) -> int:
    desired = request.desired()
    async with hosts_of(request, desired, read_only=False) as hosts:
        plan = decide(desired, await hosts.observe(), allow_deletes=allow_deletes).plan
        if output is Output.HUMAN:
            show_plan(plan, output)
        if not plan.steps:
            return _nothing_to_do(plan, output)
        if not yes and not typer.confirm(f"Carry out these {len(plan.steps)} steps?", err=True):
            sys.stderr.write("nothing was applied\n")
            return exits.Exit.ERROR
        report = await _carried_out(plan, hosts)
        show_report(report, output)
        return exits.of_report(report)


def _nothing_to_do(plan: Plan, output: Output) -> int:
    report = Report(plan, ())
    if output is not Output.HUMAN:
        show_report(report, output)
    return exits.of_report(report)


async def _carried_out(plan: Plan, hosts: Hosts) -> Report:
    from reconciler.render.progress import progress_of

    interruption = Interruption()
    with progress_of(plan) as progress, on_signals(interruption):
        return await carry_out(plan, hosts, Conditions(progress, interruption))
