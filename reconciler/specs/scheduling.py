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


class SchedulerQuestion(StrEnum):
    """What a scheduler may be asked."""

    PLACE = "place"
    REPAIR = "repair"
    REBALANCE = "rebalance"


@dataclass(frozen=True, slots=True)
class OwnScheduler:
    """A user's own: ``package.module:function``, or else the words of a command.

    It is asked these ``questions`` and no others, and has so many seconds for each.
    """

    python: str = ""
    command: tuple[str, ...] = ()
    timeout_s: int = 30
    on_failure: OnScheduler = OnScheduler.FAIL
    questions: tuple[SchedulerQuestion, ...] = tuple(SchedulerQuestion)
    origin: Position = Position("", 0, 0)

    @property
    def title(self) -> str:
        """As it is named where it is allowed: ``python:acme.placement:tightest``, or a command line."""
        return f"python:{self.python}" if self.python else shlex.join(self.command)
