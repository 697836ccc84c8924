"""Scripts of the contract: power and updates."""

from __future__ import annotations

from dataclasses import replace

from reconciler.actions import Destroy, Impact, Replace, Start, Stop, Update
from reconciler.errors import (
    ActionFailed,
    NotFound,
    UnknownImage,
)
from reconciler.specs.desired import Disk, Nic, NicKind, OnDelete, Sha256
from reconciler.state import Power
from tests.contract.stage import (
    DATA,
    DB,
    ROOT,
    SCRATCH,
    Stage,
    assert_as_asked,
    changed,
    disks,
)


async def a_machine_is_stopped_and_started(stage: Stage) -> None:
    db = stage.instance()
    await stage.perform(Stop(stage.host, await stage.created(db)))
    stopped = await stage.seen(db)
    assert (stopped.power, stopped.complete, stopped.applied) == (Power.STOPPED, True, db.machine)
    await stage.perform(Start(stage.host, stopped))
    assert_as_asked(await stage.seen(db), db)


async def starting_what_runs_and_stopping_what_stands_is_nothing(stage: Stage) -> None:
    db = stage.instance()
    running = await stage.created(db)
    await stage.perform(Start(stage.host, running))
    assert (await stage.seen(db)).power is Power.RUNNING
    await stage.perform(Stop(stage.host, running), Stop(stage.host, running))
    assert (await stage.seen(db)).power is Power.STOPPED


async def what_is_not_there_is_neither_started_nor_stopped(stage: Stage) -> None:
    state = await stage.created(stage.instance())
    await stage.perform(Destroy(stage.host, state))
    await stage.refuses(Start(stage.host, state), NotFound)
    await stage.refuses(Stop(stage.host, state), NotFound)


async def what_it_takes_of_the_devices_changes_while_it_runs(stage: Stage) -> None:
    db = stage.instance()
    await stage.created(db)
    equipped = changed(db, devices=(("fpga", 1), ("gpu", 2)))
    assert_as_asked(await stage.updated(equipped, Impact.LIVE), equipped)
    assert_as_asked(await stage.updated(db, Impact.LIVE), db)


async def protection_changes_while_it_runs(stage: Stage) -> None:
    db = stage.instance()
    await stage.created(db)
    protected = changed(db, protect=True)
    assert_as_asked(await stage.updated(protected, Impact.LIVE), protected)
    assert_as_asked(await stage.updated(db, Impact.LIVE), db)
    await stage.perform(Destroy(stage.host, await stage.seen(db)))


async def a_machine_that_stood_in_becomes_one_of_the_others_while_it_runs(stage: Stage) -> None:
    db = stage.instance()
    await stage.created(changed(db, surge=True))
    assert_as_asked(await stage.updated(db, Impact.LIVE), db)


async def its_image_is_called_otherwise_while_it_runs(stage: Stage) -> None:
    db = stage.instance()
    await stage.created(db)
    renamed = changed(db, image=replace(db.machine.image, name="other"))
    assert_as_asked(await stage.updated(renamed, Impact.LIVE), renamed)


async def what_becomes_of_a_disk_changes_while_it_runs(stage: Stage) -> None:
    db = stage.instance(DB, ROOT, SCRATCH)
    await stage.created(db)
    kept = changed(db, disks=(ROOT, replace(SCRATCH, on_delete=OnDelete.RETAIN)))
    assert_as_asked(await stage.updated(kept, Impact.LIVE), kept)
    await stage.perform(Destroy(stage.host, await stage.seen(kept)))
    assert disks(await stage.look()) == {f"{DB}/scratch": SCRATCH.size_mib}


async def cpus_and_memory_change_with_a_restart(stage: Stage) -> None:
    db = stage.instance()
    await stage.created(db)
    larger = changed(db, cpus=2, memory_mib=96)
    assert_as_asked(await stage.updated(larger), larger)


async def a_stopped_machine_runs_after_an_update(stage: Stage) -> None:
    db = stage.instance()
    await stage.created(db)
    stage.platform.stop(DB)
    larger = changed(db, cpus=2)
    assert_as_asked(await stage.updated(larger), larger)


