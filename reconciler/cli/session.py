"""From the command line's arguments to a look at the fleet: what every verb does first."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from reconciler.actuators import open_host
from reconciler.actuators.port import Access
from reconciler.engine.cycle import Round, decide
from reconciler.engine.hosts import Hosts
from reconciler.engine.patience import Patience
from reconciler.engine.supplies import LocalSupplies
from reconciler.specs.desired import Desired
from reconciler.specs.load import load
from reconciler.store.images import ImageCache


@dataclass(frozen=True, slots=True)
class Request:
    """What the user named."""

    directory: Path
    fleet: Path | None
    store: Path | None

    def desired(self) -> Desired:
        """Load it. Raises InvalidInput with every fault at once."""
        return load(self.directory, fleet=self.fleet)


def hosts_of(request: Request, desired: Desired, *, read_only: bool) -> Hosts:
    """The fleet's hosts, to be used as a context manager."""
    store = request.store or Path(desired.directory) / ".reconciler"
    access = Access(
        fleet=desired.fleet.name,
        read_only=read_only,
        store=store.absolute(),
        supplies=LocalSupplies(ImageCache(store / "images")),
    )
    return Hosts(desired.fleet.hosts, access, opener=open_host, patience=Patience())


async def look_and_decide(request: Request) -> Round:
    """Plan from a look that can only read."""
    desired = request.desired()
    async with hosts_of(request, desired, read_only=True) as hosts:
        return decide(desired, await hosts.observe())
