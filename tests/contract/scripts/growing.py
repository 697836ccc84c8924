"""Scripts of the contract: more machines, more cards, other images, and what a guest is told."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from reconciler.actions import Create, Destroy, Impact, PutImage, Replace, Start, Stop, Update
from reconciler.errors import ActionFailed, NotFound, UnknownImage
from reconciler.specs.desired import Disk, Image, Instance, InstanceKey, Nic, NicKind, Sha256
from reconciler.specs.guest import GuestContext
from reconciler.state import HostState, Power
from tests import builders
from tests.contract.stage import (
    DATA,
    DB,
    FLEET,
    ROOT,
    SCRATCH,
    Stage,
    assert_as_asked,
    changed,
    disks,
    names,
)

_MANY = 30


def _told(instance: Instance, hostname: str) -> Instance:
    told = changed(instance, context=Sha256(hostname.encode().hex().ljust(64, "0")))
    return replace(told, context=GuestContext(hostname))


async def a_guest_is_told_who_it_is(stage: Stage) -> None:
    db = _told(stage.instance(), "db")
    assert_as_asked(await stage.created(db), db)
    assert disks(await stage.look()) == {f"{DB}/root": None}
    await stage.perform(Destroy(stage.host, await stage.seen(db)))
    assert (await stage.look()).volumes == ()


async def a_guest_is_told_something_else_with_a_restart(stage: Stage) -> None:
    db, other = _told(stage.instance(), "db"), _told(stage.instance(), "other")
    state = await stage.created(db)
    await stage.refuses(Update(stage.host, state, other, Impact.LIVE), ActionFailed)
    assert_as_asked(await stage.updated(other), other)


async def a_guest_is_told_nothing_any_more_with_a_restart(stage: Stage) -> None:
    db, silent = _told(stage.instance(), "db"), stage.instance()
    await stage.created(db)
    assert_as_asked(await stage.updated(silent), silent)
    assert_as_asked(await stage.updated(db), db)


async def network_cards_keep_their_order(stage: Stage) -> None:
    network, bridge = (
        Nic(NicKind.NETWORK, stage.platform.network),
        Nic(NicKind.BRIDGE, stage.platform.bridge),
    )
    db = changed(stage.instance(), nics=(network, bridge))
    assert_as_asked(await stage.created(db), db)
    other = changed(db, nics=(bridge, network, bridge))
    assert_as_asked(await stage.updated(other), other)


async def another_card_takes_a_restart(stage: Stage) -> None:
    db = stage.instance()
    state = await stage.created(db)
    wired = changed(db, nics=(Nic(NicKind.BRIDGE, stage.platform.bridge),))
    await stage.refuses(Update(stage.host, state, wired, Impact.LIVE), ActionFailed)


async def an_image_may_be_a_kernel_and_an_initrd(stage: Stage) -> None:
    kernel = stage.platform.kernel
    db = changed(stage.instance(), image=kernel.use, disks=(DATA,))
    await stage.put_image(kernel)
    assert (await stage.look()).images == kernel.use.digests
    await stage.perform(Create(stage.host, db))
    assert_as_asked(await stage.seen(db), db)
    assert disks(await stage.look()) == {f"{DB}/data": None}


async def an_image_of_which_a_part_is_missing_is_unknown(stage: Stage) -> None:
    kernel = stage.platform.kernel
    await stage.put_image(Image(replace(kernel.use, initrd=None), kernel.parts[:1]))
    db = changed(stage.instance(), image=kernel.use, disks=())
    await stage.refuses(Create(stage.host, db), UnknownImage)
    await stage.put_image(kernel)
    await stage.perform(Create(stage.host, db))
    assert_as_asked(await stage.seen(db), db)


async def another_command_line_takes_a_restart(stage: Stage) -> None:
    kernel = stage.platform.kernel
    db = changed(stage.instance(), image=kernel.use, disks=())
    await stage.put_image(kernel)
    await stage.perform(Create(stage.host, db))
    other = changed(db, image=replace(kernel.use, cmdline="quiet"))
    await stage.refuses(Update(stage.host, await stage.seen(db), other, Impact.LIVE), ActionFailed)
    assert_as_asked(await stage.updated(other), other)


async def another_name_of_the_same_image_is_only_written_down(stage: Stage) -> None:
    db = stage.instance()
    await stage.created(db)
    renamed = changed(db, image=replace(db.machine.image, name="another-name"))
    assert_as_asked(await stage.updated(renamed, Impact.LIVE), renamed)


async def an_image_may_be_put_twice_at_once(stage: Stage) -> None:
    put = PutImage(stage.host, stage.platform.image)
    await stage.together(put, put)
    db = stage.instance()
    assert_as_asked(await stage.created(db), db)


async def a_stopped_machine_runs_after_it_was_replaced(stage: Stage) -> None:
    db = stage.instance(DB, ROOT, DATA)
    await stage.created(db)
    stage.platform.stop(DB)
    await stage.perform(Replace(stage.host, await stage.seen(db), db))
    assert_as_asked(await stage.seen(db), db)


async def a_stopped_machine_runs_after_a_live_update(stage: Stage) -> None:
    db = stage.instance()
    await stage.created(db)
    stage.platform.stop(DB)
    protected = changed(db, protect=True)
    assert_as_asked(await stage.updated(protected, Impact.LIVE), protected)


async def a_protected_machine_is_stopped_started_and_updated(stage: Stage) -> None:
    db = changed(stage.instance(), protect=True)
    await stage.perform(Stop(stage.host, await stage.created(db)))
    await stage.perform(Start(stage.host, await stage.seen(db)))
    larger = changed(db, cpus=2)
    assert_as_asked(await stage.updated(larger), larger)


async def a_half_made_machine_is_not_updated(stage: Stage) -> None:
    db = stage.instance()
    await stage.created(db)
    stage.platform.stop(DB)
    stage.platform.leave_half_made(DB)
    state = await stage.seen(db)
    for impact in (Impact.LIVE, Impact.RESTART):
        await stage.refuses(Update(stage.host, state, changed(db, cpus=2), impact), ActionFailed)


async def a_half_made_machine_is_replaced(stage: Stage) -> None:
    db = stage.instance(DB, ROOT, DATA)
    await stage.created(db)
    stage.platform.stop(DB)
    stage.platform.leave_half_made(DB)
    await stage.perform(Replace(stage.host, await stage.seen(db), db))
    assert_as_asked(await stage.seen(db), db)


async def a_half_made_machine_is_finished_as_something_else(stage: Stage) -> None:
    db = stage.instance(DB, ROOT, DATA, SCRATCH)
    await stage.created(db)
    stage.platform.stop(DB)
    stage.platform.leave_half_made(DB)
    other = changed(db, cpus=2, disks=(ROOT, Disk("more", 8)))
    await stage.perform(Create(stage.host, other))
    assert_as_asked(await stage.seen(other), other)
    assert set(disks(await stage.look())) == {f"{DB}/data", f"{DB}/more", f"{DB}/root"}


async def what_is_gone_is_neither_updated_nor_replaced(stage: Stage) -> None:
    db = stage.instance()
    state = await stage.created(db)
    await stage.perform(Destroy(stage.host, state))
    for impact in (Impact.LIVE, Impact.RESTART):
        await stage.refuses(Update(stage.host, state, db, impact), NotFound)
    await stage.refuses(Replace(stage.host, state, db), NotFound)


async def a_disk_that_was_kept_is_found_again(stage: Stage) -> None:
    db = stage.instance(DB, ROOT, DATA)
    await stage.created(db)
    await stage.updated(changed(db, disks=(ROOT,)))
    larger = changed(db, disks=(ROOT, replace(DATA, size_mib=16)))
    assert_as_asked(await stage.updated(larger), larger)
    await stage.perform(Destroy(stage.host, await stage.seen(larger)))
    assert disks(await stage.look()) == {f"{DB}/data": 16}


async def a_root_is_made_anew_for_a_machine_that_returns(stage: Stage) -> None:
    db = stage.instance(DB, replace(ROOT, size_mib=48))
    await stage.created(db)
    stage.platform.undefine(DB)
    smaller = changed(db, disks=(ROOT,))
    assert_as_asked(await stage.created(smaller), smaller)
    stage.platform.undefine(DB)
    assert disks(await stage.look()) == {f"{DB}/root": ROOT.size_mib}


async def replicas_have_their_own_disks(stage: Stage) -> None:
    first, second = stage.instance("shop-db-0", ROOT, SCRATCH), stage.instance("shop-db-1", ROOT, SCRATCH)
    state = await stage.created(first)
    await stage.created(second)
    await stage.perform(Destroy(stage.host, state))
    assert disks(await stage.look()) == {"shop-db-1/root": None, "shop-db-1/scratch": None}
    assert_as_asked(await stage.seen(second), second)


async def names_may_be_as_long_as_they_may_be(stage: Stage) -> None:
    long = "x" * 63
    machine = stage.instance(DB, ROOT, Disk("d" * 63, 8)).machine
    longest = builders.instance(InstanceKey(long, long, 9999), machine, fleet=FLEET)
    assert_as_asked(await stage.created(longest), longest)
    await stage.perform(Destroy(stage.host, await stage.seen(longest)))
    assert ((await stage.look()).instances, (await stage.look()).volumes) == ((), ())


async def thirty_machines_are_made_and_destroyed_at_once(stage: Stage) -> None:
    many = [changed(stage.instance(f"shop-db-{number}"), disks=()) for number in range(_MANY)]
    await stage.put_image()
    await stage.together(*(Create(stage.host, each) for each in many))
    state = await stage.look()
    assert names(state) == [each.name for each in many]
    for each in many:
        assert_as_asked(await stage.seen(each), each)
    await stage.together(*(Destroy(stage.host, each) for each in state.instances))
    assert (await stage.look()).instances == ()


async def who_looks_during_a_change_sees_no_more_than_there_is(stage: Stage) -> None:
    db = stage.instance(DB, ROOT, SCRATCH)
    await stage.put_image()
    reader = stage.onlooker(await stage.open(read_only=True))
    looks: list[HostState] = []

    async def watch() -> None:
        while True:
            looks.append(await reader.observe())
            await asyncio.sleep(0)  # a simulated host takes no time

    watching = asyncio.create_task(watch())
    await asyncio.wait({watching}, timeout=0.01)
    await stage.created(db)
    await stage.perform(Destroy(stage.host, await stage.seen(db)))
    assert not watching.done(), "a look failed"
    watching.cancel()
    assert looks
    for look in looks:
        for state in look.instances:
            assert (state.key, state.applied) == (db.key, db.machine)
            has = {volume.disk for volume in look.volumes}
            assert state.complete is False or has == {"root", "scratch"}
            assert state.power is not Power.RUNNING or has == {"root", "scratch"}
