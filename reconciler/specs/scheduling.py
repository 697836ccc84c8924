"""Who chooses hosts in place of the built-in scheduler, as frozen values."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from enum import StrEnum

from reconciler.errors import Position


class OnScheduler(StrEnum):
    """What becomes of a plan whose scheduler gave no good answer."""

    FAIL = "fail"
    """There is none."""
    BUILT_IN = "built-in"
    """The built-in scheduler answers instead, and the plan says so."""


class Question(StrEnum):
    """Which of the three questions is asked. They differ only in what may move."""

    PLACE = "place"
    """Nothing that is placed moves."""
    REPAIR = "repair"
    """What breaks a strict rule where it is moves, and if that is not enough, what is in its way."""
    REBALANCE = "rebalance"
    """Anything that is movable moves where the policy gains by it."""


@dataclass(frozen=True, slots=True)
class OwnScheduler:
    """A user's own: ``package.module:function``, or else the words of a command.

    It is asked these ``questions`` and no others, and has so many seconds for each.
    """

    python: str = ""
    command: tuple[str, ...] = ()
    timeout_s: int = 30
    on_failure: OnScheduler = OnScheduler.FAIL
    questions: tuple[Question, ...] = tuple(Question)
    origin: Position = Position("", 0, 0)

    @property
    def title(self) -> str:
        """As it is named where it is allowed: ``python:acme.placement:tightest``, or a command line."""
        return f"python:{self.python}" if self.python else shlex.join(self.command)
