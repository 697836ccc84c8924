"""Scripts of the contract: what humans do to our machines and beside them."""

from __future__ import annotations

from reconciler.actions import Action, Create, Destroy, Impact, Replace, Start, Stop, Update
from reconciler.errors import ActionFailed, AlreadyExists
from reconciler.specs.desired import Instance
from reconciler.state import InstanceState, Power
from tests.contract.stage import DATA, DB, ROOT, SCRATCH, Stage, assert_as_asked, changed, disks, names


async def a_paused_machine_is_seen_paused(stage: Stage) -> None:
    db = stage.instance()
    await stage.created(db)
    stage.platform.pause(DB)
    state = await stage.seen(db)
    assert (state.power, state.detail, state.complete) == (Power.PAUSED, "user", True)


async def a_paused_machine_is_not_started(stage: Stage) -> None:
    db = stage.instance()
    await stage.created(db)
    stage.platform.pause(DB)
    await stage.refuses(Start(stage.host, await stage.seen(db)), ActionFailed)


async def a_paused_machine_takes_its_room(stage: Stage) -> None:
    await stage.created(stage.instance())
    neighbour = await stage.open(fleet="theirs")
    stage.platform.pause(DB)
    foreign = (await neighbour.observe()).foreign
    assert (foreign.cpus, foreign.memory_mib) == (1, 64)


async def a_paused_machine_is_stopped(stage: Stage) -> None:
    db = stage.instance()
    await stage.created(db)
    stage.platform.pause(DB)
    await stage.perform(Stop(stage.host, await stage.seen(db)))
    assert (await stage.seen(db)).power is Power.STOPPED


async def a_paused_machine_is_destroyed(stage: Stage) -> None:
    db = stage.instance(DB, ROOT, DATA)
    await stage.created(db)
    stage.platform.pause(DB)
    await stage.perform(Destroy(stage.host, await stage.seen(db)))
    state = await stage.look()
    assert (state.instances, disks(state)) == ((), {f"{DB}/data": DATA.size_mib})


async def a_paused_machine_runs_after_an_update_with_a_restart(stage: Stage) -> None:
    db = stage.instance()
    await stage.created(db)
    stage.platform.pause(DB)
    larger = changed(db, cpus=2)
    assert_as_asked(await stage.updated(larger), larger)


async def a_live_change_leaves_a_paused_machine_paused(stage: Stage) -> None:
    db = stage.instance()
    await stage.created(db)
    stage.platform.pause(DB)
    state = await stage.updated(changed(db, protect=True), Impact.LIVE)
    assert (state.power, state.applied.protect) == (Power.PAUSED, True)


async def a_renamed_machine_is_still_ours(stage: Stage) -> None:
    db = stage.instance()
    await stage.created(db)
    stage.platform.stop(DB)
    stage.platform.rename(DB, "pet")
    state = await stage.seen(db)
    assert (state.key, state.applied) == (db.key, db.machine)
    await stage.perform(Start(stage.host, state))
    assert_as_asked(await stage.seen(db), db)


async def a_renamed_machine_is_not_made_a_second_time(stage: Stage) -> None:
    db = stage.instance()
    await stage.created(db)
    stage.platform.stop(DB)
    stage.platform.rename(DB, "pet")
    await stage.refuses(Create(stage.host, db), AlreadyExists)


async def a_renamed_machine_that_is_changed_gets_its_name_back(stage: Stage) -> None:
    db = stage.instance()
    await stage.created(db)
    stage.platform.stop(DB)
    stage.platform.rename(DB, "pet")
    larger = changed(db, memory_mib=db.machine.memory_mib + 8)
    assert_as_asked(await stage.updated(larger, Impact.RESTART), larger)
    stage.platform.stop(DB)
    await stage.perform(Start(stage.host, await stage.seen(larger)))


async def a_renamed_half_made_machine_is_finished_under_its_own_name(stage: Stage) -> None:
    db = stage.instance()
    await stage.created(db)
    stage.platform.stop(DB)
    stage.platform.leave_half_made(DB)
    stage.platform.rename(DB, "pet")
    assert not (await stage.seen(db)).complete
    assert_as_asked(await stage.created(db), db)
    stage.platform.stop(DB)


