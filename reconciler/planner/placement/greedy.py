"""The first answer to "where?": each machine in its turn takes the best host that is left for it.

A turn looks at nothing but what is there when it comes: a plan that is made again after any part of the
last one finds the same hosts again.
"""

from __future__ import annotations

import numpy as np

from reconciler.planner.placement.bid import Bid
from reconciler.planner.placement.problem import NOWHERE, Answer, Ask, Problem, Question
from reconciler.planner.placement.repair import repair
from reconciler.planner.placement.seats import Seats


def greedy(problem: Problem, ask: Ask) -> Answer:
    """Place what is nowhere, or repair what breaks a strict rule. (Rebalancing is not for the greedy.)"""
    seats = Seats.of(problem)
    if ask.question is Question.PLACE:
        place(seats)
    elif ask.question is Question.REPAIR:
        repair(seats, ask)
    return Answer(seats.host, "greedy")


def place(seats: Seats) -> None:
    """Give each machine that is nowhere a host, if there is one."""
    problem = seats.problem
    missing = np.nonzero(problem.home == NOWHERE)[0]
    bid, last = None, NOWHERE
    for machine, number in zip(missing.tolist(), problem.shape[missing].tolist(), strict=True):
        if bid is None or number != last:
            bid, last = Bid.of(seats, number), number
        host = bid.best()
        if host != NOWHERE:
            seats.place(machine, host)
            bid.came(host)
