"""Scripts of the contract: disks that lie in another pool than images do."""

from __future__ import annotations

from dataclasses import replace

from reconciler.actions import Create, Destroy, Impact, Replace, Update
from reconciler.errors import ActionFailed
from reconciler.specs.desired import Disk, OnDelete
from reconciler.specs.resources import kind_of
from reconciler.state import HostState
from tests.contract.stage import DATA, DB, ROOT, SCRATCH, Stage, assert_as_asked, changed
from tests.lab.settings import FAST

INDEX = Disk("index", 8, pool=FAST)
KEPT = Disk("index", 8, OnDelete.RETAIN, FAST)


def _lying(state: HostState) -> dict[str, tuple[str, int | None]]:
    """Pool and size by disk, as listed."""
    return {volume.disk: (volume.pool, volume.size_mib) for volume in state.volumes}


async def a_disk_lies_in_the_pool_that_it_names_and_goes_with_its_machine(stage: Stage) -> None:
    db = stage.instance(DB, ROOT, DATA, INDEX)
    assert_as_asked(await stage.created(db), db)
    assert _lying(await stage.look()) == {"root": ("", None), "data": ("", None), "index": (FAST, None)}
    await stage.perform(Destroy(stage.host, await stage.seen(db)))
    assert _lying(await stage.look()) == {"data": ("", 8)}


async def a_host_tells_how_much_there_is_of_each_pool(stage: Stage) -> None:
    before = (await stage.look()).capacity
    assert dict(before.pooled)[kind_of(FAST)] > 0
    await stage.created(stage.instance(DB, ROOT, INDEX))
    assert (await stage.look()).capacity == before


async def a_disk_that_was_kept_in_a_pool_is_found_there_again(stage: Stage) -> None:
    db = stage.instance(DB, ROOT, KEPT)
    await stage.perform(Destroy(stage.host, await stage.created(db)))
    assert _lying(await stage.look()) == {"index": (FAST, 8)}
    larger = changed(db, disks=(ROOT, replace(KEPT, size_mib=16)))
    assert_as_asked(await stage.created(larger), larger)
    await stage.perform(Destroy(stage.host, await stage.seen(larger)))
    assert _lying(await stage.look()) == {"index": (FAST, 16)}


async def a_disk_that_was_kept_in_a_pool_does_not_shrink(stage: Stage) -> None:
    db = stage.instance(DB, ROOT, KEPT)
    await stage.perform(Destroy(stage.host, await stage.created(db)))
    smaller = changed(db, disks=(ROOT, replace(KEPT, size_mib=4)))
    await stage.refuses(Create(stage.host, smaller), ActionFailed)


async def a_disk_stays_in_its_pool(stage: Stage) -> None:
    db = stage.instance(DB, ROOT, SCRATCH)
    state = await stage.created(db)
    moved = changed(db, disks=(ROOT, replace(SCRATCH, pool=FAST)))
    for impact in (Impact.LIVE, Impact.RESTART):
        await stage.refuses(Update(stage.host, state, moved, impact), ActionFailed)


async def a_disk_comes_and_goes_in_another_pool(stage: Stage) -> None:
    db = stage.instance()
    await stage.created(db)
    more = changed(db, disks=(ROOT, INDEX))
    assert_as_asked(await stage.updated(more), more)
    assert _lying(await stage.look()) == {"root": ("", None), "index": (FAST, None)}
    assert_as_asked(await stage.updated(db), db)
    assert _lying(await stage.look()) == {"root": ("", None)}


async def a_disk_in_another_pool_outlives_a_replacement(stage: Stage) -> None:
    db = stage.instance(DB, ROOT, INDEX)
    state = await stage.created(db)
    await stage.perform(Replace(stage.host, state, db))
    assert_as_asked(await stage.seen(db), db)
    assert _lying(await stage.look()) == {"root": ("", None), "index": (FAST, None)}


async def a_root_may_lie_in_another_pool_than_its_image(stage: Stage) -> None:
    db = stage.instance(DB, replace(ROOT, pool=FAST), DATA)
    state = await stage.created(db)
    assert_as_asked(state, db)
    assert _lying(await stage.look()) == {"root": (FAST, None), "data": ("", None)}
    await stage.perform(Replace(stage.host, state, db))
    await stage.perform(Destroy(stage.host, await stage.seen(db)))
    assert _lying(await stage.look()) == {"data": ("", 8)}


async def a_half_made_machine_is_finished_with_its_disk_in_another_pool(stage: Stage) -> None:
    db = stage.instance(DB, ROOT, SCRATCH)
    await stage.created(db)
    stage.platform.stop(DB)
    stage.platform.leave_half_made(DB)
    other = changed(db, disks=(ROOT, replace(SCRATCH, pool=FAST)))
    await stage.perform(Create(stage.host, other))
    assert_as_asked(await stage.seen(other), other)
    assert _lying(await stage.look()) == {"root": ("", None), "scratch": (FAST, None)}
