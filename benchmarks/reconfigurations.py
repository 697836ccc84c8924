"""Random reconfigurations: a fleet that is full to a given share, and another placement of some of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reconciler.planner.ordering.course import Course, Limits
from reconciler.planner.placement.problem import Cluster, Problem, Shape

_SIZES = ((2, 4), (2, 8), (4, 8), (4, 16), (8, 32), (16, 64))
"""CPUs and GiB of memory of the machines."""
_HOST = (128, 256)
_MIB_A_SECOND = 1000.0


@dataclass(frozen=True)
class Wanted:
    """How many hosts and moves, how full the memory is, and how many of the moves are swaps of
    machines for which there is no room otherwise.
    """

    hosts: int
    moves: int
    full: float = 0.86
    swaps: int = 0
    seed: int = 1


def reconfiguration(wanted: Wanted, limits: Limits) -> Course:
    """A fleet, and where some of its machines are to be."""
    random = np.random.default_rng(wanted.seed)
    sizes = np.array(_SIZES, np.int64)
    room = np.tile(np.array(_HOST, np.int64), (wanted.hosts, 1))
    free, shape, home = room.copy(), [], []
    while True:
        count = wanted.hosts
        pick = random.choice(len(sizes), count, p=(0.3, 0.25, 0.2, 0.15, 0.07, 0.03))
        where = random.permutation(wanted.hosts)
        fits = (sizes[pick] <= free[where]).all(axis=1) & (
            free[where, 1] - sizes[pick, 1] >= (1 - wanted.full) * _HOST[1] - 8
        )
        np.subtract.at(free, where[fits], sizes[pick[fits]])
        shape.append(pick[fits])
        home.append(where[fits])
        if 1 - free[:, 1].sum() / room[:, 1].sum() >= wanted.full or not fits.any():
            break
    shapes, homes = np.concatenate(shape), np.concatenate(home)
    goal = _elsewhere(wanted, sizes[shapes], homes, free, random)
    count = len(shapes)
    everywhere = np.ones(wanted.hosts, np.bool_)
    cost = sizes[shapes, 1] * 1024 * random.uniform(0.5, 1.5, count)
    problem = Problem(
        tuple(f"h{number}" for number in range(wanted.hosts)),
        ("cpus", "memory_gib"),
        room,
        tuple(Shape(f"s{number}", number, sizes[number], everywhere) for number in range(len(sizes))),
        shapes,
        homes,
        np.ones(count, np.bool_),
        np.zeros(count, np.bool_),
        cost,
        {"host": np.arange(wanted.hosts)},
        (),
        (Cluster("one", everywhere),),
    )
    return Course(problem, goal, 2.0 + cost / _MIB_A_SECOND, np.zeros(count, np.bool_), limits)


def _elsewhere(
    wanted: Wanted, sizes: np.ndarray, home: np.ndarray, free: np.ndarray, random: np.random.Generator
) -> np.ndarray:
    """Another host for some: taken out all at once, and put back one after the other where there is room."""
    goal = home.copy()
    order = random.permutation(len(home))
    moving = order[: wanted.moves - 2 * wanted.swaps]
    left = free.copy()
    np.add.at(left, home[moving], sizes[moving])
    for machine in moving.tolist():
        for host in random.integers(0, wanted.hosts, 200).tolist():
            if (sizes[machine] <= left[host]).all() and host != home[machine]:
                goal[machine] = host
                break
        left[goal[machine]] -= sizes[machine]
    while (left < 0).any():
        # Who found no other place stays, and then those who came to its host do not.
        for machine in np.nonzero((goal != home) & (left[goal] < 0).any(axis=1))[0].tolist():
            left[goal[machine]] += sizes[machine]
            left[home[machine]] -= sizes[machine]
            goal[machine] = home[machine]
    stays = np.setdiff1d(order, moving)
    by_size: dict[tuple[int, ...], list[int]] = {}
    # Those that would not fit beside each other are swapped.
    for machine in random.permutation(stays).tolist():
        if sizes[machine, 1] > left[home[machine], 1]:
            by_size.setdefault(tuple(sizes[machine].tolist()), []).append(machine)
    pairs = [
        (one, other)
        for same in by_size.values()
        for one, other in zip(same[::2], same[1::2], strict=False)
        if home[one] != home[other]
    ][: wanted.swaps]
    for one, other in pairs:
        goal[one], goal[other] = home[other], home[one]
    return goal
