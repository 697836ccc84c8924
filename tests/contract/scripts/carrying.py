"""Scripts of the contract: a machine is switched off, carried to another host with its disks, and started."""

from __future__ import annotations

from dataclasses import replace

from reconciler.actions import Destroy, Impact, Migrate, Stop, Terms, Update
from reconciler.errors import ActionFailed, AlreadyExists, HostUnreachable, NoRoom, UnknownImage
from reconciler.state import InstanceState, Power
from tests.contract.duo import Duo
from tests.contract.stage import DATA, ROOT, assert_as_asked, changed, disks
from tests.lab.settings import FAST


def _cold(duo: Duo, state: InstanceState) -> Migrate:
    return Migrate(duo.there.host, duo.here.host, state, Terms(cold=True))


async def a_machine_is_carried_with_its_disks_and_leaves_nothing_behind(duo: Duo) -> None:
    instance = duo.here.instance("shop-db-0", ROOT, DATA)
    state = await duo.here.created(instance)
    await duo.there.put_image()
    await duo.act(_cold(duo, state))
    here, there = await duo.look()
    assert (here.instances, here.volumes) == ((), ())
    (arrived,) = there.instances
    assert_as_asked(arrived, instance)
    assert (arrived.journey, arrived.persistent, arrived.complete) == (None, True, True)
    assert disks(there) == {"shop-db-0/root": None, "shop-db-0/data": None}


async def its_disks_in_other_pools_are_carried(duo: Duo) -> None:
    instance = duo.here.instance("shop-db-0", ROOT, replace(DATA, pool=FAST))
    state = await duo.here.created(instance)
    await duo.there.put_image()
    await duo.act(_cold(duo, state))
    here, there = await duo.look()
    assert here.volumes == ()
    assert [(each.disk, each.pool) for each in there.volumes] == [("data", FAST), ("root", "")]


async def what_was_carried_can_be_changed_and_destroyed_there(duo: Duo) -> None:
    instance, state = await duo.runs_here()
    await duo.act(_cold(duo, state))
    there, larger = duo.there, changed(instance, cpus=2)
    await there.perform(Update(there.host, await there.seen(instance), larger, Impact.RESTART))
    await there.perform(Stop(there.host, await there.seen(larger)))
    assert (await there.seen(larger)).power is Power.STOPPED
    await there.perform(Destroy(there.host, await there.seen(larger)))
    assert (await there.look()).volumes == ()


async def who_is_carried_there_is_carried_back_home(duo: Duo) -> None:
    instance, state = await duo.runs_here()
    here, there = duo.here.host, duo.there.host
    await duo.act(replace(_cold(duo, state), home=here))
    away = await duo.there.seen(instance)
    assert away.home == here
    await Duo(duo.there, duo.here).act(Migrate(here, there, away, Terms(cold=True)))
    assert (await duo.here.seen(instance)).home is None
    assert (await duo.there.look()).volumes == ()


async def a_machine_that_is_off_is_not_carried(duo: Duo) -> None:
    _, state = await duo.runs_here()
    await duo.here.perform(Stop(duo.here.host, state))
    await duo.refuses(_cold(duo, state), ActionFailed)


async def a_machine_is_not_carried_to_where_its_image_is_not(duo: Duo) -> None:
    state = await duo.here.created(duo.here.instance())
    await duo.refuses(_cold(duo, state), UnknownImage)


async def a_machine_is_not_carried_to_where_its_name_is_taken(duo: Duo) -> None:
    _, state = await duo.runs_here()
    duo.there.platform.add_foreign("shop-db-0")
    await duo.refuses(_cold(duo, state), AlreadyExists)


async def a_machine_is_not_carried_onto_disks_from_an_earlier_life(duo: Duo) -> None:
    instance = duo.here.instance("shop-db-0", ROOT, DATA)
    await duo.there.created(instance)
    await duo.there.perform(Destroy(duo.there.host, await duo.there.seen(instance)))
    state = await duo.here.created(instance)
    await duo.refuses(_cold(duo, state), AlreadyExists)
    assert "shop-db-0/data" in disks(await duo.there.look())


async def nothing_is_carried_that_was_changed_since(duo: Duo) -> None:
    _, state = await duo.runs_here()
    stale = replace(state, applied=replace(state.applied, cpus=2))
    await duo.refuses(_cold(duo, stale), ActionFailed)


async def nothing_is_carried_without_the_lock_of_both(duo: Duo) -> None:
    _, state = await duo.runs_here()
    await duo.there.actuators[0].unlock()
    await duo.refuses(_cold(duo, state), HostUnreachable)


async def who_finds_no_room_there_runs_where_it_was(duo: Duo) -> None:
    instance = duo.here.instance("shop-db-0", ROOT, DATA)
    state = await duo.here.created(instance)
    await duo.there.put_image()
    duo.there.flesh.fill()
    await duo.refuses(_cold(duo, state), NoRoom)
    assert (await duo.here.seen(instance)).power is Power.RUNNING
