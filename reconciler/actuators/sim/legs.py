"""What steps on two simulated hosts share: one effect on one of them, and who may leave and come."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.actions import Migrate
from reconciler.actuators.sim.clock import duration
from reconciler.actuators.sim.effects import Effect
from reconciler.actuators.sim.things import Box, Domain, Mark
from reconciler.errors import ActionFailed, AlreadyExists, UnknownImage
from reconciler.specs.desired import InstanceUuid
from reconciler.state import Power


@dataclass(frozen=True, slots=True)
class Leg:
    """One effect on one of the two hosts (``here``: the one that was asked), and how long it takes."""

    here: bool
    effect: Effect
    extra: float = 0.0

    @property
    def seconds(self) -> float:
        """Virtual seconds that pass before it is there."""
        return duration(self.effect) + self.extra


def refuse_to_leave(source: Box, domain: Domain, mark: Mark, action: Migrate) -> None:
    """Raise ActionFailed where a machine is not what was planned with, or does not run."""
    if not mark.complete or mark.applied != action.before.applied:
        raise ActionFailed(source.host, f"{domain.name} is no longer what was planned with")
    if mark.journey is not None:
        raise ActionFailed(source.host, f"{domain.name} is already on its way to {mark.journey.destination}")
    if domain.power is not Power.RUNNING:
        raise ActionFailed(source.host, f"{domain.name} is {domain.power}")


def refuse_to_come(destination: Box, domain: Domain, mark: Mark, action: Migrate) -> None:
    """Raise ActionFailed where a machine cannot come."""
    host = destination.host
    if domain.uuid in destination.domains or destination.named(domain.name) is not None:
        raise AlreadyExists(host, f"a machine called {domain.name}, or of its UUID, is there already")
    missing = [digest for digest in mark.applied.image.digests if digest not in destination.images]
    if missing:
        raise UnknownImage(host, f"image {mark.applied.image.name} ({missing[0][:12]}…) is not on the host")
    for disk in mark.applied.disks if action.terms.copies else ():
        if mark.volume(disk.name) in destination.volumes:
            raise AlreadyExists(host, f"disk {disk.name} of {domain.name} is there already")


def ours(box: Box, uuid: InstanceUuid, fleet: str) -> tuple[Domain, Mark]:
    """Our machine and its mark. Raises NotFound, or AlreadyExists where it is somebody else's."""
    domain = box.domain(uuid)
    if domain.mark is None or domain.mark.fleet != fleet:
        raise AlreadyExists(box.host, f"{domain.name} does not belong to fleet {fleet}; it is left alone")
    return domain, domain.mark


def twin_of(box: Box, uuid: InstanceUuid, fleet: str) -> Domain | None:
    """What the other host has of it, or None. Raises AlreadyExists where that is somebody else's."""
    return ours(box, uuid, fleet)[0] if uuid in box.domains else None


def check_apart(here: Box, there: Box, mark: Mark) -> None:
    """Raise ActionFailed where a disk of a machine in one of the two pools is the only one."""
    if here.shares_pool(there):
        raise ActionFailed(
            there.host,
            f"its pool and that of {here.host} are one: a disk of {mark.key.name} in it is the only one. "
            "Nothing is copied or removed; say that the two share it (hosts.<name>.storage)",
        )
