"""In which order the replicas of one component are taken away: never more at once than are allowed to.

Think of all that is or will be away as a row: first those that do not run and are brought back, then
those that run and whose health is not sure, then those that are taken away. With ``update.parallelism``
n, one is taken away when all but n - 1 of those before it in the row are back. Back is a replica
once its step is done and, where its component has a health check, once it is healthy.

Whoever is sick is away already, and what is done to it may be its cure: those come first, and wait only
for those that are away as well, not for the health of those that are thought to be well.

With ``update.order`` start-first there are stand-ins besides: they belong to the row and come first in it.
As many may be away of all together as there are stand-ins, and so never fewer are up than are declared.
"""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.planner.replicas import Part, Replica, standing_in
from reconciler.specs.desired import InstanceKey


def rolls_of(replicas: Sequence[Replica]) -> dict[InstanceKey, tuple[Replica, ...]]:
    """Who must be back before each of the replicas that are taken away."""
    replicas = sorted(replicas, key=lambda each: not each.stands_in)
    most = replicas[0].instance.update.parallelism
    if standing := standing_in(replicas):
        most = len(standing)
    taken = [each for each in replicas if each.part is Part.TAKEN]
    if not most or not taken:
        return {}
    most -= sum(each.part is Part.OUT and not each.stands_in for each in replicas)
    assert most > 0, "with so many away nothing more is taken: it was to be held back"
    returning = [each for each in replicas if each.part is Part.BACK]
    unsure = [each for each in replicas if each.part is Part.UP and each.instance.health is not None]
    sick, well = [each for each in taken if each.sick], [each for each in taken if not each.sick]
    away = [*returning, *(each for each in unsure if each.sick), *sick]
    row = [*returning, *unsure, *sick, *well]
    first = len(row) - len(well)
    return {
        **{each.instance.key: _before(away, away.index(each), most) for each in sick},
        **{each.instance.key: _before(row, place, most) for place, each in enumerate(well, start=first)},
    }


def _before(row: Sequence[Replica], place: int, most: int) -> tuple[Replica, ...]:
    """Who must be back before the one at that place is taken."""
    before = row[: max(0, place - most + 1)]
    last = before[-1] if before else None
    if last is None or last.part is not Part.TAKEN or last.sick is not row[place].sick:
        return tuple(before)
    # Whoever was taken n places ahead has waited for what is n places ahead of itself; and of those that
    # were taken in between, each has its own follower.
    since = before[max(0, place - 2 * most + 1) : -1]
    alike = (each for each in since if each.part is Part.TAKEN and each.sick is last.sick)
    others = frozenset(each.instance.key for each in alike)
    return (*(each for each in since if each.instance.key not in others), last)
