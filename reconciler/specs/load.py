"""Read a directory: everything it says, resolved and frozen, or every fault of it at once."""

from __future__ import annotations

import os
from pathlib import Path

from reconciler.errors import Fault
from reconciler.specs.desired import Desired
from reconciler.specs.files import read_directory, read_source
from reconciler.specs.recall import Memory, Question, recalled, remember


def load(directory: Path, *, fleet: Path | None = None, memory: Memory | None = None) -> Desired:
    """Read every YAML file under ``directory``; the Fleet in the file ``fleet`` replaces those in it.

    Files that a component names as ``cloud_init`` are no documents. Where a ``memory`` has what the
    same files were found to say, nobody finds it out again. Raises InvalidInput with every fault, files
    named relative to ``directory`` (a fleet file as it was given).
    """
    reading = read_directory(directory)
    faults = list(reading.faults)
    fleet_source = None
    if fleet is not None:
        read = read_source(fleet, os.fspath(fleet))
        if isinstance(read, Fault):
            faults.append(read)
        else:
            fleet_source = read
    question = Question(directory, reading.sources, fleet_source)
    if memory is not None and not faults and (known := recalled(question, memory)) is not None:
        return known
    # What it takes to understand YAML takes a while to import.
    from reconciler.specs.understanding import understood

    found = understood(question, faults)
    if memory is not None:
        remember(question, found.files, found.desired, memory)
    return found.desired
