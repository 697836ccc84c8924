"""Scripts of the contract: that something has happened is heard, and nothing else is."""

from __future__ import annotations

import pytest

from reconciler.actions import Create, Destroy, Start, Stop
from reconciler.errors import HostUnreachable
from tests.contract.stage import DB, Stage


async def what_we_do_is_heard(stage: Stage) -> None:
    db = stage.instance()
    await stage.put_image()
    other = await stage.open(lock=False)
    async with stage.hears(other):
        await stage.perform(Create(stage.host, db))
    state = await stage.seen(db)
    for action in (Stop(stage.host, state), Start(stage.host, state), Destroy(stage.host, state)):
        async with stage.hears(other):
            await stage.perform(action)


async def who_acts_hears_himself(stage: Stage) -> None:
    state = await stage.created(stage.instance())
    async with stage.hears(stage.actuators[0]):
        await stage.perform(Stop(stage.host, state))


async def what_a_human_does_to_our_machine_is_heard(stage: Stage) -> None:
    await stage.created(stage.instance())
    for hand in (stage.platform.pause, stage.platform.stop, stage.platform.undefine):
        async with stage.hears(stage.actuators[0]):
            hand(DB)


async def a_machine_that_a_human_defines_is_heard(stage: Stage) -> None:
    async with stage.hears(stage.actuators[0]):
        stage.platform.add_foreign("pet")


async def a_mark_that_a_human_takes_away_is_heard(stage: Stage) -> None:
    await stage.created(stage.instance())
    async with stage.hears(stage.actuators[0]):
        stage.platform.disown(DB)


async def who_may_only_read_hears_too(stage: Stage) -> None:
    await stage.created(stage.instance())
    reader = await stage.open(read_only=True)
    async with stage.hears(reader):
        stage.platform.stop(DB)


async def nothing_is_heard_while_nothing_happens(stage: Stage) -> None:
    await stage.created(stage.instance())
    async with stage.hears_nothing(stage.actuators[0]):
        await stage.look()
        await stage.look()


async def a_host_that_was_closed_is_not_listened_to(stage: Stage) -> None:
    actuator = stage.actuators[0]
    await actuator.close()
    with pytest.raises(HostUnreachable):
        await actuator.changed()
