"""Where an instance may run, and would rather run, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass


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

    ``require`` and ``rank`` are CEL over ``host``; ``rank`` is higher for better.
    """

    cluster: str | None = None
    require: tuple[str, ...] = ()
    anti_affinity: tuple[Affinity, ...] = ()
    affinity: tuple[Affinity, ...] = ()
    spread: tuple[Spread, ...] = ()
    rank: str | None = None
