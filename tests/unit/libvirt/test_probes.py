"""What a killed controller left of telling two pools apart, on libvirt's test driver."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from reconciler.actions import DropImage
from reconciler.actuators.libvirt import open_libvirt
from reconciler.actuators.libvirt.order import Hands
from reconciler.actuators.port import Access
from reconciler.errors import HostUnreachable
from reconciler.planner.pruning import prune_plan
from reconciler.specs.desired import Connect, Host, HostName, Scheme
from tests.builders import desired_of, fleet_of, host, observed_of
from tests.unit.engine.scripted import NoSupplies

pytest.importorskip("libvirt")

from reconciler.actuators.libvirt.actuator import LibvirtActuator

FLEET = fleet_of(host("hv1"))
LEFT = ("lab.shop.db.0.0123.probe", "lab.shop.web.1.4567.probe")
OTHERS = ("lab-2.shop.db.0.0123.probe", "lab.shop.db.0.data.qcow2", "somebody.probe")


IN_ANOTHER_POOL = "lab.shop.db.1.89ab.probe"
_POOL = "<pool type='dir'><name>fast</name><target><path>/fast</path></target></pool>"


def _volumes(hands: Hands) -> set[str]:
    return {name for pool in hands.connection.listAllStoragePools() for name in pool.listVolumes()}


def _make(hands: Hands) -> None:
    for name in (*LEFT, *OTHERS):
        hands.pool().make_empty(name)
    if "fast" not in hands.connection.listStoragePools():
        hands.connection.storagePoolCreateXML(_POOL, 0)
    hands.pool().named("fast").make_empty(IN_ANOTHER_POOL)


async def _opened(tmp_path: Path) -> LibvirtActuator:
    declared = Host(HostName("hv1"), Connect(Scheme.TEST, "test:///default"))
    access = Access("lab", read_only=False, store=tmp_path, supplies=NoSupplies())
    actuator = await open_libvirt(declared, access)
    assert isinstance(actuator, LibvirtActuator)
    return actuator


def test_a_prune_takes_what_was_left_for_our_machines_and_nothing_else(tmp_path: Path) -> None:
    async def scene() -> None:
        actuator = await _opened(tmp_path)
        try:
            await actuator.lock("the test")
            before = await actuator.desk.change("looking", _volumes)
            await actuator.desk.change("leaving", _make)
            holdings = {HostName("hv1"): await actuator.images()}
            plan = prune_plan(desired_of(FLEET), observed_of(FLEET), holdings)
            drops = [step.action for step in plan.steps if isinstance(step.action, DropImage)]
            assert sorted(each.name for each in drops) == sorted((*LEFT, IN_ANOTHER_POOL))
            for each in drops:
                await actuator.perform(each)
            assert await actuator.desk.change("looking", _volumes) == before | set(OTHERS)
            assert await actuator.images() == ()
            await actuator.perform(drops[0])  # it may be gone already
            await actuator.unlock()
            with pytest.raises(HostUnreachable, match="lock"):
                await actuator.perform(drops[0])
        finally:
            await actuator.close()

    asyncio.run(scene())
