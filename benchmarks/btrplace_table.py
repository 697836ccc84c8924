"""The table over BtrPlace's instances: each a whole process, from Python's start to the printed answer."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

_BESIDE = "shared/bench/btrplace"
"""Where the instances are, beside the repository or above that; BTRPLACE names another directory."""
_RUNS = 7
_THEIRS = {"li3": 2.4, "nr3": 9.4}
"""Seconds of BtrPlace's whole process, as measured on a machine with two cores."""


def _where() -> Path:
    if "BTRPLACE" in os.environ:
        return Path(os.environ["BTRPLACE"])
    above = Path(__file__).resolve().parents
    return next((each / _BESIDE for each in above if (each / _BESIDE).is_dir()), above[2] / _BESIDE)


def _process(path: Path, *options: str) -> str:
    argv = [sys.executable, "-m", "benchmarks.btrplace", str(path), *options]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


def _cpu_seconds() -> float:
    """What all processes that were waited for have used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def table() -> None:
    """Print it; every answer is replayed first, outside of the time."""
    where = _where()
    instances = sorted(where.glob("*.json*"))
    if not instances:
        print(f"no instance in {where}: set BTRPLACE to the directory where they are")
        return
    ratios: list[tuple[float, float]] = []
    print(f"load {os.getloadavg()[0]:.1f}")
    print(f"{'':8}{'best s':>8}{'median s':>10}{'CPU s':>8}{'BtrPlace s':>12}{'ratio':>7}  answer")
    for path in instances:
        name = path.name.split(".")[0]
        answer, faults = _process(path, "--replay").splitlines()[:2]
        taken, used = [], []
        for _ in range(_RUNS):
            since, before = time.perf_counter(), _cpu_seconds()
            _process(path)
            taken.append(time.perf_counter() - since)
            used.append(_cpu_seconds() - before)
        theirs = _THEIRS.get(name)
        said = "" if theirs is None else f"{theirs:12.1f}{theirs / min(taken):7.1f}"
        ratios += [] if theirs is None else [(theirs / min(taken), theirs / min(used))]
        figures = f"{min(taken):8.3f}{statistics.median(taken):10.3f}{min(used):8.3f}{said:19}"
        print(f"{name:8}{figures}  {answer.split(' legs')[0]} legs; {faults}", flush=True)
    if ratios:
        by_clock, by_cpu = (statistics.geometric_mean(each) for each in zip(*ratios, strict=True))
        print(f"geometric mean of the ratios: {by_clock:.1f} by the clock, {by_cpu:.1f} by our CPU time")
