"""Scripts of the contract: a machine goes from one host to another, and what is left of it is removed."""

from __future__ import annotations

from dataclasses import replace

from reconciler.actions import Create, Destroy, Impact, Migrate, Replace, Resume, Settle, Start, Stop, Update
from reconciler.errors import ActionFailed, AlreadyExists, HostUnreachable, UnknownImage
from reconciler.state import Power
from tests.contract.duo import Duo
from tests.contract.stage import DATA, ROOT, assert_as_asked, changed, disks, names
from tests.lab.settings import FAST


async def a_running_machine_moves_and_leaves_nothing_behind(duo: Duo) -> None:
    instance, _ = await duo.runs_here()
    await duo.migrate(instance)
    here, there = await duo.look()
    assert (here.instances, here.volumes) == ((), ())
    (state,) = there.instances
    assert_as_asked(state, instance)
    assert (state.journey, state.persistent) == (None, True)
    assert disks(there) == {"shop-db-0/root": None}


async def its_data_disks_go_along(duo: Duo) -> None:
    instance = duo.here.instance("shop-db-0", ROOT, DATA)
    await duo.here.created(instance)
    await duo.there.put_image()
    await duo.migrate(instance)
    here, there = await duo.look()
    assert (disks(here), disks(there)) == ({}, {"shop-db-0/root": None, "shop-db-0/data": None})


async def its_disks_in_other_pools_go_along(duo: Duo) -> None:
    instance = duo.here.instance("shop-db-0", ROOT, replace(DATA, pool=FAST))
    await duo.here.created(instance)
    await duo.there.put_image()
    await duo.migrate(instance)
    here, there = await duo.look()
    assert here.volumes == ()
    assert [(each.disk, each.pool) for each in there.volumes] == [("data", FAST), ("root", "")]
    await duo.there.perform(Destroy(duo.there.host, await duo.there.seen(instance)))
    assert [(each.disk, each.pool) for each in (await duo.there.look()).volumes] == [("data", FAST)]


async def what_has_moved_can_be_changed_and_destroyed_there(duo: Duo) -> None:
    instance, _ = await duo.runs_here()
    await duo.migrate(instance)
    there = duo.there
    await there.perform(Stop(there.host, await there.seen(instance)))
    assert (await there.seen(instance)).power is Power.STOPPED
    await there.perform(Destroy(there.host, await there.seen(instance)))
    assert (await there.look()).volumes == ()


async def a_machine_that_is_off_does_not_move(duo: Duo) -> None:
    _, state = await duo.runs_here()
    await duo.here.perform(Stop(duo.here.host, state))
    await duo.refuses(Migrate(duo.there.host, duo.here.host, state), ActionFailed)


async def a_machine_does_not_move_to_where_its_image_is_not(duo: Duo) -> None:
    state = await duo.here.created(duo.here.instance())
    await duo.refuses(Migrate(duo.there.host, duo.here.host, state), UnknownImage)


async def a_machine_does_not_move_to_where_its_name_is_taken(duo: Duo) -> None:
    _, state = await duo.runs_here()
    duo.there.platform.add_foreign("shop-db-0")
    await duo.refuses(Migrate(duo.there.host, duo.here.host, state), AlreadyExists)


async def a_machine_does_not_move_to_where_it_is_already(duo: Duo) -> None:
    instance, state = await duo.runs_here()
    await duo.there.created(instance)
    duo.there.platform.stop("shop-db-0")
    await duo.refuses(Migrate(duo.there.host, duo.here.host, state), AlreadyExists)


async def a_machine_does_not_move_onto_disks_from_an_earlier_life(duo: Duo) -> None:
    instance = duo.here.instance("shop-db-0", ROOT, DATA)
    await duo.there.created(instance)
    await duo.there.perform(Destroy(duo.there.host, await duo.there.seen(instance)))
    state = await duo.here.created(instance)
    await duo.refuses(Migrate(duo.there.host, duo.here.host, state), AlreadyExists)
    assert "shop-db-0/data" in disks(await duo.there.look())


async def nothing_moves_that_was_changed_since(duo: Duo) -> None:
    _, state = await duo.runs_here()
    stale = replace(state, applied=replace(state.applied, cpus=2))
    await duo.refuses(Migrate(duo.there.host, duo.here.host, stale), ActionFailed)


async def nothing_moves_without_the_lock_of_both(duo: Duo) -> None:
    _, state = await duo.runs_here()
    await duo.there.actuators[0].unlock()
    await duo.refuses(Migrate(duo.there.host, duo.here.host, state), HostUnreachable)


async def a_twin_that_is_off_is_forgotten_and_its_disks_are_kept(duo: Duo) -> None:
    instance, state = await duo.runs_here()
    await duo.there.perform(Create(duo.there.host, instance))
    duo.there.platform.stop("shop-db-0")
    await duo.act(Settle(duo.here.host, duo.there.host, state))
    here, there = await duo.look()
    assert (names(here), names(there)) == (["shop-db-0"], [])
    assert list(disks(there)) == ["shop-db-0/root"]


async def a_twin_that_runs_is_left_alone(duo: Duo) -> None:
    instance, state = await duo.runs_here()
    await duo.there.perform(Create(duo.there.host, instance))
    await duo.refuses(Settle(duo.here.host, duo.there.host, state), ActionFailed)


async def a_twin_that_a_human_paused_is_left_alone(duo: Duo) -> None:
    instance, state = await duo.runs_here()
    await duo.there.perform(Create(duo.there.host, instance))
    duo.there.platform.pause("shop-db-0")
    await duo.refuses(Settle(duo.here.host, duo.there.host, state), ActionFailed)


