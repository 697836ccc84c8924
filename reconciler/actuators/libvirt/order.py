"""What the verbs share: on whose behalf they act, on which host, and with what."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TypeVar

import libvirt

from reconciler.actuators.hostfiles import HostFiles
from reconciler.actuators.libvirt import pool as pools
from reconciler.actuators.libvirt.domain_xml import Site, domain_xml
from reconciler.actuators.libvirt.domains import Domain, Domains
from reconciler.actuators.libvirt.locking import HostLock
from reconciler.actuators.libvirt.mark import Mark
from reconciler.actuators.libvirt.names import seed_volume
from reconciler.actuators.libvirt.pool import Pool
from reconciler.actuators.libvirt.session import CHANGE_SECONDS, Session
from reconciler.actuators.libvirt.wires import Wires
from reconciler.actuators.port import Supplies
from reconciler.errors import ActionFailed
from reconciler.specs.desired import HostName, Instance, Machine
from reconciler.specs.identity import instance_uuid

T = TypeVar("T")

_SEED_STEP = 256 * 1024
"""Bytes."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a guest has to shut down by itself, and how often it is looked at. Seconds."""

    grace: float = 30.0
    poll: float = 0.25


@dataclass(frozen=True, slots=True)
class Platform:
    """What kind of domains a host runs, its architecture, and whether other hosts share its pool: none of it
    changes while we are connected.
    """

    kind: str
    arch: str
    shares_pool: bool = False


Neighbour = Callable[[HostName], AbstractAsyncContextManager["Desk"]]
"""Another host of the fleet, opened to read from it. Raises HostUnreachable."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What a verb works with. ``files`` and ``wires`` are None for the test driver."""

    session: Session
    fleet: str
    platform: Platform
    files: HostFiles | None
    wires: Wires | None
    supplies: Supplies
    lock: HostLock
    pace: Pace
    neighbour: Neighbour

    @property
    def host(self) -> str:
        """Which host it acts on."""
        return self.session.host

    @property
    def is_test(self) -> bool:
        """Whether it is libvirt's test driver."""
        return self.files is None

    async def change(self, what: str, work: Callable[[Hands], T]) -> T:
        """Run ``work`` on the host in a worker thread, if the lock is ours on the connection it runs over."""
        return await self.session.call(
            what,
            lambda connection: work(Hands(self, connection)),
            deadline=CHANGE_SECONDS,
            allowed=self.lock.check,
        )

    async def change_with(self, other: Desk, what: str, work: Callable[[Hands, Hands], T]) -> T:
        """Run ``work`` on two hosts, this one's hands first, if the locks of both are ours."""

        def allowed() -> None:
            self.lock.check()
            other.lock.check()

        return await self.session.call_with(
            other.session,
            what,
            lambda mine, its: work(Hands(self, mine), Hands(other, its)),
            allowed=allowed,
        )

    def seed(self, instance: Instance) -> bytes | None:
        """What the guest is told, or None where it is told nothing."""
        return None if instance.context is None else self.supplies.seed(instance)


@dataclass(frozen=True, slots=True)
class Hands:
    """A desk with a connection: for use in a worker thread."""

    desk: Desk
    connection: libvirt.virConnect

    @property
    def domains(self) -> Domains:
        """The domains of the host."""
        return Domains(self.connection, self.desk.host, self.desk.fleet)

    def pool(self) -> Pool:
        """The pool of the host in which images lie. Raises ActionFailed where there is none."""
        return pools.open_pool(self.connection, self.desk.host, is_test=self.desk.is_test)

    def site(self, pool: Pool, machine: Machine) -> Site:
        """What a domain's XML takes from the host. Raises ActionFailed where a pool of its is not there."""
        platform, others = self.desk.platform, pool.directories(machine)
        return Site(platform.kind, platform.arch, pool.path, platform.shares_pool, others)

    def define(self, mark: Mark, pool: Pool, *, seeded: bool, unplugged: Collection[str] = ()) -> Domain:
        """Define a domain, over the one of that UUID if there is one; ``unplugged`` disks are only owned."""
        try:
            text = domain_xml(mark, self.site(pool, mark.applied), seeded=seeded, unplugged=unplugged)
        except ValueError as error:
            raise ActionFailed(self.desk.host, f"{mark.key.name}: {error}") from error
        self.domains.call(instance_uuid(mark.fleet, mark.key), mark.key.name)
        return Domain(self.connection.defineXML(text), mark)

    def write_seed(self, mark: Mark, pool: Pool, seed: bytes | None) -> None:
        """Put what the guest is told where its domain expects it; nothing where it is told nothing."""
        name = seed_volume(mark.fleet, mark.key)
        if seed is None:
            pool.delete(name)
        else:
            # In whole steps: nearly every new seed has the size of the one before, and takes its place.
            pool.write(name, seed.ljust(-(-len(seed) // _SEED_STEP) * _SEED_STEP, b"\0"))
