"""Schedules that once broke a law, kept as files."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

from pydantic import TypeAdapter

from tests.simulation.faults import Fault
from tests.simulation.scenario import Result, Scenario
from tests.simulation.wishes import Files

DIRECTORY = Path(__file__).parent / "kept"


def save(result: Result, why: str) -> Path:
    """Write a schedule down, its world with it; pytest runs it from then on."""
    scenario = result.scenario
    name = f"{(result.law or 'held').replace(' ', '-')}-{scenario.seed}.json"
    DIRECTORY.mkdir(exist_ok=True)
    path = DIRECTORY / name
    content = {
        "why": why,
        "broke": list(result.broken[:3]),
        "seed": scenario.seed,
        "resync": scenario.resync,
        "faults": [fault.as_json() for fault in scenario.faults],
        "files": _files().dump_python(scenario.files, mode="json"),
    }
    path.write_text(json.dumps(content, indent=1) + "\n")
    return path


def load(path: Path) -> Scenario:
    """Read it again."""
    content = json.loads(path.read_text())
    faults = tuple(Fault(**fault) for fault in content["faults"])
    return Scenario(content["seed"], _files().validate_python(content["files"]), faults, content["resync"])


@lru_cache(maxsize=1)
def _files() -> TypeAdapter[Files]:
    return TypeAdapter(Files)
