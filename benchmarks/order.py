"""Orders of random reconfigurations: how long they take, their extra moves, and the CPU time to find them.

Each order is replayed by code of its own (``benchmarks/replay.py``) before its row is printed.
"""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass

from benchmarks.reconfigurations import Wanted, reconfiguration
from benchmarks.replay import faults_in_sequence, faults_in_time, faults_in_waves
from reconciler.planner.ordering.course import Course, Limits, Route
from reconciler.planner.ordering.order import in_order
from reconciler.planner.placement.problem import NOWHERE

_RUNS = 5
_SIZES = ((100, 100), (500, 500), (1000, 1000), (2000, 2000), (5000, 1000), (5000, 5000))
_FULL = (0.80, 0.86, 0.92, 0.96, 0.98, 0.99)


@dataclass(frozen=True)
class Measured:
    """One order, and the least CPU time in which it was found."""

    course: Course
    route: Route
    milliseconds: float

    @property
    def moves(self) -> int:
        """How many machines are to be somewhere else."""
        return int((self.course.problem.home != self.course.goal).sum())

    @property
    def in_batches(self) -> float:
        """How long the same legs take in batches as wide as the limits, each begun when the last one is over.

        Each leg is in the first batch after those that it needs which has a place left.
        """
        longest: dict[int, float] = defaultdict(float)
        for leg in self.route.legs:
            longest[leg.wave] = max(longest[leg.wave], leg.seconds)
        return sum(longest.values())

    @property
    def at_least(self) -> float:
        """No order of these legs is faster: they go through the cluster, and a host's own through it."""
        limits, legs = self.course.limits, self.route.legs
        by_host: dict[int, float] = defaultdict(float)
        for leg in legs:
            for host in {leg.source, leg.target} - {NOWHERE}:
                by_host[host] += leg.seconds / (limits.per_host or len(legs))
        work = sum(leg.seconds for leg in legs) / (limits.per_cluster or len(legs))
        return max(work, *by_host.values(), *(leg.seconds for leg in legs))


def measured(course: Course, *, runs: int = _RUNS) -> Measured:
    """Find the order, several times, and replay it."""
    taken = []
    for _ in range(runs):
        since = time.process_time()
        route = in_order(course)
        taken.append(time.process_time() - since)
    for replay in (faults_in_sequence, faults_in_time, faults_in_waves):
        faults = replay(course, route)
        assert not faults, faults[:3]
    return Measured(course, route, min(taken) * 1000)


def _row(name: str, found: Measured) -> str:
    route = found.route
    shorter = 1 - route.seconds / found.in_batches
    return (
        f"{name:34}{found.moves:6}{route.extra:7}{len(route.stuck):7}{found.milliseconds:9.0f}"
        f"{route.seconds:10.0f}{route.seconds / found.at_least:9.2f}{found.in_batches:10.0f}{shorter:9.0%}"
    )


def main() -> None:
    """Print the tables."""
    print("86 % of the memory given out; 2 at a time a host, and a twentieth of the hosts a cluster.")
    print("swaps: machines that change places although neither fits beside the other.")
    print(f"{'hosts':34}{'moves':>6}{'extra':>7}{'stuck':>7}{'CPU ms':>9}", end="")
    print(f"{'seconds':>10}{'to least':>9}{'batches':>10}{'shorter':>9}")
    for hosts, moves in _SIZES:
        limits = Limits(2, max(4, hosts // 20))
        for swaps, name in ((0, "random"), (moves // 5, "with swaps")):
            course = reconfiguration(Wanted(hosts, moves, swaps=swaps), limits)
            print(_row(f"{hosts} hosts, {name}", measured(course)), flush=True)
    print()
    print("1,000 hosts, 1,000 moves, 200 of them swaps, by the share of memory given out; none may stop.")
    print(f"{'full':8}{'moves':>6}{'extra':>7}{'arrive without a stop':>24}{'seconds':>10}")
    for full in _FULL:
        found = measured(reconfiguration(Wanted(1000, 1000, full, swaps=200), Limits(2, 50)), runs=1)
        arrive = 1 - len(found.route.stuck) / found.moves
        print(f"{full:<8.0%}{found.moves:6}{found.route.extra:7}{arrive:24.1%}{found.route.seconds:10.0f}")


if __name__ == "__main__":
    main()
