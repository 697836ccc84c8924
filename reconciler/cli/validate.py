"""``reconcile validate``: the files alone, offline."""

from __future__ import annotations

import sys
from pathlib import Path

from reconciler.specs.load import load
from reconciler.store.memory import FileMemory


def run(directory: Path, fleet: Path | None) -> int:
    """Load, and say what was found; faults are raised as InvalidInput."""
    desired = load(directory, fleet=fleet, memory=FileMemory())
    sys.stdout.write(
        f"valid: fleet {desired.fleet.name}, {len(desired.fleet.hosts)} hosts, "
        f"{len(desired.services)} services, {len(desired.instances)} instances\n"
    )
    return 0
