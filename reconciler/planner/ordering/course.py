"""What the ordering of moves is asked, and what it answers, in numbers.

A machine that moves takes its room at both ends until it is confirmed at the other; one that is made takes
it from its first effect; one that is destroyed gives it back once that is confirmed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reconciler.planner.placement.problem import Flags, Integers, Problem, Reals
from reconciler.specs.limits import MigrationLimits


class Kind(StrEnum):
    """What one leg does."""

    MIGRATE = "migrate"
    CREATE = "create"
    DESTROY = "destroy"
    GROW = "grow"
    """It takes more where it is, or less."""
    STOP = "stop"
    """It gives back its room, and is started again elsewhere."""
    START = "start"
    """It comes, stopped, to another host, and is started there."""


TRAVELS = frozenset({Kind.MIGRATE, Kind.START})
"""The kinds that go over the wire from host to host, and count against the limits."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How many machines may travel at once: from or to one host, and within one cluster. None: any number."""

    per_host: int | None = None
    per_cluster: int | None = None

    @staticmethod
    def of(migrations: MigrationLimits) -> Limits:
        """Those that the fleet file gives."""
        return Limits(migrations.per_host, migrations.per_cluster)


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """From ``problem.home`` to ``goal`` (N,), NOWHERE for who is to be destroyed.

    ``seconds`` (N,) is what a machine's leg takes, ``may_stop`` (N,) who may be stopped where a live move
    finds no way. ``now`` (N, R) is what each takes where it is; None: what its shape asks for. Stopping one
    takes ``stop_seconds``.
    """

    problem: Problem
    goal: Integers
    seconds: Reals
    may_stop: Flags
    limits: Limits = Limits()
    now: Integers | None = None
    stop_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Leg:
    """One deed, by the numbers of its machine and hosts (NOWHERE: none).

    It may begin when all its ``needs`` (places in ``Route.legs``) are confirmed: whoever keeps to that, in
    any order and at any pace, overfills no host and breaks no strict rule. ``begins`` and ``seconds`` are
    predicted; legs of one ``wave`` may be done at once.
    """

    machine: int
    kind: Kind
    source: int
    target: int
    needs: tuple[int, ...] = ()
    begins: float = 0.0
    seconds: float = 0.0
    mib: float = 0.0
    wave: int = 0
    detour: bool = False
    """It goes where it is not to stay, so that others can pass."""

    @property
    def ends(self) -> float:
        """When it is over, in predicted seconds."""
        return self.begins + self.seconds


@dataclass(frozen=True, slots=True)
class Stuck:
    """A machine that cannot get to its goal without a strict rule being broken on the way, and why."""

    machine: int
    reason: str


@dataclass(frozen=True, slots=True)
class Route:
    """The legs, by when they begin, each after all that it needs, and who cannot get there."""

    legs: tuple[Leg, ...] = ()
    stuck: tuple[Stuck, ...] = ()

    @property
    def seconds(self) -> float:
        """How long all of it takes."""
        return max((leg.ends for leg in self.legs), default=0.0)

    @property
    def mib(self) -> float:
        """What goes over the wire."""
        return sum(leg.mib for leg in self.legs)

    @property
    def extra(self) -> int:
        """How many moves go to where nobody is to stay."""
        return sum(leg.detour for leg in self.legs)
