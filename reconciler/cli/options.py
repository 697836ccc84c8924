"""The arguments and options that verbs share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Output(StrEnum):
    """How a result is printed."""

    HUMAN = "human"
    JSON = "json"
    MARKDOWN = "markdown"


Directory = Annotated[Path, typer.Argument(metavar="DIR", help="The directory of YAML files.")]
HostArgument = Annotated[str, typer.Argument(metavar="HOST", help="A host, as in the fleet file.")]
FleetFile = Annotated[
    Path | None,
    typer.Option("--fleet", metavar="FILE", help="Use this fleet instead of the one in DIR."),
]
Store = Annotated[
    Path | None,
    typer.Option("--store", metavar="DIR", help="Where to keep what is kept [.reconciler beside the fleet]."),
]
OutputFormat = Annotated[Output, typer.Option("-o", "--output", help="How to print the result.")]
Snapshot = Annotated[
    Path | None,
    typer.Option("--snapshot", metavar="FILE", help="Of a recorded fleet, touching no host."),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
AllowDeletes = Annotated[
    int | None,
    typer.Option(
        "--allow-deletes", metavar="N", min=0, help="Permit this many deletions, whatever the budget."
    ),
]
