"""Recognise a plan that was cut short: who is on a host may be there because it was put there by it.

Its steps end in any order, so that what is left of it need not be its last turns, and the first of these
would find hosts taken that were free in their turn. They take nothing away that was theirs, but a balance
looks different with them. So those who are there are served once more, in thought and in their turns, beside
those who are missing. If all of them come to where they are, the others go to where they went in that plan.
If one does not, it was no such plan, and whoever is on a host is reckoned with from the first turn on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from reconciler.planner.placement.problem import NOWHERE, Integers, Problem, Served
from reconciler.planner.placement.search import served
from reconciler.planner.placement.seats import Seats


def resumed(seats: Seats, missing: Sequence[int]) -> bool:
    """Whether a plan was recognised; those who are missing are seated then, else nothing has changed."""
    problem = seats.problem
    if problem.served is None or not missing:
        return False
    tried: set[bytes] = set()
    for others in _others(problem, problem.served, missing):
        if not len(others) or others.tobytes() in tried:
            continue
        tried.add(others.tobytes())
        if _again(seats, others, missing, problem.served.turn):
            return True
    return False


def _others(problem: Problem, served: Served, missing: Sequence[int]) -> Iterator[Integers]:
    """Who may have been placed by the same plan: of all services, of those that lack somebody, of those
    components that do.
    """
    turn = served.turn
    concerned = (turn != NOWHERE) & (problem.home != NOWHERE)
    groups = problem.groups[problem.shape]
    kin = np.isin(served.service, served.service[list(missing)])
    later = turn > turn[list(missing)].min()
    yield np.nonzero(concerned & (later | kin))[0]
    yield np.nonzero(concerned & kin)[0]
    yield np.nonzero(concerned & later & np.isin(groups, groups[list(missing)]))[0]


def _again(seats: Seats, others: Integers, missing: Sequence[int], turn: Integers) -> bool:
    """Serve all of these again, if the others come to where they are, and everybody has a host."""
    home = seats.problem.home
    for machine in others.tolist():
        seats.withdraw(machine)
    everybody = sorted([*others.tolist(), *missing], key=turn.__getitem__)
    same = True
    for machine in served(seats, everybody):
        same = home[machine] in (NOWHERE, seats.host[machine])
        if not same:
            break
    if same and all(seats.host[machine] != NOWHERE for machine in everybody):
        return True
    for machine in everybody:
        if seats.host[machine] != NOWHERE:
            seats.withdraw(machine)
    for machine in others.tolist():
        seats.place(machine, int(home[machine]))
    return False