async def a_machine_of_that_uuid_that_is_not_ours_is_left_alone(duo: Duo) -> None:
    instance, state = await duo.runs_here()
    await duo.there.perform(Create(duo.there.host, instance))
    duo.there.platform.stop("shop-db-0")
    duo.there.platform.disown("shop-db-0")
    await duo.refuses(Settle(duo.here.host, duo.there.host, state), AlreadyExists)


async def what_a_human_paused_does_not_go_on(duo: Duo) -> None:
    _, state = await duo.runs_here()
    duo.here.platform.pause("shop-db-0")
    await duo.refuses(Resume(duo.here.host, duo.there.host, state), ActionFailed)


async def there_is_nothing_to_tidy_up_about_a_machine_that_never_left(duo: Duo) -> None:
    _, state = await duo.runs_here()
    before = await duo.look()
    await duo.act(Settle(duo.here.host, duo.there.host, state))
    assert await duo.look() == before


async def who_was_taken_away_by_hand_is_not_started_where_it_was(duo: Duo) -> None:
    instance, state = await duo.runs_here()
    await duo.emigrate(instance)
    here = duo.here
    larger, guarded = changed(instance, cpus=2), changed(instance, protect=True)
    for action in (
        Start(here.host, state),
        Update(here.host, state, guarded, Impact.LIVE),
        Update(here.host, state, larger, Impact.RESTART),
        Replace(here.host, state, instance),
        Stop(here.host, state),
        Destroy(here.host, state),
    ):
        await here.refuses(action, ActionFailed)
    gone, there = await here.seen(instance), await duo.there.seen(instance)
    assert (gone.power, gone.detail, there.power) == (Power.STOPPED, "migrated", Power.RUNNING)


async def who_was_taken_away_half_made_is_finished_only_by_who_knows_it(duo: Duo) -> None:
    instance, state = await duo.runs_here()
    await duo.emigrate(instance)
    here = duo.here
    here.platform.leave_half_made("shop-db-0")
    await here.refuses(Create(here.host, instance, replace(state, complete=False)), ActionFailed)
    duo.there.platform.stop("shop-db-0")
    assert (await duo.there.look()).instances == ()
    await here.perform(Create(here.host, instance, await here.seen(instance)))
    assert_as_asked(await here.seen(instance), instance)


async def who_was_taken_away_and_runs_nowhere_is_started_where_it_was(duo: Duo) -> None:
    instance, _ = await duo.runs_here()
    await duo.emigrate(instance)
    duo.there.platform.stop("shop-db-0")
    here = duo.here
    await here.perform(Start(here.host, await here.seen(instance)))
    assert_as_asked(await here.seen(instance), instance)


async def who_is_moved_by_hand_has_no_home_to_return_to(duo: Duo) -> None:
    instance, _ = await duo.runs_here()
    await duo.migrate(instance)
    assert (await duo.there.seen(instance)).home is None


async def who_has_to_leave_remembers_its_home_and_forgets_it_there(duo: Duo) -> None:
    instance, state = await duo.runs_here()
    here, there = duo.here.host, duo.there.host
    await duo.act(Migrate(there, here, state, home=here))
    away = await duo.there.seen(instance)
    assert away.home == here
    back = Duo(duo.there, duo.here)
    await back.act(Migrate(here, there, away))
    assert (await duo.here.seen(instance)).home is None


async def a_home_is_remembered_through_a_change_and_a_replacement(duo: Duo) -> None:
    instance, state = await duo.runs_here()
    here, there = duo.here.host, duo.there
    await duo.act(Migrate(there.host, here, state, home=here))
    larger = replace(instance, machine=replace(instance.machine, cpus=2))
    assert (await there.updated(larger)).home == here
    await there.perform(Replace(there.host, await there.seen(larger), instance))
    assert (await there.seen(instance)).home == here


async def who_could_not_leave_is_at_home(duo: Duo) -> None:
    instance, state = await duo.runs_here()
    here, there = duo.here.host, duo.there.host
    duo.there.platform.add_foreign("shop-db-0")
    await duo.refuses(Migrate(there, here, state, home=here), AlreadyExists)
    assert (await duo.here.seen(instance)).home is None


async def disks_of_hosts_that_have_one_pool_by_now_are_not_taken_for_copies(duo: Duo) -> None:
    instance, _ = await duo.runs_here()
    duo.here.flesh.strand("shop-db-0", duo.there.platform)
    duo.here.flesh.mount(duo.there.platform)
    here, there = duo.here.host, duo.there.host
    said = await duo.refuses(Settle(here, there, await duo.here.seen(instance)), ActionFailed)
    assert "hosts.<name>.storage" in said
    await duo.act(Settle(here, there, await duo.here.seen(instance), share=True))
    assert (await duo.here.seen(instance)).journey is None
    assert [list(disks(each)) for each in await duo.look()] == [["shop-db-0/root"], ["shop-db-0/root"]]


async def what_a_killed_migration_copied_is_removed_from_a_pool_of_its_own(duo: Duo) -> None:
    instance, _ = await duo.runs_here()
    duo.here.flesh.strand("shop-db-0", duo.there.platform)
    await duo.act(Settle(duo.here.host, duo.there.host, await duo.here.seen(instance)))
    assert [list(disks(each)) for each in await duo.look()] == [["shop-db-0/root"], []]


async def no_disk_is_copied_onto_itself(duo: Duo) -> None:
    instance, state = await duo.runs_here()
    duo.here.flesh.mount(duo.there.platform)
    await duo.refuses(Migrate(duo.there.host, duo.here.host, state), ActionFailed)
    assert (await duo.here.seen(instance)).journey is None
