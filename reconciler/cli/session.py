"""From the command line's arguments to the engine: what every verb does first."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.engine.rounds import Round, Wish
from reconciler.specs.desired import Desired
from reconciler.specs.load import load
from reconciler.store.memory import FileMemory

if TYPE_CHECKING:
    from reconciler.engine.cycle import Cycle


_GARBAGE = 100_000
"""Values made, more than gone, before the first look for garbage."""


@dataclass(frozen=True, slots=True)
class Request:
    """What the user named."""

    directory: Path
    fleet: Path | None
    store: Path | None

    def desired(self) -> Desired:
        """Load it. Raises InvalidInput with every fault at once."""
        return load(self.directory, fleet=self.fleet, memory=FileMemory(self.store))

    def kept_in(self, desired: Desired) -> Path:
        """Where what is kept lies: absolute; it may not exist yet."""
        return (self.store or Path(desired.directory) / ".reconciler").absolute()


def now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


@asynccontextmanager
async def engine(request: Request, desired: Desired, *, verb: str, read_only: bool) -> AsyncIterator[Cycle]:
    """The engine over the fleet's hosts; everything is closed at the end."""
    _collect_garbage()
    # A recorded fleet needs none of this.
    from reconciler.actuators import open_host
    from reconciler.actuators.port import Access
    from reconciler.engine.cycle import Cycle
    from reconciler.engine.hosts import Hosts
    from reconciler.engine.logbook import Author
    from reconciler.engine.patience import Patience
    from reconciler.engine.supplies import LocalSupplies
    from reconciler.store.images import ImageCache
    from reconciler.store.journal import SqliteJournal

    store = request.kept_in(desired)
    supplies = LocalSupplies(ImageCache(store / "images"))
    access = Access(desired.fleet.name, read_only, store, supplies, desired.fleet.hosts)
    journal = SqliteJournal(store)
    try:
        async with Hosts(desired.fleet.hosts, access, opener=open_host, patience=Patience()) as hosts:
            yield Cycle(hosts, journal, Author.of_this_process(verb), now)
    finally:
        await journal.close()


def _collect_garbage() -> None:
    """From now on; what was loaded is not looked at again."""
    if not gc.isenabled():
        gc.freeze()
        gc.set_threshold(_GARBAGE, 50, 50)
        gc.enable()


async def look_and_decide(request: Request, wish: Wish | None = None) -> Round:
    """Plan from a look that can only read."""
    wanted = wish or Wish(request.desired())
    async with engine(request, wanted.desired, verb="plan", read_only=True) as cycle:
        return await cycle.plan(wanted)
