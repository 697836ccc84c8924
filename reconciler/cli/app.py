"""The verbs. Each lives in a module of its own, imported when it is used: help must be quick."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reconciler.cli.boxes import boxes
from reconciler.cli.options import (
    AllowDeletes,
    Directory,
    FleetFile,
    Output,
    OutputFormat,
    Store,
    Yes,
)

app = typer.Typer(
    name="reconcile",
    help="GitOps for plain hypervisors: the fleet becomes what a directory of YAML says.",
    no_args_is_help=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(version("reconciler"))
        raise typer.Exit


@app.callback()
def _root(
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    """GitOps for plain hypervisors: the fleet becomes what a directory of YAML says."""


@app.command()
def init(directory: Annotated[Path, typer.Argument(metavar="[DIR]")] = Path()) -> int:
    """Write a first fleet, service and schema."""
    from reconciler.cli import init as verb

    return verb.run(directory)


@app.command()
def validate(directory: Directory, fleet: FleetFile = None) -> int:
    """Check the files, offline; all faults at once."""
    from reconciler.cli import validate as verb

    return verb.run(directory, fleet)


@app.command()
def schema(kind: Annotated[str | None, typer.Argument(metavar="[KIND]")] = None) -> int:
    """Print the JSON Schema of all kinds, or of one."""
    from reconciler.cli import schema as verb

    return verb.run(kind)


@app.command()
def plan(
    directory: Directory,
    fleet: FleetFile = None,
    store: Store = None,
    output: OutputFormat = Output.HUMAN,
    snapshot: Annotated[
        Path | None,
        typer.Option("--snapshot", metavar="FILE", help="Plan against a recorded fleet, touching no host."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Save the plan, for apply FILE.")
    ] = None,
    detailed: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit 2 where changes are pending.")
    ] = False,
    allow_deletes: AllowDeletes = None,
) -> int:
    """Show what apply would do; reads only."""
    from reconciler.cli import plan as verb
    from reconciler.cli.session import Request

    options = verb.Options(snapshot, out, detailed, allow_deletes)
    return verb.run(Request(directory, fleet, store), output, options)


@app.command()
def apply(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR|PLANFILE", help="The directory, or a plan saved by plan --out.")
    ],
    fleet: FleetFile = None,
    store: Store = None,
    output: OutputFormat = Output.HUMAN,
    yes: Yes = False,
    allow_deletes: AllowDeletes = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait until everything that has a health check is healthy.")
    ] = False,
) -> int:
    """Plan, ask, and make the fleet what the files say."""
    from reconciler.cli import apply as verb
    from reconciler.cli.session import Request

    return verb.run(Request(directory, fleet, store), verb.Options(output, yes, wait), allow_deletes)


@app.command()
def status(
    directory: Directory,
    fleet: FleetFile = None,
    store: Store = None,
    output: OutputFormat = Output.HUMAN,
) -> int:
    """Show services, instances, where they run, and drift."""
    from reconciler.cli import status as verb
    from reconciler.cli.session import Request

    return verb.run(Request(directory, fleet, store), output)


@app.command()
def snapshot(directory: Directory, fleet: FleetFile = None, store: Store = None) -> int:
    """Print the observed fleet as JSON, for plan --snapshot."""
    from reconciler.cli import snapshot as verb
    from reconciler.cli.session import Request

    return verb.run(Request(directory, fleet, store))


@app.command()
def explain(
    name: Annotated[str, typer.Argument(metavar="NAME", help="An instance, such as shop-db-0.")],
    directory: Directory,
    fleet: FleetFile = None,
    store: Store = None,
    output: OutputFormat = Output.HUMAN,
) -> int:
    """Say why an instance is, or cannot be, where it is."""
    from reconciler.cli import explain as verb
    from reconciler.cli.session import Request

    return verb.run(Request(directory, fleet, store), name, output)


@app.command()
def images(
    directory: Directory,
    fleet: FleetFile = None,
    store: Store = None,
    output: OutputFormat = Output.HUMAN,
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove those that nothing on their host needs.")
    ] = False,
    yes: Yes = False,
) -> int:
    """Show the base images of the hosts, and what needs them."""
    from reconciler.cli import images as verb
    from reconciler.cli.session import Request

    return verb.run(Request(directory, fleet, store), output, verb.Options(prune, yes))


@app.command()
def history(
    directory: Directory,
    run: Annotated[str | None, typer.Argument(metavar="[PLAN]", help="One plan, step by step.")] = None,
    fleet: FleetFile = None,
    store: Store = None,
    output: OutputFormat = Output.HUMAN,
) -> int:
    """Show who changed what, when and why."""
    from reconciler.cli import history as verb
    from reconciler.cli.session import Request

    return verb.run(Request(directory, fleet, store), run, output)


@app.command()
def migrate(
    name: Annotated[str, typer.Argument(metavar="INSTANCE", help="An instance, such as shop-db-0.")],
    directory: Directory,
    to: Annotated[str, typer.Option("--to", metavar="HOST", help="The host it is to run on.")],
    fleet: FleetFile = None,
    store: Store = None,
    output: OutputFormat = Output.HUMAN,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> int:
    """Move a running instance to another host."""
    from reconciler.cli import migrate as verb
    from reconciler.cli.session import Request
    from reconciler.planner import Move

    return verb.run(Request(directory, fleet, store), Move(name, to), output, yes=yes)


@app.command()
def watch(
    directory: Directory,
    fleet: FleetFile = None,
    store: Store = None,
    resync: Annotated[
        float,
        typer.Option("--resync", metavar="SECONDS", min=0.1, help="Look at everything at least this often."),
    ] = 60.0,
) -> int:
    """Apply, again and again, whenever the files or the fleet change."""
    from reconciler.cli import watch as verb
    from reconciler.cli.session import Request

    return verb.run(Request(directory, fleet, store), resync=resync)


app.add_typer(boxes)
