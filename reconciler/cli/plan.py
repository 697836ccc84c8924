"""``reconcile plan``: a dry run that can only read."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from reconciler.cli import exits
from reconciler.cli.options import Output
from reconciler.cli.recorded import recorded
from reconciler.cli.session import Request, look_and_decide
from reconciler.cli.show import show_plan
from reconciler.engine.rounds import Round, Wish, decide


@dataclass(frozen=True, slots=True)
class Options:
    """``plan``'s own."""

    snapshot: Path | None
    out: Path | None
    detailed: bool
    allow_deletes: int | None


def run(request: Request, output: Output, options: Options) -> int:
    """Plan against the fleet, or against a recorded one, print it, and write it down if asked."""
    if options.out is not None and options.snapshot is not None:
        sys.stderr.write("error: a plan against a recorded fleet cannot be applied: --out has no use\n")
        return exits.Exit.USAGE
    wish = Wish(request.desired(), options.allow_deletes)
    if options.snapshot is None:
        import asyncio

        current = asyncio.run(look_and_decide(request, wish))
    else:
        current = decide(wish.desired, recorded(wish.desired, options.snapshot))
    show_plan(current.plan, output)
    if options.out is not None and not _written(request, wish, current, options.out):
        return exits.Exit.ERROR
    return exits.of_plan(current.plan, detailed=options.detailed)


def _written(request: Request, wish: Wish, current: Round, out: Path) -> bool:
    from importlib.metadata import version

    from reconciler.engine import signed

    promise = signed.SignedPlan(
        format_version=signed.FORMAT_VERSION,
        version=version("reconciler"),
        directory=str(request.directory.absolute()),
        fleet=str(request.fleet.absolute()) if request.fleet else None,
        allow_deletes=wish.allow_deletes,
        desired=current.plan.basis.desired,
        observed=current.plan.basis.observed,
        plan=current.plan.digest(),
        steps=tuple(step.id for step in current.plan.steps),
    )
    try:
        signed.write(promise, out)
    except OSError as error:
        sys.stderr.write(f"error: cannot write {out}: {error.strerror}\n")
        return False
    return True
