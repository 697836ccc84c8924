"""How long ``reconcile --help`` takes, beside a bare interpreter, and that nothing heavy is imported."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

_RUNS = 15
_HEAVY = ("libvirt", "asyncssh", "deepdiff", "ortools", "pydantic", "yaml")
_RECONCILE = str(Path(sys.executable).with_name("reconcile"))


def median_seconds(argv: list[str], runs: int = _RUNS) -> float:
    """Median wall time of a whole process, in seconds."""
    taken = []
    for _ in range(runs):
        since = time.perf_counter()
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
        taken.append(time.perf_counter() - since)
    return statistics.median(taken)


def imported_by_help() -> list[str]:
    """Which of the heavy modules ``reconcile --help`` has imported when it ends."""
    program = (
        "import sys, io, contextlib\n"
        "from reconciler.cli.main import run\n"
        "with contextlib.redirect_stdout(io.StringIO()): run(['--help'])\n"
        f"print(*[m for m in {_HEAVY!r} if m in sys.modules])"
    )
    reply = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    return reply.stdout.split()


def main() -> None:
    """Print the table."""
    bare = median_seconds([sys.executable, "-c", "pass"])
    shown = median_seconds([_RECONCILE, "--help"])
    print(f"{'python -c pass':32}{bare * 1000:8.1f} ms")
    print(f"{'reconcile --help':32}{shown * 1000:8.1f} ms   {shown / bare:.1f} x")
    print(f"{'heavy modules it imported':32}{' '.join(imported_by_help()) or 'none':>8}")


if __name__ == "__main__":
    main()
