"""The verbs about the physical boxes, each a module of its own that is imported when it is used."""

from __future__ import annotations

from typing import Annotated

import typer

from reconciler.cli.options import (
    Directory,
    FleetFile,
    HostArgument,
    Output,
    OutputFormat,
    Snapshot,
    Store,
    Yes,
)

boxes = typer.Typer()
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for whoever wonders.")]


@boxes.command()
def hosts(
    directory: Directory,
    fleet: FleetFile = None,
    store: Store = None,
    output: OutputFormat = Output.HUMAN,
    snapshot: Snapshot = None,
) -> int:
    """Show the physical boxes: what each has, who takes how much, and whether it is given more."""
    from reconciler.cli import hosts as verb
    from reconciler.cli.session import Request

    return verb.run(Request(directory, fleet, store), output, snapshot)


@boxes.command()
def capacity(
    directory: Directory,
    like: Annotated[
        str, typer.Option("--like", metavar="COMPONENT", help="SERVICE/COMPONENT, or a component's name.")
    ],
    fleet: FleetFile = None,
    store: Store = None,
    output: OutputFormat = Output.HUMAN,
    snapshot: Snapshot = None,
) -> int:
    """Say how many more instances would fit, and what stops the next."""
    from reconciler.cli import capacity as verb
    from reconciler.cli.session import Request

    return verb.run(Request(directory, fleet, store), like, output, snapshot)


@boxes.command()
def whatif(
    directory: Directory,
    without: Annotated[
        list[str], typer.Option("--without", metavar="HOST", help="A host to think away; may be repeated.")
    ],
    fleet: FleetFile = None,
    store: Store = None,
    output: OutputFormat = Output.HUMAN,
    snapshot: Snapshot = None,
) -> int:
    """Say what the death of hosts would do."""
    from reconciler.cli import whatif as verb
    from reconciler.cli.session import Request

    return verb.run(Request(directory, fleet, store), without, output, snapshot)


@boxes.command()
def rebalance(
    directory: Directory,
    max_moves: Annotated[
        int | None, typer.Option("--max-moves", metavar="N", min=0, help="Move at most this many instances.")
    ] = None,
    fleet: FleetFile = None,
    store: Store = None,
    output: OutputFormat = Output.HUMAN,
    snapshot: Snapshot = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be gained.")] = False,
    yes: Yes = False,
) -> int:
    """Move what runs where its cluster's policy gains by it; shows the gain before it asks."""
    from reconciler.cli import rebalance as verb
    from reconciler.cli.session import Request

    options = verb.Options(max_moves, snapshot, dry_run, yes)
    return verb.run(Request(directory, fleet, store), output, options)


@boxes.command()
def cordon(
    host: HostArgument,
    directory: Directory,
    reason: Reason = "",
    fleet: FleetFile = None,
    store: Store = None,
    output: OutputFormat = Output.HUMAN,
) -> int:
    """Keep a host from being given anything new; what runs there stays."""
    from reconciler.cli import cordon as verb
    from reconciler.cli.session import Request

    return verb.cordon(Request(directory, fleet, store), host, reason, output)


@boxes.command()
def uncordon(
    host: HostArgument,
    directory: Directory,
    fleet: FleetFile = None,
    store: Store = None,
    output: OutputFormat = Output.HUMAN,
) -> int:
    """Take back cordon, or drain."""
    from reconciler.cli import cordon as verb
    from reconciler.cli.session import Request

    return verb.uncordon(Request(directory, fleet, store), host, output)


@boxes.command()
def drain(
    host: HostArgument,
    directory: Directory,
    reason: Reason = "",
    fleet: FleetFile = None,
    store: Store = None,
    output: OutputFormat = Output.HUMAN,
    yes: Yes = False,
) -> int:
    """Empty a host: what runs there moves away, and nothing new comes until uncordon."""
    from reconciler.cli import drain as verb
    from reconciler.cli.session import Request

    return verb.run(Request(directory, fleet, store), host, output, verb.Options(reason, yes))
