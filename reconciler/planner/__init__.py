"""Pure: what to do, why, and why not. Values in, values out."""

from reconciler.planner.explain import Explanation, Standing, explain
from reconciler.planner.make import make_plan
from reconciler.planner.move import Move, plan_move
from reconciler.planner.precondition import broken_precondition
from reconciler.planner.simulate import after, confirmed

__all__ = [
    "Explanation",
    "Move",
    "Standing",
    "after",
    "broken_precondition",
    "confirmed",
    "explain",
    "make_plan",
    "plan_move",
]
