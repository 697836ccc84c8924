"""The one narrow port to a hypervisor host, and what an actuator is supplied with.

Every platform is held to the same contract by tests/contract. In short: ``observe`` says all that
is known of our machines on the host in one look; ``perform`` carries out one action, checks its
precondition itself, raises a ``HostError`` if it did not succeed, and may be repeated after any
failure; nothing that lacks our ownership mark is ever changed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from reconciler.actions import Action, Migrate, Resume, Settle
from reconciler.specs.desired import Host, HostName, ImagePart, Instance
from reconciler.state import HostState, StoredImage


class Supplies(Protocol):
    """What creating a machine needs from the controller's side."""

    async def image(self, part: ImagePart) -> Path:
        """A local file with exactly these bytes. Raises ImageUnavailable."""
        ...

    def seed(self, instance: Instance) -> bytes:
        """The NoCloud seed (an ISO 9660 image) for an instance whose ``context`` is not None."""
        ...

    def telling(self, instance: Instance) -> str:
        """The script by which a running guest takes on what follows from its peers; it may hold secrets."""
        ...


class Actuator(Protocol):
    """One host's hands and eyes."""

    @property
    def host(self) -> HostName:
        """Which host this is."""
        ...

    async def observe(self) -> HostState:
        """One fresh look. Raises HostUnreachable."""
        ...

    async def images(self) -> tuple[StoredImage, ...]:
        """Every base image it holds, and what needs it, whosever it is: a thorough look, a slow one.

        Raises HostUnreachable, or ActionFailed where it cannot be told.
        """
        ...

    async def lock(self, holder: str) -> None:
        """Become the only writer of this fleet on this host. Raises LockHeld, HostUnreachable.

        The lock dies with the connection that performs the effects, and with this actuator. Held
        already, it is held still. ``holder`` says who, for whoever is refused.
        """
        ...

    async def unlock(self) -> None:
        """Let others write. May be repeated."""
        ...

    async def perform(self, action: Action) -> None:
        """Carry out one action. Raises ActionFailed (said no), HostUnreachable (not known).

        Without the lock, or when it was lost, nothing is done and HostUnreachable is raised.
        """
        ...

    async def migrate(self, action: Migrate, destination: Actuator) -> None:
        """Move a machine from here to ``destination`` while it runs. Raises as ``perform`` does.

        Both hosts are locked. The machine bears its journey before anything is made for it over there,
        and bears it until nothing of it is left here.
        """
        ...

    async def reunite(self, action: Resume | Settle, other: Actuator | None) -> None:
        """Mend here, where the machine is, what a migration to or from ``other`` left.

        Both hosts are locked and asked again right before each effect: nothing goes on here that may
        run there, and nothing is removed there that may be all there is. Raises as ``perform`` does.
        """
        ...

    async def probe(self, instance: Instance) -> None:
        """Ask an instance once what its health check asks; returns where it is healthy.

        Raises ActionFailed where it is not (the reason is for people), Unsupported where this cannot be
        asked here, HostUnreachable. Changes nothing, and needs no lock.
        """
        ...

    async def changed(self) -> None:
        """Return when something on the host may have changed, or the connection to it was lost.

        Carries no data and may return for nothing; a change may be told once however often it
        happens. Whoever is told looks. Raises HostUnreachable where it cannot listen.
        """
        ...

    async def close(self) -> None:
        """Let go of the host; calls still under way end with HostUnreachable. May be repeated."""
        ...


@dataclass(frozen=True, slots=True)
class Access:
    """On whose behalf a host is opened: the owner mark, what it may do, and where it may write.

    ``store`` is the controller's own directory (``.reconciler/``): it may not exist yet, and with
    ``read_only`` nothing is written there or anywhere. ``hosts`` are those of the fleet, from which an
    image may be copied.
    """

    fleet: str
    read_only: bool
    store: Path
    supplies: Supplies
    hosts: tuple[Host, ...] = ()


Open = Callable[[Host, Access], Awaitable[Actuator]]
"""Opens one host. Raises HostUnreachable, and InvalidInput never: the loader has checked it."""
