"""A few hosts that are packed anew, and how: what a solver is asked, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.planner.placement.problem import Cluster


@dataclass(frozen=True, slots=True)
class Part:
    """What is packed anew: some hosts, and the machines on them that may move.

    ``victim`` is the host to be emptied as far as it goes, where not even one can be emptied altogether.
    ``moves`` is how many machines of the fleet may be away from home, ``least`` what each must gain.
    ``effort`` is deterministic time.
    """

    cluster: Cluster
    hosts: tuple[int, ...]
    moves: int
    least: float
    effort: float
    victim: int | None = None


@dataclass(frozen=True, slots=True)
class Packed:
    """Where machines are to be, empty where nothing was found; ``proven`` where nothing is better.

    ``work`` is the deterministic time that it took, 1.0 about a second.
    """

    to: dict[int, int]
    proven: bool
    work: float
