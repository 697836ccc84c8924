"""What the engine keeps of the past, and asks of it.

The journal is history and in-flight intent, never truth: deleting it changes nothing about what the
next plan says. It is told of each step before its effect begins and again when its outcome is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NewType, Protocol

from reconciler.plan import Plan, Step
from reconciler.report import StepReport

RunId = NewType("RunId", str)
"""Sorts by time: ``20261123T160102-1f0c9a``."""


@dataclass(frozen=True, slots=True)
class Run:
    """One carrying out of a plan: by whom, with what, from when (UTC) to when (None: never ended)."""

    id: RunId
    plan: str
    """Digest of the plan: equal steps from an equal basis, equal digests."""
    verb: str
    who: str
    version: str
    started: datetime
    ended: datetime | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One step of a run. ``outcome`` is "" while it is not known; ``ended`` None with it."""

    run: RunId
    step: str
    action: str
    subject: str
    host: str
    because: str
    begun: datetime
    ended: datetime | None = None
    outcome: str = ""
    detail: str = ""


class Journal(Protocol):
    """History and in-flight intent. Every method raises StoreError where it cannot be kept or read."""

    async def begin(self, run: Run, plan: Plan) -> None:
        """A plan is about to be carried out."""
        ...

    async def intend(self, run: RunId, step: Step, *, at: datetime) -> None:
        """A step's effect is about to begin: on return this has been written to disk."""
        ...

    async def settle(self, run: RunId, report: StepReport, *, at: datetime) -> None:
        """What became of a step."""
        ...

    async def end(self, run: RunId, *, at: datetime) -> None:
        """A run is over."""
        ...

    async def destroyed_since(self, since: datetime) -> int:
        """How many destructions were begun since then, whatever became of them, short of a clear no."""
        ...

    async def unsettled(self) -> Sequence[Entry]:
        """Steps that were begun and whose outcome nobody wrote down: their controller died."""
        ...

    async def resolve(self, entry: Entry, seen: str, *, at: datetime) -> None:
        """Close an unsettled entry as unknown, with what a look has shown since."""
        ...

    async def started(self) -> Mapping[str, datetime]:
        """When each instance was last made to start by us, by name."""
        ...

    async def moved(self, since: datetime, until: datetime) -> Mapping[str, datetime]:
        """When each instance that was moved between these times, or perhaps was, was so last, by name."""
        ...

    async def spent(self, plan: str) -> bool:
        """Whether a signed plan of this digest was applied before."""
        ...

    async def close(self) -> None:
        """Let go of it. May be repeated."""
        ...
