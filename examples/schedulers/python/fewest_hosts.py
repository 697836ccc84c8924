"""A scheduler in Python: fill the largest hosts first; what else is asked, the built-in one answers."""

import numpy as np

from reconciler.planner.placement.builtin import built_in
from reconciler.planner.placement.check import violations
from reconciler.planner.placement.problem import NOWHERE, Answer, Ask, Problem, Question


def fewest_hosts(problem: Problem, ask: Ask) -> Answer:
    """Give each machine that is nowhere the largest host on which it breaks no rule."""
    if ask.question is not Question.PLACE:
        return built_in(problem, ask)
    host = problem.home.copy()
    largest_first = np.argsort(-problem.room.sum(axis=1), kind="stable").tolist()
    for machine in np.flatnonzero(host == NOWHERE).tolist():
        for at in largest_first:
            if problem.closed is not None and problem.closed[at]:
                continue  # what is there may stay, and nothing comes there
            before = len(violations(problem, host))
            host[machine] = at
            if len(violations(problem, host)) == before:
                break
            host[machine] = NOWHERE
    return Answer(host, "fewest hosts")
