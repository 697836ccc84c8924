"""Keep what is given of a pool that hosts share within what there is of it, over all of them.

A scheduler counts what each host has, and to each of these hosts it is all there is of the pool.
"""

from __future__ import annotations

import numpy as np

from reconciler.planner.placement.ledger import Ledger
from reconciler.planner.placement.problem import NOWHERE, Integers, Problem
from reconciler.planner.placement.rows import DISK
from reconciler.specs.desired import HostName


def within_pools(problem: Problem, host: Integers, ledger: Ledger) -> Integers:
    """Where everybody is to be (N,), but that whoever finds the pool full to which it would come stays."""
    kept, left = host, dict[str, int]()
    for machine in np.flatnonzero((host != problem.home) & (problem.home != NOWHERE)).tolist():
        if host[machine] == NOWHERE:
            continue
        source, target = (HostName(problem.hosts[int(at[machine])]) for at in (problem.home, host))
        pool = ledger.pool(target)
        if pool is None or pool == ledger.pool(source):
            continue
        need = int(problem.shapes[problem.shape[machine]].demand[DISK])
        free = left.setdefault(pool, ledger.free(target).disk_mib)
        if need <= free:
            left[pool] -= need
        else:
            kept = kept.copy() if kept is host else kept
            kept[machine] = problem.home[machine]
    return kept
