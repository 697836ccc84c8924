"""Scripts of the contract: what is seen, and by whom."""

from __future__ import annotations

import pytest

from reconciler.actions import Create, Destroy, PutImage, Stop
from reconciler.errors import (
    ActionFailed,
    HostUnreachable,
)
from tests.contract.stage import (
    Stage,
    disks,
    names,
)


async def an_empty_host_has_room_and_nothing_of_ours(stage: Stage) -> None:
    state = await stage.look()
    assert (state.instances, state.volumes, state.images) == ((), (), ())
    assert (state.host, state.foreign.cpus, state.foreign.memory_mib) == (stage.host, 0, 0)
    assert min(state.capacity.cpus, state.capacity.memory_mib, state.capacity.disk_mib) > 0


async def two_looks_at_a_calm_host_are_equal(stage: Stage) -> None:
    await stage.created(stage.instance())
    assert await stage.look() == await stage.look()


async def instances_are_listed_by_key(stage: Stage) -> None:
    made = ("shop-web-0", "shop-db-10", "shop-db-9", "cart-db-0")
    for name in made:
        await stage.created(stage.instance(name))
    state = await stage.look()
    assert names(state) == ["cart-db-0", "shop-db-9", "shop-db-10", "shop-web-0"]
    assert list(disks(state)) == [f"{name}/root" for name in names(state)]


async def another_connection_sees_the_same(stage: Stage) -> None:
    await stage.created(stage.instance())
    other = await stage.open(read_only=True)
    assert await other.observe() == await stage.look()


async def closing_twice_is_closing_once(stage: Stage) -> None:
    actuator = stage.actuators[0]
    await actuator.close()
    await actuator.close()


async def a_closed_host_answers_nothing(stage: Stage) -> None:
    actuator = stage.actuators[0]
    await actuator.close()
    with pytest.raises(HostUnreachable):
        await actuator.observe()
    with pytest.raises(HostUnreachable):
        await actuator.perform(PutImage(stage.host, stage.platform.image))


async def who_may_only_read_changes_nothing(stage: Stage) -> None:
    db = stage.instance()
    await stage.put_image()
    reader = await stage.open(read_only=True)
    await stage.refuses(Create(stage.host, db), ActionFailed, by=reader)
    state = await stage.created(db)
    for action in (Stop(stage.host, state), Destroy(stage.host, state)):
        await stage.refuses(action, ActionFailed, by=reader)
