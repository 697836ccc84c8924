"""A libvirt host behind the port."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import assert_never

from reconciler.actuators.libvirt import create, destroy, images, power, segments, update
from reconciler.actuators.libvirt.ears import Ears
from reconciler.actuators.libvirt.look import Viewer, look
from reconciler.actuators.libvirt.order import Desk
from reconciler.actuators.links import seen_by
from reconciler.errors import ActionFailed
from reconciler.plan import (
    Action,
    Create,
    Destroy,
    DropNetwork,
    Impact,
    PutImage,
    PutNetwork,
    Replace,
    Start,
    Stop,
    Update,
)
from reconciler.specs.desired import HostName
from reconciler.state import HostState


@dataclass(frozen=True, slots=True)
class LibvirtActuator:
    """One host's hands and eyes, through libvirt. Its contract is that of the port."""

    desk: Desk
    ears: Ears
    read_only: bool

    @property
    def host(self) -> HostName:
        """Which host this is."""
        return self.desk.session.host

    async def observe(self) -> HostState:
        """One fresh look. Raises HostUnreachable."""
        looking = look(self.desk.session, Viewer(self.host, self.desk.fleet, self.desk.is_test))
        wires = self.desk.wires
        if wires is None:
            return replace(await looking, segments=None)
        # Asked for at once: a command over SSH takes as long as all of libvirt's answers.
        wiring = asyncio.create_task(wires.look())
        try:
            state, links = await looking, seen_by(self.desk.fleet, self.host, await wiring)
        finally:
            wiring.cancel()
            await asyncio.gather(wiring, return_exceptions=True)
        return replace(
            state,
            bridges=links.bridges,
            address=wires.address,
            segments=links.segments,
            foreign_links=links.foreign,
        )

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
            case PutImage(image=image):
                await images.put_image(self.desk, image)
            case PutNetwork():
                await segments.put_network(self.desk, action)
            case DropNetwork():
                await segments.drop_network(self.desk, action)
            case Create(instance=instance):
                await create.create(self.desk, instance)
            case Start(before=before):
                await power.start(self.desk, before.uuid)
            case Stop(before=before):
                await power.stop(self.desk, before.uuid)
            case Update(instance=instance, impact=Impact.LIVE):
                await update.update_live(self.desk, instance)
            case Update(instance=instance):
                await update.update_with_restart(self.desk, instance)
            case Replace(instance=instance):
                await create.rebuild(self.desk, instance)
            case Destroy(before=before):
                await destroy.destroy(self.desk, before.uuid)
            case _:
                assert_never(action)

    async def changed(self) -> None:
        """Return when something may have changed. Raises HostUnreachable."""
        await self.ears.changed()

    async def close(self) -> None:
        """Let go of the host. May be repeated."""
        await self.desk.lock.release()
        await self.desk.session.close()
        if self.desk.files is not None:
            await self.desk.files.close()

    def _writable(self) -> None:
        if self.read_only:
            raise ActionFailed(self.host, "it was opened only to look")
