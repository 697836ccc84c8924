"""The scheduler that answers where nobody names another."""

from __future__ import annotations

from reconciler.planner.placement.greedy import greedy
from reconciler.planner.placement.problem import Answer, Ask, Problem, Question


def built_in(problem: Problem, ask: Ask) -> Answer:
    """Answer any of the three questions. A ``Scheduler``."""
    if ask.question is not Question.REBALANCE:
        return greedy(problem, ask)
    # Only a rebalance needs the searches.
    from reconciler.planner.placement.improve import rebalance

    return rebalance(problem, ask)
