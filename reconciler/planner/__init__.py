"""Pure: what to do, why, and why not. Values in, values out.

Imported as they are asked for: who only wants numbers placed or ordered loads nothing of the rest.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.planner.explain import Explanation, Standing
    from reconciler.planner.make import make_plan
    from reconciler.planner.move import Move, plan_move
    from reconciler.planner.overfull import lacking_room
    from reconciler.planner.precondition import broken_precondition
    from reconciler.planner.simulate import after, confirmed

__all__ = [
    "Explanation",
    "Move",
    "Standing",
    "after",
    "broken_precondition",
    "confirmed",
    "lacking_room",
    "make_plan",
    "plan_move",
]

_ROOMS = {
    "Explanation": "explain",
    "Move": "move",
    "Standing": "explain",
    "after": "simulate",
    "broken_precondition": "precondition",
    "confirmed": "simulate",
    "lacking_room": "overfull",
    "make_plan": "make",
    "plan_move": "move",
}


def __getattr__(name: str) -> object:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)
    return found
