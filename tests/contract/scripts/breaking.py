"""Scripts of the contract for hosts of flesh: crashes, full disks, cut wires, a lost host."""

from __future__ import annotations

from dataclasses import replace

from reconciler.actions import Create, Destroy, Impact, PutImage, Replace, Start, Stop, Update
from reconciler.errors import ActionFailed, HostUnreachable, LockHeld, NoRoom
from reconciler.specs.desired import Disk
from reconciler.state import Power
from tests.contract.stage import (
    DATA,
    DB,
    ROOT,
    SCRATCH,
    Stage,
    as_it_was,
    assert_as_asked,
    changed,
    disks,
    rolls_back,
    told,
)

_HUGE_MIB = 900_000_000


async def a_machine_that_crashed_is_seen_stopped_with_the_reason(stage: Stage) -> None:
    db = stage.instance()
    await stage.created(db)
    stage.flesh.crash(DB)
    state = await stage.seen(db)
    assert (state.power, state.detail, state.complete) == (Power.STOPPED, "crashed", True)
    await stage.perform(Start(stage.host, state))
    assert_as_asked(await stage.seen(db), db)


async def a_crash_is_heard(stage: Stage) -> None:
    await stage.created(stage.instance())
    async with stage.hears(stage.actuators[0]):
        stage.flesh.crash(DB)


async def a_machine_too_large_for_the_host_is_made_and_does_not_run(stage: Stage) -> None:
    huge = changed(stage.instance(), memory_mib=_HUGE_MIB)
    await stage.put_image()
    await stage.fails(Create(stage.host, huge), NoRoom)
    state = await stage.seen(huge)
    assert (state.power, state.complete) == (Power.STOPPED, True)
    await stage.refuses(Start(stage.host, state), NoRoom)
    await stage.perform(Destroy(stage.host, state))
    assert (await stage.look()).instances == ()


async def a_machine_that_outgrows_the_host_is_left_off(stage: Stage) -> None:
    db = stage.instance()
    state = await stage.created(db)
    huge = changed(db, memory_mib=_HUGE_MIB)
    await stage.fails(Update(stage.host, state, huge, Impact.RESTART), NoRoom)
    assert (await stage.seen(db)).power is Power.STOPPED
    assert_as_asked(await stage.updated(db), db)


async def a_machine_whose_disk_was_deleted_is_not_started(stage: Stage) -> None:
    db = stage.instance(DB, ROOT, DATA)
    await stage.created(db)
    stage.platform.stop(DB)
    stage.flesh.unplug(DB, "data")
    state = await stage.seen(db)
    assert (state.power, state.complete) == (Power.STOPPED, True)
    assert disks(await stage.look()) == {f"{DB}/root": None}
    await stage.fails(Start(stage.host, state), ActionFailed)


async def a_machine_whose_disk_was_deleted_is_destroyed(stage: Stage) -> None:
    db = stage.instance(DB, ROOT, DATA, SCRATCH)
    await stage.created(db)
    stage.platform.stop(DB)
    stage.flesh.unplug(DB, "data")
    stage.flesh.unplug(DB, "root")
    await stage.perform(Destroy(stage.host, await stage.seen(db)))
    state = await stage.look()
    assert (state.instances, state.volumes) == ((), ())


async def a_machine_whose_root_was_deleted_is_replaced(stage: Stage) -> None:
    db = stage.instance(DB, ROOT, DATA)
    await stage.created(db)
    stage.platform.stop(DB)
    stage.flesh.unplug(DB, "root")
    await stage.perform(Replace(stage.host, await stage.seen(db), db))
    assert_as_asked(await stage.seen(db), db)


async def a_disk_that_was_deleted_is_made_anew_by_an_update(stage: Stage) -> None:
    db = stage.instance(DB, ROOT, DATA)
    await stage.created(db)
    stage.platform.stop(DB)
    stage.flesh.unplug(DB, "data")
    larger = changed(db, cpus=2)
    assert_as_asked(await stage.updated(larger), larger)


async def a_machine_for_which_the_pool_has_no_room_is_half_made_and_finished_later(stage: Stage) -> None:
    db = stage.instance(DB, ROOT, DATA)
    await stage.put_image()
    stage.flesh.fill()
    await stage.fails(Create(stage.host, db), NoRoom)
    state = await stage.seen(db)
    assert (state.power, state.complete) == (Power.STOPPED, False)
    stage.flesh.drain()
    await stage.perform(Create(stage.host, db))
    assert_as_asked(await stage.seen(db), db)


