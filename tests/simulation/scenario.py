"""What a run depends on, and what becomes of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from tests.simulation.faults import Fault, schedule
from tests.simulation.wishes import Files, files_of


@dataclass(frozen=True)
class Scenario:
    """All that a run depends on."""

    seed: int
    files: Files
    faults: tuple[Fault, ...]
    resync: float = 600.0

    @staticmethod
    def of(seed: int) -> Scenario:
        world = Random(f"world/{seed}")
        resync = world.choice((3600.0, 3600.0, 3600.0, 3600.0, 3600.0, 1800.0, 1800.0, 600.0))
        return Scenario(seed, files_of(world), schedule(Random(f"faults/{seed}")), resync)


@dataclass(frozen=True)
class Result:
    """What became of a run: the laws that were broken, and everything that happened."""

    scenario: Scenario
    broken: tuple[str, ...]
    trace: tuple[str, ...]
    calls: Mapping[str, int]
    """How many of each family there were."""
    end: tuple[str, ...] = ()
    """Every machine and volume there is in the end, wherever it is."""

    @property
    def law(self) -> str:
        """Name of the first law that was broken, or nothing."""
        return self.broken[0].split(" ", 1)[1].split(":")[0] if self.broken else ""

    def digest(self) -> str:
        return hashlib.sha256("\n".join(self.trace).encode()).hexdigest()
