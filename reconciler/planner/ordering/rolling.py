"""In which order the replicas of one component are taken away: never more at once than are allowed to.

Think of all that is or will be away as a row: first those that do not run and are brought back, then
those that run and whose health is not sure, then those that are taken away. With ``update.parallelism``
n, one is taken away when all but n - 1 of those before it in the row are back. Back is a replica
once its step is done and, where its component has a health check, once it is healthy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.planner.replicas import Part, Replica
from reconciler.specs.desired import InstanceKey


@dataclass(frozen=True, slots=True)
class Roll:
    """Whose step comes after whose: ``done`` after the steps of these, ``back`` when these are back."""

    done: tuple[Replica, ...] = ()
    back: tuple[Replica, ...] = ()


def rolls_of(replicas: Sequence[Replica]) -> dict[InstanceKey, Roll]:
    """What each replica that is taken away waits for, in the order in which they are taken."""
    most = replicas[0].instance.update.parallelism
    taken = sorted((each for each in replicas if each.part is Part.TAKEN), key=lambda each: not each.sick)
    if not most or not taken:
        return {}
    most -= sum(each.part is Part.OUT for each in replicas)
    assert most > 0, "with so many away nothing more is taken: it was to be held back"
    returning = [each for each in replicas if each.part is Part.BACK]
    unsure = [each for each in replicas if each.part is Part.UP and each.instance.health is not None]
    row = [*returning, *unsure, *taken]
    return {
        row[place].instance.key: _roll(row, place, most, len(returning))
        for place in range(len(returning) + len(unsure), len(row))
    }


def _roll(row: Sequence[Replica], place: int, most: int, returning: int) -> Roll:
    before = row[: max(0, place - most + 1)]
    if row[place].sick:
        # It is away already, and what is done to it may be its cure: it waits for nobody's health but
        # that of those which the same cure was tried on.
        tried = [each for each in before if each.part is Part.TAKEN]
        return Roll(done=tuple(before[:returning]), back=tuple(tried[-1:]))
    last = before[-1] if before else None
    if last is None or last.part is not Part.TAKEN or last.sick:
        return Roll(back=tuple(before))
    # Whoever was taken n places ahead has waited for what is n places ahead of itself; and of those that
    # were taken in between, each has its own follower.
    since = before[max(0, place - 2 * most + 1) : -1]
    return Roll(back=(*(each for each in since if each.part is not Part.TAKEN or each.sick), last))
