"""The first answer to "where?": each machine in its turn takes the best host that is left for it.

A turn looks at nothing but what is there when it comes: a plan that is made again after the first turns of
the last one finds the same hosts again; where others were taken before, `resume` sees that. Only where
somebody has no host then, others may have to sit elsewhere.
"""

from __future__ import annotations

import numpy as np

from reconciler.planner.placement.problem import NOWHERE, Answer, Ask, Problem, Question
from reconciler.planner.placement.repair import repair
from reconciler.planner.placement.resume import resumed
from reconciler.planner.placement.search import look_further, serve
from reconciler.planner.placement.seats import Seats


def greedy(problem: Problem, ask: Ask) -> Answer:
    """Place what is nowhere, or repair what breaks a strict rule. (Rebalancing is not for the greedy.)"""
    seats = Seats.of(problem)
    if ask.question is Question.PLACE:
        missing = np.nonzero(problem.home == NOWHERE)[0].tolist()
        if not resumed(seats, missing):
            serve(seats, missing)
            look_further(seats, missing, ask.effort)
    elif ask.question is Question.REPAIR:
        repair(seats, ask)
    return Answer(seats.host, "greedy")
