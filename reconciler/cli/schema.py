"""``reconcile schema``: what editors complete and check with."""

from __future__ import annotations

import json
import sys

from reconciler.specs.schema import KINDS, json_schema


def run(kind: str | None) -> int:
    """Print the schema of one kind, or of any document."""
    if kind is not None and kind not in KINDS:
        sys.stderr.write(f"error: there is no kind '{kind}': one of {', '.join(KINDS)}\n")
        return 64
    sys.stdout.write(json.dumps(json_schema(kind), indent=2) + "\n")
    return 0
