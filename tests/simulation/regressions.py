"""Schedules that once broke a law, kept as files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from tests.simulation.faults import Fault
from tests.simulation.simulation import Result, Scenario

DIRECTORY = Path(__file__).parent / "kept"


def save(result: Result, why: str) -> Path:
    """Write a schedule down; pytest runs it from then on."""
    name = f"{result.law.replace(' ', '-')}-{result.scenario.seed}.json"
    DIRECTORY.mkdir(exist_ok=True)
    path = DIRECTORY / name
    content = {
        "why": why,
        "broke": list(result.broken[:3]),
        "seed": result.scenario.seed,
        "faults": [fault.as_json() for fault in result.scenario.faults],
    }
    path.write_text(json.dumps(content, indent=1) + "\n")
    return path


def load(path: Path) -> Scenario:
    """Read it again: the world of the seed, and the faults of the file."""
    content = json.loads(path.read_text())
    faults = tuple(Fault(**fault) for fault in content["faults"])
    return replace(Scenario.of(content["seed"]), faults=faults)
