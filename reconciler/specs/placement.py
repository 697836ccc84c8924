"""Where an instance may run, and would rather run, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Policy(StrEnum):
    """What a cluster is to look like, everything else being equal."""

    BALANCE = "balance"
    """The same share of every host taken."""
    CONSOLIDATE = "consolidate"
    """As few hosts used as will do."""
    FIXED = "fixed"
    """As it is: nothing is moved but what must be."""


class Evict(StrEnum):
    """What becomes of an instance whose host is to be empty."""

    LIVE = "live"
    """It moves to another host while it runs."""
    COLD = "cold"
    """It is shut down, carried to another host with its disks, and started there."""
    STOP = "stop"
    """It is shut down, stays where it is, and is started again when that is over."""


@dataclass(frozen=True, slots=True)
class Affinity:
    """Instances of component ``to`` and this one share (or, as anti-affinity, never share) the
    value of ``over``, which is ``host`` or the name of a host label. Soft unless ``strict``.
    """

    to: str
    over: str
    strict: bool = True


@dataclass(frozen=True, slots=True)
class Spread:
    """Replicas over the values of ``over`` differ in number by at most ``max_skew``."""

    over: str
    max_skew: int = 1
    strict: bool = True


@dataclass(frozen=True, slots=True)
class Placement:
    """Where an instance may run (``require`` and strict rules) and would rather run (the rest).

    ``require`` and ``rank`` are CEL over ``host``; ``rank`` is higher for better. Who has a larger
    ``priority`` is placed first.
    """

    cluster: str | None = None
    require: tuple[str, ...] = ()
    anti_affinity: tuple[Affinity, ...] = ()
    affinity: tuple[Affinity, ...] = ()
    spread: tuple[Spread, ...] = ()
    rank: str | None = None
    priority: int = 0
    evict: Evict = Evict.LIVE
