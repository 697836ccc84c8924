from __future__ import annotations

from dataclasses import replace

from reconciler.plan import BlockKind
from reconciler.planner.addresses import Addressed, addressed
from reconciler.planner.prepare import prepared
from reconciler.specs.desired import Desired, Instance
from reconciler.specs.guest import GuestContext
from reconciler.state import InstanceState
from tests.builders import GIB, desired_of, fleet_of, instance, machine, observed_of, running, stopped
from tests.properties.wired import on, present, segment

BACK = segment("shop", "back", "10.9.0.0/29")
FLEET = fleet_of(h0=64 * GIB)


def db(number: int, address: str | None = None) -> Instance:
    return instance(f"shop-db-{number}", machine(nics=(on(BACK, address),)))


def desired(*instances: Instance) -> Desired:
    return replace(desired_of(FLEET, *instances), segments=(BACK,))


def found(wanted: Desired, *states: InstanceState, silent: tuple[str, ...] = ()) -> Addressed:
    return addressed(wanted, observed_of(FLEET, *states, silent=silent))


def given(result: Addressed) -> list[str | None]:
    return [each.machine.nics[0].address for each in result.desired.instances]


def reasons(result: Addressed) -> list[tuple[str, BlockKind, str]]:
    return [(each.instance, each.kind, each.refusals[0].reason) for each in result.blocked]


def test_new_machines_get_the_lowest_addresses_in_order() -> None:
    assert given(found(desired(db(0), db(1), db(2)))) == ["10.9.0.1", "10.9.0.2", "10.9.0.3"]


def test_what_was_applied_is_kept_whatever_else_is_free() -> None:
    result = found(desired(db(0), db(1)), running(db(1, "10.9.0.1"), on="h0"))
    assert given(result) == ["10.9.0.2", "10.9.0.1"]
    assert found(result.desired, running(db(1, "10.9.0.1"), on="h0")) == result, "and it is found again"


def test_an_address_of_a_machine_that_is_to_go_is_not_free_yet() -> None:
    assert given(found(desired(db(0)), stopped(db(7, "10.9.0.1"), on="h0"))) == ["10.9.0.2"]


def test_a_written_address_is_honoured_and_others_keep_away_from_it() -> None:
    assert given(found(desired(db(0), db(1, "10.9.0.1")))) == ["10.9.0.2", "10.9.0.1"]


def test_whoever_has_a_written_address_by_chance_moves_and_the_other_waits() -> None:
    before = (running(db(0, "10.9.0.1"), on="h0"), running(db(1, "10.9.0.2"), on="h0"))
    result = found(desired(db(0), db(1, "10.9.0.1")), *before)
    assert given(result) == ["10.9.0.3", "10.9.0.2"]
    why = "10.9.0.1 is still with shop-db-0: it gets it once that has let go of it"
    assert reasons(result) == [("shop-db-1", BlockKind.NO_PLACE, why)]
    then = found(
        desired(db(0), db(1, "10.9.0.1")),
        running(db(0, "10.9.0.3"), on="h0"),
        running(db(1, "10.9.0.2"), on="h0"),
    )
    assert given(then) == ["10.9.0.3", "10.9.0.1"]
    assert then.blocked == ()


def test_a_network_that_is_full_says_how_many_fit() -> None:
    result = found(desired(*(db(number) for number in range(6))))
    assert given(result)[5] is None
    why = "shop.back is full: 10.9.0.0/29 has room for 5 machines beside their hosts, and 6 are asked for"
    assert reasons(result) == [("shop-db-5", BlockKind.NO_PLACE, why)]


def test_while_a_host_is_silent_nobody_gets_a_new_address() -> None:
    result = found(desired(db(0)), silent=("h0",))
    assert given(result) == [None]
    assert result.blocked[0].kind is BlockKind.UNKNOWN


def test_an_address_outside_of_a_changed_cidr_is_exchanged() -> None:
    assert given(found(desired(db(0)), running(db(0, "10.8.0.1"), on="h0"))) == ["10.9.0.1"]


def test_two_machines_that_were_given_one_address_part() -> None:
    twins = (running(db(0, "10.9.0.1"), on="h0"), running(db(1, "10.9.0.1"), on="h0"))
    assert given(found(desired(db(0), db(1)), *twins)) == ["10.9.0.1", "10.9.0.2"]


def test_a_hosts_own_address_is_given_to_no_machine() -> None:
    look = observed_of(FLEET)
    (host,) = look.hosts
    look = replace(look, hosts=(replace(host, segments=(present(BACK, "h0", "10.9.0.1", ("h0",)),)),))
    assert given(addressed(desired(db(0)), look)) == ["10.9.0.2"]
    refused = addressed(desired(db(0, "10.9.0.1")), look)
    assert "10.9.0.1 is a host's own" in refused.blocked[0].refusals[0].reason


def test_a_network_that_contains_a_hosts_own_address_is_never_made() -> None:
    look = observed_of(FLEET)
    (host,) = look.hosts
    look = replace(look, hosts=(replace(host, address="10.9.0.5"),))
    (blocked,) = addressed(desired(db(0)), look).blocked
    assert (blocked.kind, blocked.refusals[0].reason) == (
        BlockKind.INVALID,
        "its own address 10.9.0.5 is in 10.9.0.0/29, the cidr of shop.back",
    )


def test_a_guest_is_told_its_address_and_the_mtu() -> None:
    wanted = desired(replace(db(0), context=GuestContext("shop-db-0")))
    ready = prepared(wanted, observed_of(FLEET))
    (told,) = map(ready.told.in_full, ready.desired.instances)
    assert told.context is not None
    (card,) = told.context.interfaces
    assert (card.address, card.mtu) == ("10.9.0.1/29", 1450)
