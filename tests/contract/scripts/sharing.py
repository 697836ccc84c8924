"""Scripts of the contract: others on the same host: machines that are not ours, and humans."""

from __future__ import annotations

from reconciler.actions import Create, Destroy, Replace, Start, Stop
from reconciler.errors import (
    ActionFailed,
    AlreadyExists,
)
from reconciler.state import Power
from tests.contract.stage import (
    DATA,
    DB,
    ROOT,
    Stage,
    assert_as_asked,
    disks,
    names,
)


async def a_foreign_machine_only_takes_room(stage: Stage) -> None:
    stage.platform.add_foreign("pet")
    before = stage.platform.definition("pet")
    db = stage.instance()
    await stage.perform(Destroy(stage.host, await stage.created(db)))
    state = await stage.look()
    assert state.instances == ()
    assert (state.foreign.cpus, state.foreign.memory_mib) == (1, 64)
    assert stage.platform.definition("pet") == before


async def our_own_machine_is_not_foreign(stage: Stage) -> None:
    await stage.created(stage.instance())
    state = await stage.look()
    assert (state.foreign.cpus, state.foreign.memory_mib) == (0, 0)


async def another_fleets_machine_only_takes_room(stage: Stage) -> None:
    theirs = stage.instance("shop-web-0", fleet="theirs")
    await stage.put_image()
    neighbour = await stage.open(fleet="theirs")
    await neighbour.perform(Create(stage.host, theirs))
    state = await stage.look()
    assert (state.instances, state.volumes) == ((), ())
    assert (state.foreign.cpus, state.foreign.memory_mib) == (1, 64)
    assert names(await neighbour.observe()) == ["shop-web-0"]


async def another_fleets_machine_is_left_alone(stage: Stage) -> None:
    theirs = stage.instance(fleet="theirs")
    await stage.put_image()
    neighbour = await stage.open(fleet="theirs")
    await neighbour.perform(Create(stage.host, theirs))
    (state,) = (await neighbour.observe()).instances
    for action in (Stop(stage.host, state), Destroy(stage.host, state), Replace(stage.host, state, theirs)):
        await stage.refuses(action, ActionFailed)
    await stage.refuses(Create(stage.host, stage.instance()), AlreadyExists)
    assert_as_asked((await neighbour.observe()).instances[0], theirs)


async def a_machine_that_a_human_stopped_is_seen_stopped(stage: Stage) -> None:
    db = stage.instance()
    await stage.created(db)
    stage.platform.stop(DB)
    state = await stage.seen(db)
    assert (state.power, state.complete, state.applied) == (Power.STOPPED, True, db.machine)
    await stage.perform(Start(stage.host, state))
    assert_as_asked(await stage.seen(db), db)


async def a_machine_that_a_human_undefined_is_gone_and_can_be_made_again(stage: Stage) -> None:
    db = stage.instance(DB, ROOT, DATA)
    await stage.created(db)
    stage.platform.undefine(DB)
    state = await stage.look()
    assert state.instances == ()
    assert disks(state) == {f"{DB}/data": DATA.size_mib, f"{DB}/root": ROOT.size_mib}
    assert_as_asked(await stage.created(db), db)


async def what_a_human_edited_differs_from_what_was_applied(stage: Stage) -> None:
    db = stage.instance()
    await stage.created(db)
    stage.platform.stop(DB)
    stage.platform.edit_cpus(DB, 3)
    state = await stage.seen(db)
    assert (state.live.cpus, state.applied.cpus) == (3, 1)
    assert_as_asked(await stage.updated(db), db)
