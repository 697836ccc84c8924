"""Start and stop."""

from __future__ import annotations

import asyncio

import libvirt

from reconciler.actuators.libvirt.order import Desk, Hands
from reconciler.actuators.libvirt.sense import sense
from reconciler.errors import ActionFailed
from reconciler.specs.desired import InstanceUuid
from reconciler.state import InstanceState, Power


async def start(desk: Desk, before: InstanceState) -> None:
    """Start a machine as it is defined. Raises ActionFailed where it is paused, half made or has left."""

    def work(hands: Hands) -> None:
        domain = hands.domains.stayed(before)
        if not domain.mark.complete:
            raise ActionFailed(desk.host, f"{domain.mark.key.name} is only half made")
        state = sense(*domain.handle.state())
        if state.power is Power.PAUSED:
            raise ActionFailed(desk.host, f"{domain.mark.key.name} is paused ({state.detail})")
        domain.start(before)

    await desk.change("starting", work)


async def stop(desk: Desk, uuid: InstanceUuid, before: InstanceState | None) -> None:
    """Shut a machine down by ACPI, and by force when its grace is over. Raises ActionFailed if it leaves."""
    loop = asyncio.get_running_loop()
    until = loop.time() + desk.pace.grace
    await desk.change("asking for shutdown", lambda hands: _ask(hands, uuid, before))
    while await desk.session.call("looking", lambda connection: _runs(Hands(desk, connection), uuid, before)):
        if loop.time() >= until:
            await desk.change("stopping", lambda hands: _pull(hands, uuid, before))
            return
        await asyncio.sleep(desk.pace.poll)


def _ask(hands: Hands, uuid: InstanceUuid, before: InstanceState | None) -> None:
    domain = hands.domains.get(uuid)
    domain.check_stayed(before)
    if not domain.is_active():
        return
    try:
        domain.handle.shutdown()
    except libvirt.libvirtError as error:
        # Off already, or nobody listens: then force will do.
        if error.get_error_code() != libvirt.VIR_ERR_OPERATION_INVALID:
            raise


def _pull(hands: Hands, uuid: InstanceUuid, before: InstanceState | None) -> None:
    domain = hands.domains.get(uuid)
    domain.check_stayed(before)
    domain.destroy()


def _runs(hands: Hands, uuid: InstanceUuid, before: InstanceState | None) -> bool:
    domain = hands.domains.get(uuid)
    domain.check_stayed(before)
    return domain.is_active()
