"""Scripts of the contract: machines whose component is changed, and which are given back what they were."""

from __future__ import annotations

from dataclasses import replace

from reconciler.actions import Accept, Create, Destroy, GiveUp, Impact, Replace, Update
from reconciler.errors import NotFound
from reconciler.specs.desired import Instance
from reconciler.specs.health import UpdatePolicy
from reconciler.state import InstanceState, Power
from tests.builders import sha
from tests.contract.stage import (
    DATA,
    DB,
    ROOT,
    Stage,
    as_it_was,
    assert_as_asked,
    changed,
    disks,
    rolls_back,
    told,
)

FORM = sha("what was refused")


async def _replaced(stage: Stage, instance: Instance) -> InstanceState:
    await stage.perform(Replace(stage.host, await stage.seen(instance), instance))
    return await stage.seen(instance)


async def what_a_machine_was_is_kept_and_given_back_by_a_replacement(stage: Stage) -> None:
    old = told(rolls_back(stage.instance(DB, ROOT, DATA)), "old")
    new = told(changed(old, cpus=2), "new")
    await stage.created(old)
    state = await _replaced(stage, new)
    assert_as_asked(state, new)
    assert (state.former, state.refused) == (old.machine, None)
    await stage.perform(GiveUp(stage.host, state, FORM))
    state = await stage.seen(new)
    assert (state.former, state.refused) == (old.machine, FORM)
    state = await _replaced(stage, as_it_was(new, state))
    assert_as_asked(state, old)
    assert (state.former, state.refused) == (None, FORM)


async def what_a_machine_was_is_given_back_by_a_restart(stage: Stage) -> None:
    old = told(rolls_back(stage.instance()), "old")
    new = told(changed(old, cpus=2), "new")
    await stage.created(old)
    state = await stage.updated(new)
    assert (state.former, state.refused) == (old.machine, None)
    state = await stage.updated(as_it_was(new, state))
    assert_as_asked(state, old)
    assert state.former is None


async def a_machine_that_was_told_nothing_is_told_nothing_again(stage: Stage) -> None:
    old = rolls_back(stage.instance())
    new = told(old, "new")
    await stage.created(old)
    state = await stage.updated(new)
    state = await stage.updated(as_it_was(new, state))
    assert_as_asked(state, old)


async def what_is_changed_twice_keeps_what_it_was_first(stage: Stage) -> None:
    old = told(rolls_back(stage.instance()), "old")
    await stage.created(old)
    for cpus, text in ((2, "second"), (3, "third")):
        state = await _replaced(stage, told(changed(old, cpus=cpus), text))
        assert state.former == old.machine
    state = await stage.updated(as_it_was(old, state))
    assert_as_asked(state, old)


async def a_machine_that_is_taken_for_good_keeps_nothing_of_what_it_was(stage: Stage) -> None:
    old = told(rolls_back(stage.instance()), "old")
    new = told(changed(old, cpus=2), "new")
    await stage.created(old)
    state = await _replaced(stage, new)
    for _ in range(2):
        await stage.perform(Accept(stage.host, state))
        now = await stage.seen(new)
        assert_as_asked(now, new)
        assert (now.former, now.refused) == (None, None)


async def what_was_refused_stays_so_until_it_is_forgotten(stage: Stage) -> None:
    db = stage.instance()
    state = await stage.created(db)
    await stage.perform(GiveUp(stage.host, state, FORM), GiveUp(stage.host, state, FORM))
    assert (await stage.seen(db)).refused == FORM
    await stage.perform(Accept(stage.host, state, FORM))
    assert (await stage.seen(db)).refused == FORM
    assert (await stage.updated(changed(db, protect=True), Impact.LIVE)).refused == FORM
    await stage.perform(Accept(stage.host, await stage.seen(db)))
    assert (await stage.seen(db)).refused is None


async def a_machine_that_is_changed_forgets_what_was_refused(stage: Stage) -> None:
    db = stage.instance()
    state = await stage.created(db)
    await stage.perform(GiveUp(stage.host, state, FORM))
    assert (await stage.updated(changed(db, cpus=2))).refused is None


async def without_rollback_nothing_is_kept(stage: Stage) -> None:
    db = stage.instance()
    await stage.created(db)
    assert (await _replaced(stage, changed(db, cpus=2))).former is None
    assert (await stage.updated(changed(db, cpus=3))).former is None


async def who_is_not_to_be_given_back_any_more_keeps_nothing(stage: Stage) -> None:
    old = rolls_back(stage.instance())
    await stage.created(old)
    new = changed(old, cpus=2)
    assert (await stage.updated(new)).former == old.machine
    paused = replace(changed(old, cpus=3), update=UpdatePolicy())
    assert (await stage.updated(paused)).former is None


async def a_data_disk_is_never_taken_back(stage: Stage) -> None:
    old = rolls_back(stage.instance(DB, ROOT, DATA))
    larger = replace(DATA, size_mib=16)
    new = changed(old, cpus=2, disks=(ROOT, larger))
    await stage.created(old)
    state = await _replaced(stage, new)
    state = await _replaced(stage, as_it_was(new, state))
    assert_as_asked(state, changed(old, disks=(ROOT, larger)))
    await stage.perform(Destroy(stage.host, state))
    assert disks(await stage.look()) == {f"{DB}/data": 16}


async def a_live_change_keeps_what_is_kept(stage: Stage) -> None:
    old = rolls_back(stage.instance())
    new = changed(old, cpus=2)
    await stage.created(old)
    await stage.updated(new)
    assert (await stage.updated(changed(new, peers=sha("peers")), Impact.LIVE)).former == old.machine


async def what_stands_is_written_on_too(stage: Stage) -> None:
    old = rolls_back(stage.instance())
    await stage.created(old)
    await stage.updated(changed(old, cpus=2))
    stage.platform.stop(DB)
    state = await stage.seen(old)
    await stage.perform(GiveUp(stage.host, state, FORM))
    state = await stage.seen(old)
    assert (state.power, state.former, state.refused) == (Power.STOPPED, old.machine, FORM)
    assert_as_asked(await stage.updated(as_it_was(old, state)), old)


async def who_is_not_there_is_neither_given_up_nor_accepted(stage: Stage) -> None:
    old = rolls_back(stage.instance())
    await stage.created(old)
    state = await stage.updated(changed(old, cpus=2))
    await stage.perform(Destroy(stage.host, state))
    await stage.refuses(GiveUp(stage.host, state, FORM), NotFound)
    await stage.refuses(Accept(stage.host, state), NotFound)
    await stage.perform(Create(stage.host, old))
    assert (await stage.seen(old)).former is None


async def giving_back_twice_is_as_good_as_once(stage: Stage) -> None:
    old = told(rolls_back(stage.instance()), "old")
    new = told(changed(old, cpus=2), "new")
    await stage.created(old)
    state = await stage.updated(new)
    back = Update(stage.host, state, as_it_was(new, state), Impact.RESTART)
    await stage.perform(back, back)
    assert_as_asked(await stage.seen(old), old)
