"""A libvirt host behind the port."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import assert_never

from reconciler.actions import (
    Accept,
    Action,
    Await,
    CordonAction,
    Create,
    Destroy,
    DropCordon,
    DropImage,
    DropNetwork,
    GiveUp,
    ImageAction,
    Migrate,
    NetworkAction,
    PutCordon,
    PutImage,
    PutNetwork,
    Replace,
    Resume,
    Settle,
    Start,
    Stop,
    Update,
)
from reconciler.actuators.libvirt import (
    carry,
    cordons,
    create,
    destroy,
    drop,
    formerly,
    images,
    migrate,
    power,
    probe,
    reunite,
    segments,
    stored,
    update,
)
from reconciler.actuators.libvirt.ears import Ears
from reconciler.actuators.libvirt.look import look
from reconciler.actuators.libvirt.order import Desk
from reconciler.actuators.libvirt.recall import Recall
from reconciler.actuators.libvirt.storage import Viewer
from reconciler.actuators.links import seen_by
from reconciler.actuators.port import Actuator
from reconciler.errors import ActionFailed
from reconciler.specs.desired import HostName, Instance
from reconciler.state import HostState, StoredImage


@dataclass(frozen=True, slots=True)
class LibvirtActuator:
    """One host's hands and eyes, through libvirt. Its contract is that of the port."""

    desk: Desk
    ears: Ears
    read_only: bool
    recall: Recall = field(default_factory=Recall)

    @property
    def host(self) -> HostName:
        """Which host this is."""
        return self.desk.session.host

    async def observe(self) -> HostState:
        """One fresh look. Raises HostUnreachable."""
        looking = self._look()
        wires = self.desk.wires
        if wires is None:
            return await cordons.read(self.desk, replace(await looking, segments=None))
        # Asked for at once: a command over SSH takes as long as all of libvirt's answers.
        wiring = asyncio.create_task(wires.look())
        try:
            state, links = await looking, seen_by(self.desk.fleet, self.host, await wiring)
        finally:
            wiring.cancel()
            await asyncio.gather(wiring, return_exceptions=True)
        seen = replace(
            state,
            bridges=links.bridges,
            address=wires.address,
            segments=links.segments,
            foreign_links=links.foreign,
        )
        return await cordons.read(self.desk, seen)

    async def _look(self) -> HostState:
        viewer = Viewer(self.host, self.desk.fleet, self.desk.is_test)
        return await look(self.desk.session, viewer, self.recall)

    async def images(self) -> tuple[StoredImage, ...]:
        """Every base image and its users. Raises HostUnreachable, ActionFailed."""
        return await stored.survey(self.desk)

    async def lock(self, holder: str) -> None:
        """Become the only writer of this fleet on this host. Raises LockHeld, HostUnreachable."""
        self._writable()
        await self.desk.lock.acquire(holder)

    async def unlock(self) -> None:
        """Let others write. May be repeated."""
        await self.desk.lock.release()

    async def perform(self, action: Action) -> None:
        """Carry out one action. Raises ActionFailed, HostUnreachable, ImageUnavailable."""
        self._writable()
        match action:
            case PutImage() | DropImage() | PutNetwork() | DropNetwork() | PutCordon() | DropCordon():
                await self._provide(action)
            case Create(instance=instance, left=left):
                await create.create(self.desk, instance, left)
            case Start(before=before):
                await power.start(self.desk, before)
            case Stop(before=before):
                await power.stop(self.desk, before.uuid, before)
            case Update():
                await update.update(self.desk, action)
            case Replace(before=before, instance=instance):
                await create.rebuild(self.desk, before, instance)
            case Destroy(before=before):
                await destroy.destroy(self.desk, before)
            case GiveUp() | Accept():
                await formerly.record(self.desk, action)
            case Migrate() | Resume() | Settle():
                raise ActionFailed(self.host, "this takes two hosts")
            case Await():
                return
            case _:
                assert_never(action)

    async def _provide(self, action: ImageAction | NetworkAction | CordonAction) -> None:
        """What is done to the host itself: what machines need of it, and what keeps them away."""
        match action:
            case PutImage():
                await images.put_image(self.desk, action)
            case DropImage():
                await drop.drop_image(self.desk, action)
            case PutNetwork():
                await segments.put_network(self.desk, action)
            case DropNetwork():
                await segments.drop_network(self.desk, action)
            case PutCordon(cordon=cordon):
                await cordons.hang(self.desk, cordon)
            case DropCordon():
                await cordons.take_down(self.desk)
            case _:
                assert_never(action)

    async def migrate(self, action: Migrate, destination: Actuator) -> None:
        """Move a machine from here to ``destination``. Raises ActionFailed, HostUnreachable."""
        self._writable()
        move = carry.carry if action.terms.cold else migrate.migrate
        await move(action, self.desk, self._akin(destination).desk)

    async def reunite(self, action: Resume | Settle, other: Actuator | None) -> None:
        """Mend here what a migration to or from ``other`` left. Raises ActionFailed, HostUnreachable."""
        self._writable()
        peer = None if other is None else self._akin(other).desk
        if isinstance(action, Settle):
            await reunite.settle(action, self.desk, peer)
        else:
            assert peer is not None, "a journey has two ends"
            await reunite.resume(action, self.desk, peer)

    async def probe(self, instance: Instance) -> None:
        """Ask an instance once. Raises ActionFailed, Unsupported, HostUnreachable."""
        await probe.probe(self.desk, instance, read_only=self.read_only)

    async def changed(self) -> None:
        """Return when something may have changed. Raises HostUnreachable."""
        await self.ears.changed()

    async def close(self) -> None:
        """Let go of the host. May be repeated."""
        await self.ears.close()
        await self.desk.lock.release()
        await self.desk.session.close()
        if self.desk.files is not None:
            await self.desk.files.close()

    def _akin(self, other: Actuator) -> LibvirtActuator:
        if not isinstance(other, LibvirtActuator):
            raise ActionFailed(self.host, f"{other.host} is of another platform")
        other._writable()
        return other

    def _writable(self) -> None:
        if self.read_only:
            raise ActionFailed(self.host, "it was opened only to look")
