"""A rename looks like one thing that goes and another that comes: the plan says what it may have been."""

from __future__ import annotations

from dataclasses import replace

from reconciler.planner import make_plan
from reconciler.specs.desired import Instance
from reconciler.state import Observed
from tests.builders import GIB, desired_of, fleet_of, incomplete, machine, observed_of, replicas, running, sha

FLEET = fleet_of(a=64 * GIB, b=64 * GIB)
DB = machine(memory_mib=2 * GIB)
SHOP_GOES = (
    "service 'shop' goes and {} comes with the same components: "
    "if it was renamed, write `moved: {{from: shop}}` in it"
)
DB_GOES = (
    "component 'db' of 'shop' goes and {} comes with the same machines: "
    "if it was renamed, write `moved: {{from: db}}` in it"
)


def service(name: str, *, db: int = 1, web: int = 2) -> tuple[Instance, ...]:
    return (*replicas(db, f"{name}-db", DB), *replicas(web, f"{name}-web"))


def seen(*instances: Instance, silent: tuple[str, ...] = ()) -> Observed:
    return observed_of(FLEET, *(running(each, on="a") for each in instances), silent=silent)


def hints(observed: Observed, *wanted: Instance) -> tuple[str, ...]:
    return make_plan(desired_of(FLEET, *wanted), observed).hints


def test_a_service_that_goes_while_its_like_comes_was_perhaps_renamed() -> None:
    assert hints(seen(*service("shop")), *service("store")) == (SHOP_GOES.format("'store'"),)


def test_a_component_that_goes_while_its_like_comes_was_perhaps_renamed() -> None:
    web = replicas(2, "shop-web")
    wanted = (*web, *replicas(1, "shop-database", DB))
    assert hints(seen(*service("shop")), *wanted) == (DB_GOES.format("'database'"),)


def test_what_a_guest_is_told_holds_its_name_and_is_not_compared() -> None:
    told = [replace(machine(), context=sha(name)) for name in ("shop-db-0", "store-db-0")]
    old, new = replicas(1, "shop-db", told[0]), replicas(1, "store-db", told[1])
    assert hints(seen(*old), *new) == (SHOP_GOES.format("'store'"),)
    assert hints(seen(*old), *replicas(1, "store-db")) == ()


def test_another_number_or_size_of_machines_is_no_rename() -> None:
    assert hints(seen(*service("shop")), *service("store", web=3)) == ()
    larger = replicas(2, "store-web", machine(cpus=2))
    assert hints(seen(*service("shop")), *replicas(1, "store-db", DB), *larger) == ()


def test_what_was_there_before_has_not_just_come() -> None:
    shop, store = service("shop"), service("store")
    assert hints(seen(*shop, *store), *store) == ()
    assert hints(seen(*shop, store[0]), *store) == ()


def test_what_may_be_on_a_silent_host_has_not_just_come() -> None:
    assert hints(seen(*service("shop"), silent=("b",)), *service("store")) == ()


def test_a_service_that_is_still_declared_has_not_gone() -> None:
    # It was scaled down to nothing, and is in the directory all the same.
    desired = replace(desired_of(FLEET, *service("store")), services=("shop", "store"))
    assert make_plan(desired, seen(*service("shop"))).hints == ()


def test_a_component_is_not_renamed_into_another_service() -> None:
    web = replicas(2, "shop-web")
    assert hints(seen(*service("shop")), *web, *replicas(1, "other-db", DB)) == ()


def test_all_who_may_be_the_renamed_one_are_named_in_order() -> None:
    wanted = (*service("mall"), *service("kiosk"))
    assert hints(seen(*service("shop")), *wanted) == (SHOP_GOES.format("'kiosk' or 'mall'"),)


def test_a_protected_machine_that_stays_behind_is_part_of_what_goes() -> None:
    guarded = replicas(1, "shop-db", replace(DB, protect=True))
    wanted = replicas(1, "store-db", replace(DB, protect=True))
    assert hints(seen(*guarded), *wanted) == (SHOP_GOES.format("'store'"),)


def test_the_hint_is_there_when_what_comes_finds_no_room() -> None:
    fleet = fleet_of(a=5 * GIB)
    observed = observed_of(fleet, *(running(each, on="a") for each in service("shop")))
    plan = make_plan(desired_of(fleet, *service("store")), observed)
    assert plan.blocked
    assert plan.hints == (SHOP_GOES.format("'store'"),)


def test_a_half_made_machine_that_goes_counts_like_a_whole_one() -> None:
    old, new = service("shop", web=0), service("store", web=0)
    assert hints(observed_of(FLEET, incomplete(old[0], on="a")), *new) == (SHOP_GOES.format("'store'"),)


def test_a_fleet_that_matches_gets_no_hint() -> None:
    assert hints(seen(*service("shop")), *service("shop")) == ()
