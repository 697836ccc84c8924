"""``reconcile init``: a first directory that plans and applies as it stands."""

from __future__ import annotations

import json
import sys
from importlib.resources import files
from pathlib import Path

from reconciler.cli import exits
from reconciler.specs.schema import json_schema

_STARTERS = ("fleet.yaml", "hello.yaml")
_SCHEMA = "reconciler.schema.json"
_GITIGNORE = ".gitignore"


def run(directory: Path) -> int:
    """Write the files into ``directory``; what is there already is never overwritten."""
    contents = {name: files("reconciler.cli").joinpath("starter", name).read_text() for name in _STARTERS}
    contents[_SCHEMA] = json.dumps(json_schema(), indent=2) + "\n"
    contents[_GITIGNORE] = ".reconciler/\n"
    taken = [name for name in contents if (directory / name).exists()]
    if taken:
        sys.stderr.write(f"error: {directory} already has {', '.join(taken)}: nothing was written\n")
        return exits.Exit.ERROR
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in contents.items():
            with (directory / name).open("x") as file:
                file.write(text)
            sys.stdout.write(f"wrote {directory / name}\n")
    except OSError as error:
        sys.stderr.write(f"error: cannot write into {directory}: {error}\n")
        return exits.Exit.ERROR
    sys.stdout.write(f"next: reconcile plan {directory}\n")
    return exits.Exit.OK