async def a_renamed_machine_is_destroyed(stage: Stage) -> None:
    db = stage.instance()
    await stage.created(db)
    stage.platform.stop(DB)
    stage.platform.rename(DB, "pet")
    await stage.perform(Destroy(stage.host, await stage.seen(db)))
    state = await stage.look()
    assert (state.instances, state.volumes) == ((), ())


async def a_machine_that_lost_its_mark_only_takes_room(stage: Stage) -> None:
    await stage.created(stage.instance())
    stage.platform.disown(DB)
    state = await stage.look()
    assert (state.instances, disks(state)) == ((), {f"{DB}/root": ROOT.size_mib})
    assert (state.foreign.cpus, state.foreign.memory_mib) == (1, 64)


async def a_machine_that_lost_its_mark_is_left_alone(stage: Stage) -> None:
    db = stage.instance(DB, ROOT, SCRATCH)
    state = await stage.created(db)
    stage.platform.disown(DB)
    await _is_left_alone(stage, db, _deeds(stage, db, state))


async def a_stopped_machine_that_lost_its_mark_is_left_alone(stage: Stage) -> None:
    db = stage.instance()
    state = await stage.created(db)
    stage.platform.stop(DB)
    stage.platform.disown(DB)
    assert (await stage.look()).foreign.cpus == 0
    await _is_left_alone(stage, db, (Start(stage.host, state), *_deeds(stage, db, state)))


async def a_machine_whose_mark_is_damaged_is_left_alone(stage: Stage) -> None:
    db = stage.instance()
    state = await stage.created(db)
    stage.platform.stop(DB)
    stage.platform.damage(DB)
    assert (await stage.look()).instances == ()
    await _is_left_alone(stage, db, (Start(stage.host, state), *_deeds(stage, db, state)))


async def what_is_defined_over_a_running_machine_shows_when_it_is_off(stage: Stage) -> None:
    db = stage.instance()
    await stage.created(db)
    stage.platform.edit_cpus(DB, 3)
    assert (await stage.seen(db)).live.cpus == 1
    stage.platform.stop(DB)
    assert (await stage.seen(db)).live.cpus == 3
    assert_as_asked(await stage.updated(db), db)


async def a_machine_that_starts_with_its_host_is_like_any_other(stage: Stage) -> None:
    db = stage.instance()
    before = await stage.created(db)
    stage.platform.autostart(DB)
    assert await stage.seen(db) == before
    larger = changed(db, cpus=2)
    assert_as_asked(await stage.updated(larger), larger)
    await stage.perform(Destroy(stage.host, await stage.seen(larger)))
    assert (await stage.look()).instances == ()


async def a_volume_that_is_nobodys_is_left_alone(stage: Stage) -> None:
    stage.platform.litter("pet.qcow2", 8)
    db = stage.instance(DB, ROOT, SCRATCH)
    state = await stage.created(db)
    assert set(disks(await stage.look())) == {f"{DB}/root", f"{DB}/scratch"}
    await stage.perform(Destroy(stage.host, state))
    assert (await stage.look()).volumes == ()
    assert stage.platform.litters() == ["pet.qcow2"]


async def a_foreign_machine_may_be_called_anything(stage: Stage) -> None:
    stage.platform.add_foreign("pött Ω")
    db = stage.instance()
    assert_as_asked(await stage.created(db), db)
    state = await stage.look()
    assert (names(state), state.foreign.memory_mib) == ([DB], 64)


async def a_foreign_machine_of_our_name_without_its_image_is_refused_for_its_name(stage: Stage) -> None:
    stage.platform.add_foreign(DB)
    await stage.refuses(Create(stage.host, stage.instance()), AlreadyExists)


def _deeds(stage: Stage, db: Instance, state: InstanceState) -> tuple[Action, ...]:
    return (
        Stop(stage.host, state),
        Update(stage.host, state, changed(db, cpus=2), Impact.RESTART),
        Update(stage.host, state, changed(db, protect=True), Impact.LIVE),
        Replace(stage.host, state, db),
        Destroy(stage.host, state),
    )


async def _is_left_alone(stage: Stage, db: Instance, deeds: tuple[Action, ...]) -> None:
    before = stage.platform.definition(DB)
    for action in deeds:
        await stage.refuses(action, ActionFailed)
    await stage.refuses(Create(stage.host, db), AlreadyExists)
    assert stage.platform.definition(DB) == before
