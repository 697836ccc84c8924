"""One run's page in the journal: each step is written down before its effect and after it."""

from __future__ import annotations

import getpass
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from secrets import token_hex
from typing import Self

from reconciler.plan import Plan, Step
from reconciler.report import StepReport
from reconciler.store.port import Journal, Run, RunId

Now = Callable[[], datetime]
"""The wall clock, with a time zone."""


@dataclass(frozen=True, slots=True)
class Author:
    """Who carries plans out, with what, for the history and for whoever is refused the lock."""

    verb: str
    who: str
    version: str

    @classmethod
    def of_this_process(cls, verb: str) -> Self:
        """``user@machine (pid N)`` and the installed version."""
        return cls(verb, f"{_user()}@{platform.node()} (pid {os.getpid()})", version("reconciler"))

    @property
    def name(self) -> str:
        """``user@machine``."""
        return self.who.partition(" (pid")[0]

    def __str__(self) -> str:
        """As a lock's holder is named."""
        return f"{self.who}, reconcile {self.verb}"


@dataclass(frozen=True, slots=True)
class Logbook:
    """Writes one run down. Every method raises StoreError where it cannot."""

    journal: Journal
    run: RunId
    now: Now

    @classmethod
    async def opened(cls, plan: Plan, journal: Journal, *, author: Author, now: Now) -> Self:
        """Begin a run in the journal."""
        started = now()
        digest = plan.digest()
        # The tail tells two runs of the same second apart.
        run = RunId(f"{started:%Y%m%dT%H%M%S}-{digest[:6]}{token_hex(2)}")
        # Who only waits changes nothing, and leaves no page.
        if not plan.is_idle:
            await journal.begin(Run(run, digest, author.verb, author.who, author.version, started), plan)
        return cls(journal, run, now)

    async def intend(self, step: Step) -> None:
        """A step's effect is about to begin."""
        await self.journal.intend(self.run, step, at=self.now())

    async def settle(self, report: StepReport) -> None:
        """A step's outcome is known, or known to be unknown."""
        await self.journal.settle(self.run, report, at=self.now())

    async def closed(self) -> None:
        """The run is over."""
        await self.journal.end(self.run, at=self.now())


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        return str(os.getuid())