async def an_update_may_be_asked_for_twice(stage: Stage) -> None:
    db = stage.instance(DB, ROOT, SCRATCH)
    before = await stage.created(db)
    larger = changed(db, cpus=2, disks=(ROOT, Disk("more", 8)))
    update = Update(stage.host, before, larger, Impact.RESTART)
    await stage.perform(update, update)
    assert_as_asked(await stage.seen(larger), larger)


async def a_disk_is_added(stage: Stage) -> None:
    db = stage.instance()
    await stage.created(db)
    more = changed(db, disks=(ROOT, SCRATCH))
    assert_as_asked(await stage.updated(more), more)
    assert disks(await stage.look()) == {f"{DB}/root": None, f"{DB}/scratch": None}


async def a_removed_disk_is_deleted_or_kept_as_it_was_told(stage: Stage) -> None:
    db = stage.instance(DB, ROOT, DATA, SCRATCH)
    await stage.created(db)
    fewer = changed(db, disks=(ROOT,))
    assert_as_asked(await stage.updated(fewer), fewer)
    assert set(disks(await stage.look())) == {f"{DB}/data", f"{DB}/root"}


async def a_disk_kept_beside_its_machine_says_how_much_room_it_takes(stage: Stage) -> None:
    db = stage.instance(DB, ROOT, DATA)
    await stage.created(db)
    await stage.updated(changed(db, disks=(ROOT,)))
    assert disks(await stage.look()) == {f"{DB}/data": DATA.size_mib, f"{DB}/root": None}


async def a_disk_grows(stage: Stage) -> None:
    db = stage.instance(DB, ROOT, DATA)
    await stage.created(db)
    grown = changed(db, disks=(ROOT, replace(DATA, size_mib=24)))
    assert_as_asked(await stage.updated(grown), grown)
    await stage.perform(Destroy(stage.host, await stage.seen(grown)))
    assert disks(await stage.look()) == {f"{DB}/data": 24}


async def a_disk_does_not_shrink(stage: Stage) -> None:
    db = stage.instance(DB, ROOT, DATA)
    state = await stage.created(db)
    smaller = changed(db, disks=(ROOT, replace(DATA, size_mib=4)))
    await stage.refuses(Update(stage.host, state, smaller, Impact.RESTART), ActionFailed)
    await stage.refuses(Replace(stage.host, state, smaller), ActionFailed)


async def a_change_that_needs_a_restart_is_not_made_live(stage: Stage) -> None:
    db = stage.instance()
    state = await stage.created(db)
    await stage.refuses(Update(stage.host, state, changed(db, cpus=2), Impact.LIVE), ActionFailed)


async def another_image_takes_a_replacement(stage: Stage) -> None:
    db = stage.instance()
    state = await stage.created(db)
    other = changed(db, image=replace(db.machine.image, disk=Sha256("f" * 64)))
    await stage.refuses(Update(stage.host, state, other, Impact.RESTART), ActionFailed)


async def network_cards_are_what_they_were_asked_to_be(stage: Stage) -> None:
    cards = (Nic(NicKind.NETWORK, stage.platform.network), Nic(NicKind.NETWORK, stage.platform.network))
    db = changed(stage.instance(), nics=cards)
    assert_as_asked(await stage.created(db), db)
    one = changed(db, nics=cards[:1])
    assert_as_asked(await stage.updated(one), one)


async def a_replaced_machine_keeps_its_data(stage: Stage) -> None:
    db = stage.instance(DB, ROOT, DATA, SCRATCH)
    state = await stage.created(db)
    anew = changed(db, disks=(replace(ROOT, size_mib=48), DATA))
    await stage.perform(Replace(stage.host, state, anew))
    assert_as_asked(await stage.seen(anew), anew)
    await stage.perform(Destroy(stage.host, await stage.seen(anew)))
    assert disks(await stage.look()) == {f"{DB}/data": DATA.size_mib}


async def a_replacement_from_an_unknown_image_is_refused_in_time(stage: Stage) -> None:
    db = stage.instance()
    state = await stage.created(db)
    digest = Sha256("f" * 64)
    strange = changed(db, image=replace(db.machine.image, disk=digest))
    await stage.refuses(Replace(stage.host, state, strange), UnknownImage)
    assert_as_asked(await stage.seen(db), db)
