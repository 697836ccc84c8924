"""Scripts of the contract for hosts of flesh: disks of machines that run, and disks that strayed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reconciler.actions import Action, Create, Destroy, Impact, Replace, Start, Stop, Update
from reconciler.errors import ActionFailed, NoRoom
from reconciler.specs.desired import Disk
from reconciler.state import InstanceState, Power
from tests.contract.stage import DATA, DB, ROOT, SCRATCH, Stage, assert_as_asked, changed, disks


def _plugged(state: InstanceState) -> Sequence[str]:
    return sorted(disk.name for disk in state.live.disks)


async def disks_grow_while_the_machine_runs(stage: Stage) -> None:
    db = stage.instance(DB, ROOT, DATA)
    await stage.created(db)
    larger = changed(db, disks=(replace(ROOT, size_mib=64), replace(DATA, size_mib=16)))
    assert_as_asked(await stage.updated(larger, Impact.LIVE), larger)
    # It runs as it ran: what is on is not stopped to look.
    await stage.perform(Destroy(stage.host, await stage.seen(larger)))
    assert disks(await stage.look()) == {f"{DB}/data": 16}


async def a_disk_that_has_grown_may_be_grown_again(stage: Stage) -> None:
    db = stage.instance(DB, ROOT, DATA)
    state = await stage.created(db)
    larger = changed(db, disks=(ROOT, replace(DATA, size_mib=16)))
    for _ in range(2):
        await stage.perform(Update(stage.host, state, larger, Impact.LIVE))
    assert_as_asked(await stage.seen(larger), larger)


async def a_disk_does_not_shrink_while_the_machine_runs(stage: Stage) -> None:
    db = stage.instance(DB, ROOT, DATA)
    state = await stage.created(db)
    smaller = changed(db, disks=(ROOT, replace(DATA, size_mib=4)))
    await stage.refuses(Update(stage.host, state, smaller, Impact.LIVE), ActionFailed)


async def a_disk_is_plugged_in_while_the_machine_runs(stage: Stage) -> None:
    db = stage.instance()
    await stage.created(db)
    more = changed(db, disks=(ROOT, DATA, SCRATCH))
    assert_as_asked(await stage.updated(more, Impact.LIVE), more)
    assert disks(await stage.look()) == {f"{DB}/data": None, f"{DB}/root": None, f"{DB}/scratch": None}
    # It is still there after a start.
    await stage.perform(Stop(stage.host, await stage.seen(more)))
    assert _plugged(await stage.seen(more)) == ["data", "root", "scratch"]
    await stage.perform(Start(stage.host, await stage.seen(more)))
    assert_as_asked(await stage.seen(more), more)


async def several_disks_are_plugged_in_one_by_one(stage: Stage) -> None:
    db = stage.instance()
    await stage.created(db)
    for count in range(1, 5):
        more = changed(db, disks=(ROOT, *(Disk(f"d{number}", 8) for number in range(count))))
        assert_as_asked(await stage.updated(more, Impact.LIVE), more)


async def a_retained_disk_is_plugged_in_again_while_the_machine_runs(stage: Stage) -> None:
    db, more = stage.instance(), stage.instance(DB, ROOT, DATA)
    await stage.created(more)
    assert_as_asked(await stage.updated(db), db)
    assert disks(await stage.look()) == {f"{DB}/data": DATA.size_mib, f"{DB}/root": None}
    assert_as_asked(await stage.updated(more, Impact.LIVE), more)
    assert disks(await stage.look()) == {f"{DB}/data": None, f"{DB}/root": None}


async def a_disk_that_a_deaf_guest_holds_on_to_is_gone_after_the_next_start(stage: Stage) -> None:
    db, less = stage.instance(DB, ROOT, DATA, SCRATCH), stage.instance()
    await stage.created(db)
    stage.flesh.deafen(DB)
    await stage.fails(Update(stage.host, await stage.seen(db), less, Impact.LIVE), ActionFailed)
    held = await stage.seen(db)
    assert (held.power, held.complete) == (Power.RUNNING, True)
    assert {disk.name for disk in held.applied.disks} == {"root", "data", "scratch"}
    assert _plugged(held) == ["data", "root", "scratch"]
    await stage.fails(Update(stage.host, held, less, Impact.LIVE), ActionFailed)
    await stage.perform(Stop(stage.host, held))
    off = await stage.seen(db)
    assert _plugged(off) == ["root"]
    assert disks(await stage.look()) == dict.fromkeys((f"{DB}/data", f"{DB}/root", f"{DB}/scratch"))
    assert_as_asked(await stage.updated(less), less)
    assert disks(await stage.look()) == {f"{DB}/data": DATA.size_mib, f"{DB}/root": None}


async def a_disk_that_is_wanted_back_before_the_guest_let_go_stays(stage: Stage) -> None:
    db, less = stage.instance(DB, ROOT, DATA), stage.instance()
    await stage.created(db)
    stage.flesh.deafen(DB)
    await stage.fails(Update(stage.host, await stage.seen(db), less, Impact.LIVE), ActionFailed)
    assert_as_asked(await stage.updated(db, Impact.LIVE), db)
    await stage.perform(Stop(stage.host, await stage.seen(db)))
    assert _plugged(await stage.seen(db)) == ["data", "root"]


async def a_machine_that_stopped_meanwhile_gets_its_disks_and_runs(stage: Stage) -> None:
    db = stage.instance(DB, ROOT, SCRATCH)
    state = await stage.created(db)
    stage.platform.stop(DB)
    other = changed(db, disks=(replace(ROOT, size_mib=64), DATA))
    await stage.perform(Update(stage.host, state, other, Impact.LIVE))
    assert_as_asked(await stage.seen(other), other)
    assert disks(await stage.look()) == {f"{DB}/data": None, f"{DB}/root": None}


async def a_disk_that_finds_no_room_is_owned_and_plugged_in_later(stage: Stage) -> None:
    db = stage.instance()
    state = await stage.created(db)
    stage.flesh.fill()
    more = changed(db, disks=(ROOT, DATA))
    await stage.fails(Update(stage.host, state, more, Impact.LIVE), NoRoom)
    assert (await stage.seen(db)).power is Power.RUNNING
    stage.flesh.drain()
    assert_as_asked(await stage.updated(more, Impact.LIVE), more)


async def a_machine_with_a_snapshot_over_a_disk_is_not_redefined(stage: Stage) -> None:
    db = stage.instance(DB, ROOT, DATA)
    await stage.created(db)
    stage.flesh.snapshot(DB, "data")
    state = await stage.seen(db)
    assert [disk.name for disk in state.live.astray] == ["data"]
    larger = changed(db, disks=(ROOT, replace(DATA, size_mib=16)))
    refused: tuple[Action, ...] = (
        Update(stage.host, state, changed(db, cpus=2), Impact.RESTART),
        Update(stage.host, state, larger, Impact.LIVE),
        Replace(stage.host, state, db),
        Destroy(stage.host, state),
    )
    for action in refused:
        assert "data" in await stage.refuses(action, ActionFailed)
    stage.flesh.merge(DB, "data")
    assert_as_asked(await stage.updated(larger, Impact.LIVE), larger)


async def a_stopped_machine_with_a_snapshot_is_not_redefined_either(stage: Stage) -> None:
    db = stage.instance(DB, ROOT, DATA)
    await stage.created(db)
    stage.flesh.snapshot(DB, "data")
    stage.platform.stop(DB)
    state = await stage.seen(db)
    assert [disk.name for disk in state.live.astray] == ["data"]
    await stage.refuses(Update(stage.host, state, changed(db, cpus=2), Impact.RESTART), ActionFailed)
    await stage.refuses(Destroy(stage.host, state), ActionFailed)
    stage.platform.leave_half_made(DB)
    await stage.refuses(Create(stage.host, db), ActionFailed)


async def a_machine_with_a_snapshot_is_stopped_started_and_marked(stage: Stage) -> None:
    db = stage.instance(DB, ROOT, DATA)
    await stage.created(db)
    stage.flesh.snapshot(DB, "data")
    await stage.perform(Stop(stage.host, await stage.seen(db)))
    await stage.perform(Start(stage.host, await stage.seen(db)))
    protected = changed(db, protect=True)
    assert_as_asked(await stage.updated(protected, Impact.LIVE), protected)
    assert [disk.name for disk in (await stage.seen(db)).live.astray] == ["data"]
