"""A simulated host has as much room as it says, and no more."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.actions import Create, Destroy, Impact, PutImage, Update
from reconciler.actuators.sim.host import SimHost, World
from reconciler.errors import NoRoom
from reconciler.specs.desired import Disk, HostName, Instance, Overcommit, Resources
from reconciler.state import Power
from tests.builders import host, image_of, image_use, instance, machine
from tests.unit.sim.memory import Memory, OpenDoor, Stopwatch, access_to, host_of

HV1 = HostName("hv1")
SMALL = Resources(cpus=2, memory_mib=2048, disk_mib=300)


def vm(name: str, memory_mib: int = 1024, disk_mib: int = 100) -> Instance:
    return instance(name, machine(memory_mib=memory_mib, disks=(Disk("root", disk_mib),)))


async def furnished(actuator: SimHost, *instances: Instance) -> SimHost:
    await actuator.perform(PutImage(HV1, image_of(image_use())))
    for each in instances:
        await actuator.perform(Create(HV1, each))
    return actuator


def test_machine_that_needs_more_memory_than_is_free_is_made_but_does_not_start() -> None:
    async def scene() -> None:
        actuator = await furnished(host_of(Memory(), capacity=SMALL), vm("shop-db-0"))
        with pytest.raises(NoRoom, match="shop-web-0 needs 1025 MiB of memory and 1024 MiB are free"):
            await actuator.perform(Create(HV1, vm("shop-web-0", 1025)))
        _, left = (await actuator.observe()).instances
        assert (left.power, left.complete) == (Power.STOPPED, True)

    asyncio.run(scene())


def test_disk_that_does_not_fit_leaves_a_half_made_machine() -> None:
    async def scene() -> None:
        actuator = await furnished(host_of(Memory(), capacity=SMALL), vm("shop-db-0"))
        with pytest.raises(NoRoom, match="shop-web-0/root needs 201 MiB of disk and 200 MiB are free"):
            await actuator.perform(Create(HV1, vm("shop-web-0", 512, 201)))
        _, left = (await actuator.observe()).instances
        assert not left.complete
        await actuator.perform(Create(HV1, vm("shop-web-0", 512, 200)))

    asyncio.run(scene())


def test_disk_grows_only_into_free_room() -> None:
    async def scene() -> None:
        db = vm("shop-db-0", 512, 200)
        actuator = await furnished(host_of(Memory(), capacity=SMALL), db, vm("shop-web-0", 512, 50))
        before = (await actuator.observe()).instances[0]
        larger = replace(db, machine=replace(db.machine, disks=(Disk("root", 251),)))
        with pytest.raises(NoRoom, match="needs 251 MiB of disk and 250 MiB are free"):
            await actuator.perform(Update(HV1, before, larger, Impact.RESTART))

    asyncio.run(scene())


def test_what_is_destroyed_makes_room() -> None:
    async def scene() -> None:
        actuator = await furnished(host_of(Memory(), capacity=SMALL), vm("shop-db-0", 2048, 300))
        (state,) = (await actuator.observe()).instances
        await actuator.perform(Destroy(HV1, state))
        await actuator.perform(Create(HV1, vm("shop-web-0", 2048, 300)))

    asyncio.run(scene())


def test_overcommitted_memory_is_there() -> None:
    async def scene() -> None:
        generous = replace(host("hv1", SMALL), overcommit=Overcommit(memory=2.0))
        actuator = SimHost(generous, access_to(Path("/nowhere")), World(Memory(), Stopwatch(), OpenDoor()))
        await furnished(actuator, vm("shop-db-0", 2048), vm("shop-web-0", 2048))
        with pytest.raises(NoRoom):
            await actuator.perform(Create(HV1, vm("shop-app-0", 1)))

    asyncio.run(scene())


def test_what_is_kept_in_reserve_is_not_refused_by_the_host() -> None:
    async def scene() -> None:
        careful = replace(host("hv1", SMALL), reserve=Resources(memory_mib=1024))
        actuator = SimHost(careful, access_to(Path("/nowhere")), World(Memory(), Stopwatch(), OpenDoor()))
        await furnished(actuator, vm("shop-db-0", 2048))

    asyncio.run(scene())
