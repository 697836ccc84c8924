"""The whole ``reconcile plan`` against recorded fleets: each process's time and memory, and its stages."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import fleets
from benchmarks.fleets import Size
from reconciler import state
from reconciler.specs.load import load

SIZES = (Size(1_000, 100), Size(10_000, 1_000), Size(30_000, 3_000))
_RECONCILE = str(Path(sys.executable).with_name("reconcile"))
_KEPT = ".reconciler"


@dataclass(frozen=True, slots=True)
class Situation:
    """A directory of YAML and a recorded fleet."""

    name: str
    directory: Path
    snapshot: Path

    @property
    def argv(self) -> list[str]:
        """What is measured."""
        return [_RECONCILE, "plan", str(self.directory), "--snapshot", str(self.snapshot), "-o", "json"]


@dataclass(frozen=True, slots=True)
class Ran:
    """A whole process: wall and CPU seconds, and the most memory it had in MiB."""

    seconds: float
    cpu: float
    peak_mib: float

    def __str__(self) -> str:
        return f"{self.seconds:6.2f} s ({self.cpu:5.2f} s CPU) {self.peak_mib:5.0f} MiB"


def situations(root: Path, size: Size) -> list[Situation]:
    """Write them all down below ``root``."""
    directory, drained = root / "fleet", root / "drained"
    directory.mkdir()
    drained.mkdir()
    fleets.write_fleet(directory, size)
    fleets.write_fleet(drained, size, drained=2)
    desired = load(directory)
    done = fleets.recorded_done(desired)
    looks = {
        "empty": fleets.recorded_empty(desired.fleet),
        "done": done,
        "drift": fleets.drifted(done),
    }
    for name, observed in looks.items():
        (root / f"{name}.json").write_bytes(state.to_json(observed))
    return [
        Situation("empty fleet", directory, root / "empty.json"),
        Situation("no-op", directory, root / "done.json"),
        Situation("1 % drift", directory, root / "drift.json"),
        Situation("one rack drained", drained, root / "done.json"),
    ]


def run(argv: list[str]) -> Ran:
    """One process, to its end."""
    since = time.perf_counter()
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    taken = time.perf_counter() - since
    if process.returncode not in (0, 4):
        raise subprocess.CalledProcessError(process.returncode, argv)
    return Ran(taken, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


@contextmanager
def as_installed() -> Iterator[None]:
    """Have our processes keep their bytecode, as a package that was installed has it."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory(prefix="reconciler-bench-pyc-") as kept:
        os.environ["PYTHONPYCACHEPREFIX"] = kept
        yield


def best(argv: list[str], runs: int) -> Ran:
    """The quickest of several."""
    return min((run(argv) for _ in range(runs)), key=lambda each: each.seconds)


def forget(directory: Path) -> None:
    """Whatever is kept of the directory's documents."""
    for path in sorted((directory / _KEPT).glob("parsed*")):
        path.unlink()


def cold(situation: Situation, runs: int) -> Ran:
    """Without anything that is kept of earlier runs."""
    found = []
    for _ in range(runs):
        forget(situation.directory)
        found.append(run(situation.argv))
    return min(found, key=lambda each: each.seconds)


def stages(situation: Situation) -> dict[str, float]:
    """Milliseconds of each stage, from a process of its own."""
    where = (str(situation.directory), str(situation.snapshot))
    argv = [sys.executable, "-m", "benchmarks._plan_stages", *where]
    reply = subprocess.run(argv, check=True, capture_output=True, text=True)
    return {
        name: float(value) for name, _, value in (line.partition("\t") for line in reply.stdout.splitlines())
    }


def measure(size: Size, *, runs: int, only: Iterable[str]) -> None:
    """Print one size's part of the table."""
    wanted = tuple(only)
    with tempfile.TemporaryDirectory(prefix="reconciler-bench-") as name:
        for situation in situations(Path(name), size):
            if wanted and situation.name not in wanted:
                continue
            first = cold(situation, runs)
            again = best(situation.argv, runs)
            print(
                f"{size!s:16} {situation.name:17} cold {first}   warm {again}",
                flush=True,
            )
            row = stages(situation)
            print("  " + "  ".join(f"{stage} {taken:.0f}" for stage, taken in row.items()), flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=30_000, help="leave out fleets of more instances")
    parser.add_argument("--least", type=int, default=0, help="leave out fleets of fewer instances")
    parser.add_argument("--runs", type=int, default=3, help="of each process; the quickest counts")
    parser.add_argument("--only", action="append", default=[], help="a situation")
    asked = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f}; CPU counts where others are at work beside it")
    print("stages in ms, from a process of their own with a warm cache")
    with as_installed():
        for size in SIZES:
            if asked.least <= size.instances <= asked.most:
                measure(size, runs=asked.runs, only=asked.only)


if __name__ == "__main__":
    main()
