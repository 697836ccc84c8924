"""What ``reconcile watch`` takes while nothing happens: 1,000 simulated instances on 50 hosts that match.

Options: seconds to watch it for (default 60), and the intervals of ``--resync`` to compare.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.fleets import write_simulated

_SECONDS = 60.0
_RESYNCS = (15.0, 3600.0)
_SETTLED_CPU_S = 0.05
_ROOT = Path(__file__).resolve().parents[1]
_WORDS = (sys.executable, "-c", "from reconciler.cli.main import main; main()")


@dataclass(frozen=True, slots=True)
class Taken:
    """CPU in seconds so far; memory in MiB, now and at most; threads; open files."""

    cpu: float
    resident: float
    peak: float
    threads: int
    files: int


def taken_by(pid: int) -> Taken:
    """What a process has taken, as the kernel says."""
    proc = Path("/proc") / str(pid)
    times = proc.joinpath("stat").read_text().rpartition(")")[2].split()
    ticks = int(times[11]) + int(times[12])
    status = dict(line.split(":", 1) for line in proc.joinpath("status").read_text().splitlines())
    return Taken(
        cpu=ticks / os.sysconf("SC_CLK_TCK"),
        resident=int(status["VmRSS"].split()[0]) / 1024,
        peak=int(status["VmHWM"].split()[0]) / 1024,
        threads=int(status["Threads"]),
        files=len(list(proc.joinpath("fd").iterdir())),
    )


def settled(pid: int) -> None:
    """Return when it has started and a second goes by in which it does next to nothing."""
    before = taken_by(pid).cpu
    while True:
        time.sleep(1.0)
        now = taken_by(pid).cpu
        if now > 0.3 and now - before < _SETTLED_CPU_S:
            return
        before = now


def measure(directory: Path, resync: float, seconds: float) -> None:
    """Watch it watching, and print a line."""
    argv = [*_WORDS, "watch", str(directory), "--resync", f"{resync:g}"]
    environment = {**os.environ, "PYTHONPATH": str(_ROOT)}
    with (directory / ".watch.log").open("wb") as log:
        process = subprocess.Popen(argv, stdout=log, stderr=log, env=environment, cwd=_ROOT)
        try:
            settled(process.pid)
            before, since = taken_by(process.pid), time.monotonic()
            time.sleep(seconds)
            after, elapsed = taken_by(process.pid), time.monotonic() - since
        finally:
            process.send_signal(signal.SIGINT)
            code = process.wait(timeout=30)
    if code != 0:
        raise SystemExit(f"watch ended with {code}: {(directory / '.watch.log').read_text()}")
    cpu = (after.cpu - before.cpu) * 60 / elapsed
    print(
        f"{f'--resync {resync:g}':<18}{cpu:>12.2f}{cpu / 0.6:>8.2f}{after.resident:>14.1f}"
        f"{after.peak:>10.1f}{after.threads:>9}{after.files:>7}"
    )


def main(seconds: float = _SECONDS, *resyncs: float) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory(prefix="reconciler-bench-") as name:
        directory = Path(name)
        write_simulated(directory)
        apply = [*_WORDS, "apply", name, "--yes"]
        environment = {**os.environ, "PYTHONPATH": str(_ROOT)}
        subprocess.run(apply, check=True, capture_output=True, env=environment, cwd=_ROOT)
        print(f"1,000 simulated instances on 50 hosts, idle, {seconds:g} s each")
        print(
            f"{'':<18}{'CPU s/min':>12}{'% CPU':>8}{'resident MiB':>14}{'peak':>10}{'threads':>9}{'files':>7}"
        )
        for resync in resyncs or _RESYNCS:
            measure(directory, resync, seconds)


if __name__ == "__main__":
    main(*(float(word) for word in sys.argv[1:]))
