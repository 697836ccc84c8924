"""``reconcile cordon`` and ``uncordon``: whether a host is given anything new, said on the host itself."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime

from reconciler.cli import exits
from reconciler.cli.apply import carried_out
from reconciler.cli.options import Output
from reconciler.cli.session import Request, engine
from reconciler.cli.show import show_cordon, show_report
from reconciler.engine.logbook import Author
from reconciler.errors import HostUnreachable
from reconciler.planner.cordoning import checked_reason, plan_cordon
from reconciler.planner.named import host_named
from reconciler.report import Report
from reconciler.specs.desired import Desired, Host
from reconciler.state import Cordon


def cordon(request: Request, name: str, reason: str, output: Output) -> int:
    """Hang a cordon on the host."""
    checked_reason(reason)
    return _do(request, name, "cordon", reason, output)


def uncordon(request: Request, name: str, output: Output) -> int:
    """Take it down."""
    return _do(request, name, "uncordon", None, output)


def cordon_of(author: Author, at: datetime, reason: str) -> Cordon:
    """A cordon of somebody, hung up at a time in UTC."""
    return Cordon(author.name, f"{at:%Y-%m-%dT%H:%M:%SZ}", reason)


def _do(request: Request, name: str, verb: str, reason: str | None, output: Output) -> int:
    desired = request.desired()
    host = host_named(desired, name)
    # Only this host is locked: the others may be at work.
    alone = replace(desired, fleet=replace(desired.fleet, hosts=(host,)))
    return asyncio.run(_done(request, alone, verb, reason, output))


async def _done(request: Request, desired: Desired, verb: str, reason: str | None, output: Output) -> int:
    (host,) = desired.fleet.hosts
    async with engine(request, desired, verb=verb, read_only=False) as cycle:
        await cycle.hosts.lock(str(cycle.author))
        observed = await cycle.hosts.observe()
        if observed.unknown:
            raise HostUnreachable(host.name, f"{observed.unknown[0].reason}; {_instead(host, reason)}")
        hung = None if reason is None else cordon_of(cycle.author, cycle.now(), reason)
        plan = plan_cordon(desired, observed, host.name, hung)
        report = Report(plan, ())
        if plan.steps:
            report = await carried_out(plan, cycle, desired.fleet.migrations)
        code = exits.of_report(report)
        if output is not Output.HUMAN or code is not exits.Exit.OK:
            show_report(report, output)
        else:
            # Believe the look: another may have hung up something else.
            show_cordon(host, await cycle.hosts.look(host.name))
        return code


def _instead(host: Host, reason: str | None) -> str:
    if reason is None:
        return "what hangs there hangs there until it answers"
    return f"set hosts.{host.name}.maintenance: true in the fleet file meanwhile"
