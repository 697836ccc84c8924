"""``scripts/mutants``: break one line, run the simulation, and see which law catches it.

Each mutant lives in a process that has imported nothing of the project yet.
"""

from __future__ import annotations

import argparse
import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from types import ModuleType
from typing import TYPE_CHECKING

from tests.simulation.mutants import MUTANTS, Mutant

if TYPE_CHECKING:
    from tests.simulation.scenario import Scenario

SEEDS = 1500


@dataclass(frozen=True)
class Fate:
    """What became of a mutant: the law that caught it and in which run, or nothing."""

    mutant: Mutant
    law: str
    where: str
    seconds: float


def main(argv: Sequence[str]) -> int:
    """0 all are killed, 1 one lives, 2 a line is not in the source."""
    parser = argparse.ArgumentParser(prog="scripts/mutants", description=__doc__)
    parser.add_argument("--only", default="", metavar="TEXT", help="those with this in their description")
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"random seeds to try ({SEEDS})")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args(argv)
    mutants = [mutant for mutant in MUTANTS if asked.only in mutant.wrong]
    if missing := [mutant for mutant in mutants if not is_in_source(mutant)]:
        for mutant in missing:
            print(f"not once in the source of {mutant.module}: {mutant.was!r}")
        return 2
    width = max(len(mutant.wrong) for mutant in mutants)
    lives = 0
    # A fresh interpreter each: a mutant is what is imported first.
    with get_context("spawn").Pool(asked.jobs, maxtasksperchild=1) as pool:
        jobs = [(mutant, asked.seeds) for mutant in mutants]
        for fate in pool.imap(_killed, jobs, chunksize=1):
            lives += not fate.law
            told = f"{fate.law or 'LIVES':<12} {fate.where:<24}"
            print(f"{fate.mutant.wrong:<{width}}  {told} {fate.seconds:5.1f} s", flush=True)
    print(f"{len(mutants)} mutants, {len(mutants) - lives} killed")
    return 1 if lives else 0


def is_in_source(mutant: Mutant) -> bool:
    """Whether the line is there, exactly once."""
    found = importlib.util.find_spec(f"reconciler.{mutant.module}")
    assert found is not None and found.origin is not None
    with open(found.origin, encoding="utf-8") as file:  # noqa: PTH123
        return file.read().count(mutant.was) == 1


def _killed(job: tuple[Mutant, int]) -> Fate:
    mutant, seeds = job
    since = time.monotonic()
    break_here(mutant)
    from tests.simulation.simulation import simulate

    for where, scenario in _runs(seeds):
        result = simulate(scenario)
        if result.broken:
            return Fate(mutant, result.law, where, time.monotonic() - since)
    return Fate(mutant, "", f"{seeds} seeds", time.monotonic() - since)


def break_here(mutant: Mutant) -> None:
    """From now on this process, which has not imported it yet, gets the module with its line changed."""
    sys.meta_path.insert(0, _Finder(mutant))


def _runs(seeds: int) -> Iterator[tuple[str, Scenario]]:
    """First the schedules that are known to be hard, then chance."""
    from tests.simulation.regressions import DIRECTORY, load
    from tests.simulation.scenario import Scenario

    for path in sorted(DIRECTORY.glob("*.json")):
        yield path.stem, load(path)
    for seed in range(seeds):
        yield f"seed {seed}", Scenario.of(seed)


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the one module with another loader."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != f"reconciler.{self._mutant.module}":
            return None
        found = importlib.machinery.PathFinder.find_spec(name, path)
        assert found is not None and found.origin is not None
        loader = _Loader(name, found.origin, self._mutant)
        return importlib.util.spec_from_file_location(name, found.origin, loader=loader)


class _Loader(importlib.machinery.SourceFileLoader):
    """Reads the source with the line changed, and leaves no bytecode of it."""

    def __init__(self, name: str, path: str, mutant: Mutant) -> None:
        super().__init__(name, path)
        self._mutant = mutant

    def get_code(self, fullname: str):  # type: ignore[no-untyped-def]
        source = self.get_data(self.path).decode()
        assert source.count(self._mutant.was) == 1, f"{self._mutant} is not once in the source"
        return compile(source.replace(self._mutant.was, self._mutant.now), f"<broken {fullname}>", "exec")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