async def a_replacement_for_which_there_is_no_room_is_finished_later(stage: Stage) -> None:
    db = stage.instance(DB, ROOT, SCRATCH)
    state = await stage.created(db)
    stage.flesh.fill()
    # One more than are deleted for it.
    anew = changed(db, disks=(ROOT, DATA, Disk("more", 8)))
    await stage.fails(Replace(stage.host, state, anew), NoRoom)
    assert not (await stage.seen(db)).complete
    stage.flesh.drain()
    await stage.perform(Create(stage.host, anew))
    assert_as_asked(await stage.seen(anew), anew)


async def a_replacement_for_which_there_is_no_room_is_given_back(stage: Stage) -> None:
    old = told(rolls_back(stage.instance(DB, ROOT, SCRATCH)), "old")
    state = await stage.created(old)
    stage.flesh.fill()
    anew = told(changed(old, cpus=2, disks=(ROOT, DATA, Disk("more", 8))), "new")
    await stage.fails(Replace(stage.host, state, anew), NoRoom)
    left = await stage.seen(anew)
    assert (left.complete, left.former) == (False, old.machine)
    stage.flesh.drain()
    back = as_it_was(anew, left)
    await stage.perform(Create(stage.host, back, left))
    state = await stage.seen(back)
    assert_as_asked(state, back)
    assert (state.former, state.applied.context) == (None, old.machine.context)


async def a_disk_for_which_there_is_no_room_leaves_the_machine_off_and_whole(stage: Stage) -> None:
    db = stage.instance(DB, ROOT, SCRATCH)
    state = await stage.created(db)
    stage.flesh.fill()
    other = changed(db, disks=(ROOT, DATA))
    await stage.fails(Update(stage.host, state, other, Impact.RESTART), NoRoom)
    left = await stage.seen(db)
    # The disk that did not come is owned all the same: what there may be of it is not left behind.
    owning = replace(db.machine, disks=(*db.machine.disks, DATA))
    assert (left.power, left.complete, left.applied) == (Power.STOPPED, True, owning)
    stage.flesh.drain()
    assert_as_asked(await stage.updated(other), other)


async def a_connection_that_was_cut_is_made_anew_and_its_lock_is_not(stage: Stage) -> None:
    db = stage.instance()
    state = await stage.created(db)
    await stage.after(stage.flesh.cut)
    assert await stage.seen(db) == state
    for action in (Stop(stage.host, state), Destroy(stage.host, state)):
        await stage.refuses(action, HostUnreachable)
    await stage.actuators[0].lock("again")
    await stage.perform(Stop(stage.host, state))
    assert (await stage.seen(db)).power is Power.STOPPED


async def a_lock_whose_connection_was_cut_is_anybodys(stage: Stage) -> None:
    second = await stage.open(lock=False)
    await stage.after(stage.flesh.cut)
    await stage.free(second, "the second")
    try:
        await stage.actuators[0].lock("the first again")
    except LockHeld as error:
        assert error.holder == "the second"
    await second.perform(PutImage(stage.host, stage.platform.image))


async def a_cut_is_heard(stage: Stage) -> None:
    async with stage.hears(stage.actuators[0]):
        stage.flesh.cut()
        await stage.after(lambda: None)


async def a_host_that_lost_its_power_keeps_its_machines_and_starts_what_it_was_told_to(stage: Stage) -> None:
    db, web = stage.instance(DB, ROOT, DATA), stage.instance("shop-web-0")
    await stage.created(db)
    await stage.created(web)
    stage.platform.autostart("shop-web-0")
    await stage.after(stage.flesh.reboot)
    assert ((await stage.seen(db)).power, (await stage.seen(web)).power) == (Power.STOPPED, Power.RUNNING)
    await stage.actuators[0].lock("again")
    await stage.perform(Start(stage.host, await stage.seen(db)))
    assert_as_asked(await stage.seen(db), db)


async def an_image_for_which_the_pool_has_no_room_leaves_nothing(stage: Stage) -> None:
    stage.flesh.fill()
    await stage.fails(PutImage(stage.host, stage.platform.image), NoRoom)
    assert (await stage.look()).images == ()
    assert await stage.actuators[0].images() == ()
    stage.flesh.drain()
    await stage.put_image()
    assert (await stage.look()).images == stage.platform.image.use.digests
