"""Scripts of the contract: one writer of a fleet on a host."""

from __future__ import annotations

import pytest

from reconciler.actions import Action, Create, Destroy, Impact, PutImage, Replace, Start, Stop, Update
from reconciler.actuators.port import Actuator
from reconciler.errors import ActionFailed, HostUnreachable, LockHeld
from tests.contract.stage import FLEET, Stage, assert_as_asked, changed, names


async def a_second_writer_is_told_who_the_first_is(stage: Stage) -> None:
    second = await stage.open(lock=False)
    with pytest.raises(LockHeld) as refused:
        await second.lock("the second")
    assert (refused.value.host, refused.value.holder) == (stage.host, f"the contract of {FLEET}")


async def a_holder_is_named_as_he_named_himself(stage: Stage) -> None:
    first, second = stage.actuators[0], await stage.open(lock=False)
    await first.unlock()
    await first.lock("ops@desk; $(touch /tmp/x) 'quoted' \"twice\" Zoë")
    with pytest.raises(LockHeld) as refused:
        await second.lock("the second")
    assert refused.value.holder == "ops@desk; $(touch /tmp/x) 'quoted' \"twice\" Zoë"


async def a_lock_that_was_let_go_is_anybodys(stage: Stage) -> None:
    first, second = stage.actuators[0], await stage.open(lock=False)
    await first.unlock()
    await second.lock("the second")
    with pytest.raises(LockHeld, match="the second"):
        await first.lock("the first again")
    await second.perform(PutImage(stage.host, stage.platform.image))


async def a_lock_ends_with_the_connection_that_holds_it(stage: Stage) -> None:
    second = await stage.open(lock=False)
    await stage.actuators[0].close()
    await second.lock("the second")
    await second.perform(PutImage(stage.host, stage.platform.image))


async def a_lock_that_is_held_is_held_still(stage: Stage) -> None:
    first, second = stage.actuators[0], await stage.open(lock=False)
    await first.lock("the first again")
    with pytest.raises(LockHeld):
        await second.lock("the second")
    await first.unlock()
    await first.unlock()
    await second.lock("the second")


async def a_lock_may_be_taken_again(stage: Stage) -> None:
    first = stage.actuators[0]
    await first.unlock()
    await first.lock("the first again")
    await stage.put_image()


async def another_fleets_lock_is_another(stage: Stage) -> None:
    await stage.open(fleet="theirs")
    second = await stage.open(fleet="theirs", lock=False)
    with pytest.raises(LockHeld, match="the contract of theirs"):
        await second.lock("the second")
    await stage.put_image()


async def without_the_lock_nothing_is_done(stage: Stage) -> None:
    db, other = stage.instance(), stage.instance("shop-web-0")
    state = await stage.created(db)
    await stage.actuators[0].unlock()
    update = Update(stage.host, state, changed(db, cpus=2), Impact.RESTART)
    live = Update(stage.host, state, changed(db, protect=True), Impact.LIVE)
    ends: tuple[Action, ...] = (Stop(stage.host, state), Destroy(stage.host, state))
    for action in (Create(stage.host, other), update, live, Replace(stage.host, state, db), *ends):
        await stage.refuses(action, HostUnreachable)
    stage.platform.stop(db.name)
    await stage.refuses(Start(stage.host, state), HostUnreachable)
    await stage.actuators[0].lock("again")
    await stage.perform(Start(stage.host, state))
    assert_as_asked(await stage.seen(db), db)


async def who_looks_needs_no_lock(stage: Stage) -> None:
    await stage.created(stage.instance())
    for looker in (await stage.open(lock=False), await stage.open(read_only=True)):
        assert names(await looker.observe()) == ["shop-db-0"]


async def who_may_only_read_is_given_no_lock(stage: Stage) -> None:
    await stage.actuators[0].unlock()
    reader: Actuator = await stage.open(read_only=True)
    with pytest.raises(ActionFailed):
        await reader.lock("a reader")
    await stage.actuators[0].lock("the first again")
