"""Scripts of the contract: images, creation and destruction."""

from __future__ import annotations

from dataclasses import replace

from reconciler.actions import Create, Destroy, Impact, Replace, Start
from reconciler.errors import (
    ActionFailed,
    AlreadyExists,
    NotFound,
    UnknownImage,
)
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


async def an_image_that_is_there_may_be_put_again(stage: Stage) -> None:
    await stage.put_image()
    first = await stage.look()
    await stage.put_image()
    assert first.images == stage.platform.image.use.digests
    assert await stage.look() == first


async def what_was_created_runs_as_it_was_asked_for(stage: Stage) -> None:
    db = stage.instance(DB, ROOT, DATA, cpus=2)
    assert_as_asked(await stage.created(db), db)
    assert disks(await stage.look()) == {f"{DB}/data": None, f"{DB}/root": None}


async def a_machine_of_no_disks_runs_too(stage: Stage) -> None:
    diskless = changed(stage.instance(), disks=())
    assert_as_asked(await stage.created(diskless), diskless)
    assert (await stage.look()).volumes == ()


async def an_unknown_image_is_refused(stage: Stage) -> None:
    await stage.refuses(Create(stage.host, stage.instance()), UnknownImage)


async def creating_twice_is_refused(stage: Stage) -> None:
    db = stage.instance()
    await stage.created(db)
    await stage.refuses(Create(stage.host, db), AlreadyExists)
    assert_as_asked(await stage.seen(db), db)


async def a_name_that_somebody_else_has_is_refused(stage: Stage) -> None:
    await stage.put_image()
    stage.platform.add_foreign(DB)
    before = stage.platform.definition(DB)
    await stage.refuses(Create(stage.host, stage.instance()), AlreadyExists)
    assert stage.platform.definition(DB) == before


async def a_half_made_machine_is_seen_as_such_and_finished(stage: Stage) -> None:
    db = stage.instance(DB, ROOT, DATA)
    await stage.created(db)
    stage.platform.stop(DB)
    stage.platform.leave_half_made(DB)
    assert not (await stage.seen(db)).complete
    await stage.perform(Create(stage.host, db))
    assert_as_asked(await stage.seen(db), db)


async def a_half_made_machine_is_not_started(stage: Stage) -> None:
    db = stage.instance()
    await stage.created(db)
    stage.platform.stop(DB)
    stage.platform.leave_half_made(DB)
    await stage.refuses(Start(stage.host, await stage.seen(db)), ActionFailed)


async def a_half_made_machine_that_nobody_wants_is_destroyed(stage: Stage) -> None:
    db = stage.instance(DB, ROOT, SCRATCH)
    await stage.created(db)
    stage.platform.stop(DB)
    stage.platform.leave_half_made(DB)
    await stage.perform(Destroy(stage.host, await stage.seen(db)))
    assert ((await stage.look()).instances, (await stage.look()).volumes) == ((), ())


async def a_destroyed_machine_leaves_nothing(stage: Stage) -> None:
    state = await stage.created(stage.instance(DB, ROOT, SCRATCH))
    await stage.perform(Destroy(stage.host, state))
    after = await stage.look()
    assert (after.instances, after.volumes) == ((), ())
    assert after.images == stage.platform.image.use.digests


async def a_stopped_machine_is_destroyed_as_well(stage: Stage) -> None:
    db = stage.instance()
    await stage.created(db)
    stage.platform.stop(DB)
    await stage.perform(Destroy(stage.host, await stage.seen(db)))
    assert (await stage.look()).instances == ()


async def a_retained_disk_outlives_its_machine(stage: Stage) -> None:
    state = await stage.created(stage.instance(DB, ROOT, DATA))
    await stage.perform(Destroy(stage.host, state))
    after = await stage.look()
    assert after.instances == ()
    assert disks(after) == {f"{DB}/data": DATA.size_mib}
    assert after.retained == after.volumes


async def a_machine_that_returns_finds_its_retained_disk(stage: Stage) -> None:
    db = stage.instance(DB, ROOT, DATA)
    await stage.perform(Destroy(stage.host, await stage.created(db)))
    assert_as_asked(await stage.created(db), db)
    assert disks(await stage.look()) == {f"{DB}/data": None, f"{DB}/root": None}


async def a_retained_disk_grows_when_it_is_adopted(stage: Stage) -> None:
    db = stage.instance(DB, ROOT, DATA)
    await stage.perform(Destroy(stage.host, await stage.created(db)))
    larger = changed(db, disks=(ROOT, replace(DATA, size_mib=16)))
    await stage.perform(Destroy(stage.host, await stage.created(larger)))
    assert disks(await stage.look()) == {f"{DB}/data": 16}


async def a_retained_disk_is_not_adopted_by_a_machine_that_wants_a_smaller_one(stage: Stage) -> None:
    db = stage.instance(DB, ROOT, DATA)
    await stage.perform(Destroy(stage.host, await stage.created(db)))
    smaller = changed(db, disks=(ROOT, replace(DATA, size_mib=4)))
    await stage.refuses(Create(stage.host, smaller), ActionFailed)


async def destroying_what_is_gone_says_so(stage: Stage) -> None:
    state = await stage.created(stage.instance())
    await stage.perform(Destroy(stage.host, state))
    await stage.refuses(Destroy(stage.host, state), NotFound)


async def a_protected_machine_is_neither_destroyed_nor_replaced(stage: Stage) -> None:
    db = changed(stage.instance(), protect=True)
    state = await stage.created(db)
    await stage.refuses(Destroy(stage.host, state), ActionFailed)
    await stage.refuses(Replace(stage.host, state, db), ActionFailed)
    assert_as_asked(await stage.seen(db), db)


async def protection_counts_as_it_is_not_as_it_was_seen(stage: Stage) -> None:
    db = stage.instance()
    unprotected = await stage.created(db)
    await stage.updated(changed(db, protect=True), Impact.LIVE)
    await stage.refuses(Destroy(stage.host, unprotected), ActionFailed)
