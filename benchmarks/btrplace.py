"""BtrPlace's own instances, answered by our scheduler and our order of moves.

    python -m benchmarks.btrplace             a table over ../shared/bench/btrplace, each a whole process
    python -m benchmarks.btrplace FILE        one instance; with --replay, every state in between is looked at

Overloaded hosts get rid of machines, hosts that are to be off are emptied, and what is ready is booted.
"""

from __future__ import annotations

import gc
import os
import sys
import time

_SINCE = time.perf_counter()
if len(sys.argv) > 1:
    # One instance and out: there is nothing that would have to be collected.
    gc.disable()
    # Nothing here is linear algebra: numpy need not start a thread a core for it.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def _solve(path: str) -> None:
    from benchmarks.btrplace_instance import read
    from benchmarks.btrplace_solve import solve

    instance = read(path)
    read_at = time.perf_counter()
    solved = solve(instance)
    now = time.perf_counter()
    print(solved.summary(), f"{read_at - _SINCE:.3f} s reading {now - read_at:.3f} s solving")
    if "--replay" in sys.argv:
        from benchmarks.btrplace_faults import faults_of

        faults = faults_of(instance, solved)
        print(f"{len(faults)} faults", *faults[:5], sep="\n")
        sys.exit(1 if faults else 0)
    sys.stdout.flush()
    # Nothing is left to be tidied up, and taking so much apart would be a tenth of the time.
    os._exit(0)


def _table() -> None:
    from benchmarks.btrplace_table import table

    table()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _solve(sys.argv[1])
    else:
        _table()
