"""The question "where?" in numbers: what every scheduler is given, and what it answers.

Machines that ask for the same are one shape; rules between machines are rules between groups (a group
is one component of one service). ``H`` hosts, ``R`` resources, ``N`` machines, ``S`` shapes. Nothing
here knows of YAML, of libvirt, or of why a host is not allowed: texts are found later, for the few that
are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from reconciler.specs.placement import Policy as Policy  # noqa: PLC0414  it is part of the question
from reconciler.specs.scheduling import Question as Question  # noqa: PLC0414  users name it, too

NOWHERE = -1
"""In place of a host's number: on none. In place of a label's value: the host has none."""

Integers = NDArray[np.int64]
Reals = NDArray[np.float64]
Flags = NDArray[np.bool_]


class Relation(StrEnum):
    """What a rule between groups says of the values of its label."""

    APART = "apart"
    """No machine of ``group`` has the value that one of ``other`` has."""
    TOGETHER = "together"
    """Each machine of ``group`` has the value of one of ``other``, once there is one anywhere."""
    SPREAD = "spread"
    """The numbers of ``group`` over the values differ by at most ``max_skew``."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule between groups, by their numbers; ``over`` is a key of ``Problem.labels``."""

    relation: Relation
    group: int
    over: str
    other: int = NOWHERE
    strict: bool = True
    max_skew: int = 1
    follows: bool = False
    """TOGETHER: nobody of ``group`` is placed before one of ``other`` is. That moves nobody."""
    moves: bool = True
    """Whether somebody moves who breaks it where it is: not while nobody knows where all of them are."""


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """What machines ask for. ``demand`` is (R,), ``allowed`` (H,).

    ``rank`` is (H,), larger is better, as of now; ``ranked`` gives the exact value of one host for what
    is free on it (R,) before one more comes, or None where the rank does not change. ``admits`` is asked
    in the same way of hosts that are allowed, and moves nobody: only who comes to a host must be admitted.
    Shapes that ask the same have the same functions. ``name`` is for people.
    """

    name: str
    group: int
    demand: Integers
    allowed: Flags
    rank: Reals | None = None
    ranked: Callable[[int, Integers], float] | None = None
    admits: Callable[[int, Integers], bool] | None = None
    priority: int = 0
    """Larger is placed first."""


@dataclass(frozen=True, slots=True, eq=False)
class Cluster:
    """Hosts that machines never leave. ``hosts`` is (H,); ``spare`` of them may die and all still fits."""

    name: str
    hosts: Flags
    policy: Policy = Policy.BALANCE
    spare: int = 0
    weights: tuple[float, ...] = ()
    """What each resource counts for where the policy is to balance, (R,); all the same where empty."""


@dataclass(frozen=True, slots=True, eq=False)
class Served:
    """When each machine is served who is to be placed, or would be if it had to be; both are (N,).

    ``turn`` is NOWHERE for those who are where they are for other reasons; ``service`` is its number.
    """

    turn: Integers
    service: Integers

    def beside(self, others: int) -> Served:
        """The same with others listed after them, who are where they are."""
        nobody = np.full(others, NOWHERE, np.int64)
        return Served(np.concatenate([self.turn, nobody]), np.concatenate([self.service, nobody]))


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """Everything a scheduler may know.

    ``room`` (H, R) is what all machines listed here may take together of each host. ``shape``, ``home``
    (NOWHERE: not placed yet), ``movable``, ``leaving`` and ``cost`` are (N,). Who is ``leaving`` is about
    to be destroyed: it takes its room and keeps others apart, and attracts nobody. ``cost`` is what moving
    it takes, in MiB over the wire. ``labels`` gives the value's number of each host, (H,).
    Machines that are to be placed are listed in the order in which they are served.
    """

    hosts: tuple[str, ...]
    resources: tuple[str, ...]
    room: Integers
    shapes: tuple[Shape, ...]
    shape: Integers
    home: Integers
    movable: Flags
    leaving: Flags
    cost: Reals
    labels: Mapping[str, Integers]
    rules: tuple[Rule, ...] = ()
    clusters: tuple[Cluster, ...] = ()
    names: tuple[str, ...] = ()
    """Of the machines, for people."""
    closed: Flags | None = None
    """(H,): nothing comes to these hosts, and what is there may stay."""
    size: Integers | None = None
    """(H, R): all that there is of each host, be it free or not; None: as ``room``."""
    served: Served | None = None
    """None: nobody who is on a host was placed by the same plan."""

    @property
    def groups(self) -> Integers:
        """The group of each shape, (S,)."""
        return np.array([shape.group for shape in self.shapes], np.int64)


@dataclass(frozen=True, slots=True)
class Ask:
    """The question and its budgets.

    At most ``max_moves`` moves (None: any number), each worth at least ``min_gain`` of the policy's
    score. ``effort`` is deterministic work: 1.0 is about a second of one core.
    """

    question: Question = Question.PLACE
    max_moves: int | None = None
    min_gain: float = 0.0
    effort: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """``host`` (N,) is where each machine is to be, NOWHERE where no host will do.

    ``by`` names the method; ``proven`` where it is known that nothing better exists.
    """

    host: Integers
    by: str
    proven: bool = False
    notes: tuple[str, ...] = ()


Scheduler = Callable[[Problem, Ask], Answer]
"""The port: the built-in ones and a user's own are the same thing. Its answer is checked, never believed."""
