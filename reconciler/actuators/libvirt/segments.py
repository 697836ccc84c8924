"""Make a segment on a host, and take it away: nothing without our alias is ever changed."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.actions import DropNetwork, PutNetwork
from reconciler.actuators.libvirt.order import Desk
from reconciler.actuators.libvirt.wires import Wires, making, removing
from reconciler.actuators.links import Link, seen_by
from reconciler.errors import ActionFailed, AlreadyExists
from reconciler.specs.identity import vxlan_of


async def put_network(desk: Desk, put: PutNetwork) -> None:
    """Make a segment, or repair it. Raises AlreadyExists where a link of that name is not ours."""
    wires = _wires(desk)
    links = await wires.look()
    _refuse_foreign(desk, put.segment.bridge, put.segment.vni, links)
    desk.lock.check()
    await wires.run(making(put, desk.fleet, links))


async def drop_network(desk: Desk, drop: DropNetwork) -> None:
    """Take a segment away. Raises ActionFailed where something is still plugged in."""
    wires, segment = _wires(desk), drop.segment
    links = await wires.look()
    _refuse_foreign(desk, segment.bridge, segment.vni, links)
    desk.lock.check()
    await wires.run(removing(segment.bridge, vxlan_of(segment.vni), links))


def _wires(desk: Desk) -> Wires:
    if desk.wires is None:
        raise ActionFailed(desk.host, "this platform makes no networks")
    return desk.wires


def _refuse_foreign(desk: Desk, bridge: str, vni: int, links: Iterable[Link]) -> None:
    for link in seen_by(desk.fleet, desk.host, links).foreign:
        if link.name in (bridge, vxlan_of(vni)) or link.vni == vni:
            raise AlreadyExists(desk.host, f"there is a link {link.name} that is not ours")
