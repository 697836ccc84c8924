"""What a difference costs the guest: one row a field, first match decides.

A field without a row is a broken promise: ``impact_of`` raises, and a test walks every field of
``Machine`` and its parts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from reconciler.actions import Impact
from reconciler.planner.amounts import mib
from reconciler.planner.diff import Difference, Path
from reconciler.specs.disks import DEFAULT_POOL


@dataclass(frozen=True, slots=True)
class Refused:
    """What the difference asks for cannot be done to a machine, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Row:
    """Fields that match ``pattern`` (``*`` is any one part) and go in this direction."""

    pattern: str
    outcome: Impact | Callable[[Difference], Refused]
    only: Callable[[Difference], bool] = lambda _: True

    def matches(self, path: Path) -> bool:
        """Whether the row is about this field."""
        parts = self.pattern.split(".")
        return len(parts) == len(path) and all(
            part in ("*", of) for part, of in zip(parts, path, strict=True)
        )


def shrinks(difference: Difference) -> bool:
    """Whether a size gets smaller."""
    was, now = difference.was, difference.now
    return isinstance(was, int) and isinstance(now, int) and now < was


def is_root(difference: Difference) -> bool:
    """Whether it is about the disk that a machine boots from."""
    return difference.path[1] == "root"


def _no_shrinking(difference: Difference) -> Refused:
    was, now = difference.was, difference.now
    amounts = f" from {mib(was)} to {mib(now)}" if isinstance(was, int) and isinstance(now, int) else ""
    return Refused(f"disk {difference.path[1]}: shrinking is refused{amounts}")


def _no_moving(difference: Difference) -> Refused:
    was, now = (f"pool {pool or DEFAULT_POOL}" for pool in (difference.was, difference.now))
    hint = "add a disk of another name there, and copy what is on it within the guest"
    return Refused(f"disk {difference.path[1]}: it stays in {was}, and is not moved to {now}: {hint}")


ROWS = (
    Row("protect", Impact.LIVE),
    Row("surge", Impact.LIVE),
    Row("disks.*.on_delete", Impact.LIVE),
    Row("devices.*", Impact.LIVE),
    Row("image.name", Impact.LIVE),
    Row("peers", Impact.LIVE),
    Row("cpus", Impact.RESTART),
    Row("memory_mib", Impact.RESTART),
    Row("context", Impact.RESTART),
    Row("image.cmdline", Impact.RESTART),
    Row("nics.*", Impact.RESTART),
    Row("nics.*.kind", Impact.RESTART),
    Row("nics.*.source", Impact.RESTART),
    Row("nics.*.address", Impact.RESTART),
    Row("disks.*", Impact.RESTART, only=is_root),
    Row("disks.*", Impact.LIVE),
    Row("disks.*.pool", _no_moving),
    Row("disks.*.size_mib", _no_shrinking, only=shrinks),
    Row("disks.*.size_mib", Impact.LIVE),
    Row("image.disk", Impact.REPLACE),
    Row("image.format", Impact.REPLACE),
    Row("image.kernel", Impact.REPLACE),
    Row("image.initrd", Impact.REPLACE),
)


def impact_of(difference: Difference) -> Impact | Refused:
    """What one difference costs. Raises LookupError for a field that has no row."""
    for row in ROWS:
        if row.matches(difference.path) and row.only(difference):
            return row.outcome if isinstance(row.outcome, Impact) else row.outcome(difference)
    raise LookupError(f"{difference.field} has no row in the impact table")


def refusals_of(differences: Iterable[Difference]) -> tuple[Refused, ...]:
    """Those of the differences that cannot be made, as reasons, in order."""
    outcomes = (impact_of(difference) for difference in differences)
    return tuple(outcome for outcome in outcomes if isinstance(outcome, Refused))


def worst(differences: Iterable[Difference]) -> Impact:
    """The largest impact of any number of differences, none of them refused; LIVE for none."""
    outcomes = (impact_of(difference) for difference in differences)
    return max((outcome for outcome in outcomes if isinstance(outcome, Impact)), default=Impact.LIVE)
