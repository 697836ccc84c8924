"""What a guest is told of itself and of its peers, once addresses are known."""

from __future__ import annotations

from dataclasses import replace

from reconciler.plan import Blocked, BlockKind, Refusal
from reconciler.planner.guests import Told, told
from reconciler.specs.desired import Desired, Instance, Machine, Nic, NicKind, Segment, ServiceNames
from reconciler.specs.guest import GuestContext, Interface
from reconciler.specs.identity import mac_address
from reconciler.state import InstanceState
from tests.builders import (
    bridge,
    desired_of,
    fleet_of,
    incomplete,
    instance,
    machine,
    network,
    observed_of,
    running,
    sha,
)

FLEET = fleet_of(a=64, b=64)
BACK = Segment("shop", "back", "10.42.0.0/24", 7, "rc000007", 1450)
SIDE = Segment("shop", "side", "fd00:1::/64", 8, "rc000008", 1400)


def card(address: str | None, segment: Segment = BACK) -> Nic:
    return Nic(NicKind.BRIDGE, segment.bridge, address)


def guest(name: str, *nics: Nic, cloud_init: str = "", **environment: str) -> Instance:
    made = instance(name, replace(machine(), nics=nics, context=sha(f"written for {name}")))
    return replace(made, context=GuestContext(name, (), tuple(sorted(environment.items())), cloud_init))


def three() -> tuple[Instance, ...]:
    """A database of two and an application that speaks of it, on one segment."""
    url = "postgres://app@${{ components.db.addresses[0] }}:5432/shop"
    return (
        guest("shop-app-0", bridge("br0"), card("10.42.0.5"), URL=url),
        guest("shop-db-0", card("10.42.0.10")),
        guest("shop-db-1", card("10.42.0.11")),
    )


def all_told(
    *instances: Instance,
    states: tuple[InstanceState, ...] = (),
    silent: tuple[str, ...] = (),
    unheard: tuple[str, ...] = (),
    names: tuple[ServiceNames, ...] = (),
) -> Told:
    desired = replace(desired_of(FLEET, *instances), segments=(BACK, SIDE), names=names)
    blocked = tuple(
        Blocked(each.name, BlockKind.UNKNOWN, (Refusal("b", "did not answer"),))
        for each in instances
        if each.name in unheard
    )
    return told(desired, observed_of(FLEET, *states, silent=silent), blocked)


def context_of(of: Told | Desired, name: str) -> GuestContext:
    found = _found(of, name)
    context = (of.in_full(found) if isinstance(of, Told) else found).context
    assert context is not None
    return context


def machine_of(of: Told | Desired, name: str) -> Machine:
    return _found(of, name).machine


def _found(of: Told | Desired, name: str) -> Instance:
    desired = of.desired if isinstance(of, Told) else of
    return next(each for each in desired.instances if each.name == name)


def test_guest_is_told_how_to_set_up_each_of_its_cards() -> None:
    app = guest("shop-app-0", network("lab"), card("10.42.0.5"), card("fd00:1::5", SIDE))
    macs = [mac_address(app.uuid, number) for number in range(3)]
    assert context_of(all_told(app), "shop-app-0").interfaces == (
        Interface(macs[0]),
        Interface(macs[1], "10.42.0.5/24", 1450),
        Interface(macs[2], "fd00:1::5/64", 1400),
    )


def test_guest_knows_its_whole_service_by_name() -> None:
    peers = context_of(all_told(*three()), "shop-app-0").peers
    assert [(peer.address, *peer.names) for peer in peers] == [
        ("10.42.0.5", "shop-app-0", "app-0", "app"),
        ("10.42.0.10", "shop-db-0", "db-0", "db"),
        ("10.42.0.11", "shop-db-1", "db-1", "db"),
    ]


def test_peer_is_reached_where_both_are() -> None:
    db = guest("shop-db-0", card("10.42.0.10"), card("fd00:1::10", SIDE))
    side = guest("shop-app-0", card("fd00:1::5", SIDE))
    nowhere = guest("shop-web-0", bridge("br0"))
    done = all_told(db, side, nowhere)
    seen = {name: dict.fromkeys(_addresses(done, name)) for name in ("shop-app-0", "shop-web-0", "shop-db-0")}
    assert "fd00:1::10" in seen["shop-app-0"] and "10.42.0.10" not in seen["shop-app-0"]
    assert "10.42.0.10" in seen["shop-web-0"]
    assert "10.42.0.10" in seen["shop-db-0"]


def _addresses(of: Told, name: str) -> list[str]:
    return [peer.address for peer in context_of(of, name).peers]


def test_services_do_not_know_each_other() -> None:
    done = all_told(*three(), guest("blog-web-0", bridge("br0"), A="1"))
    assert context_of(done, "blog-web-0").peers == ()
    assert machine_of(done, "blog-web-0").peers is None


def test_expression_is_filled_in_from_the_plan() -> None:
    assert context_of(all_told(*three()), "shop-app-0").environment == (
        ("URL", "postgres://app@10.42.0.10:5432/shop"),
    )


def test_cloud_config_stays_one_value_whatever_is_filled_in() -> None:
    text = "#cloud-config\nruncmd:\n  - [echo, '${{ instance.name + \": [}\" }}']\n"
    app = guest("shop-app-0", card("10.42.0.5"), cloud_init=text)
    assert "shop-app-0: [}" in context_of(all_told(app), "shop-app-0").cloud_init
    assert "${{" not in context_of(all_told(app), "shop-app-0").cloud_init


def test_renamed_component_is_spoken_of_by_its_new_name() -> None:
    app = guest(
        "shop-app-0", card("10.42.0.5"), DB="${{ service.name }} ${{ components.database.addresses[0] }}"
    )
    names = ServiceNames("shop", "store", (("app", "app"), ("db", "database")))
    done = all_told(app, guest("shop-db-0", card("10.42.0.10")), names=(names,))
    assert context_of(done, "shop-app-0").environment == (("DB", "store 10.42.0.10"),)
    assert context_of(done, "shop-app-0").peers[1].names == ("shop-db-0", "db-0", "db")


def test_another_peer_address_changes_what_follows_and_not_what_was_written() -> None:
    app, first, second = three()
    before, after = (
        all_told(app, first, second),
        all_told(app, guest("shop-db-0", card("10.42.0.99")), second),
    )
    was, now = machine_of(before, "shop-app-0"), machine_of(after, "shop-app-0")
    assert was.peers != now.peers
    assert replace(was, peers=None) == replace(now, peers=None)


def test_guest_on_a_segment_is_told_of_it_even_if_nothing_was_written() -> None:
    bare = instance("shop-db-0", replace(machine(), nics=(card("10.42.0.10"),)))
    done = all_told(bare)
    assert context_of(done, "shop-db-0").hostname == "shop-db-0"
    assert machine_of(done, "shop-db-0").context is not None


def test_machine_that_is_told_nothing_stays_untold() -> None:
    bare = instance("shop-db-0")
    assert all_told(bare, guest("shop-app-0", card("10.42.0.5"))).desired.instances[1] == bare


def unheard(*, complete: bool = True, cpus: int | None = None) -> Told:
    """``shop-db-1`` was placed on a host that is silent; its address was found by us, and nobody knows it."""
    app, first, second = three()
    applied = _found(all_told(app, first, second), "shop-app-0")
    state = (running if complete else incomplete)(applied, on="a")
    wanted = app if cpus is None else replace(app, machine=replace(app.machine, cpus=cpus))
    lost = guest("shop-db-1", card(None))
    return all_told(wanted, first, lost, states=(state,), silent=("b",), unheard=("shop-db-1",))


def test_silent_host_takes_no_peer_away() -> None:
    assert machine_of(unheard(), "shop-app-0") == machine_of(all_told(*three()), "shop-app-0")
    assert unheard().blocked == ()


def test_guest_is_not_restarted_without_the_addresses_it_must_be_told() -> None:
    (held,) = unheard(cpus=7).blocked
    assert (held.instance, held.kind, held.refusals[0].host) == ("shop-app-0", BlockKind.UNKNOWN, "b")


def test_half_made_guest_waits_for_the_addresses_it_must_be_told() -> None:
    assert [each.instance for each in unheard(complete=False).blocked] == ["shop-app-0"]


def test_expression_without_an_answer_holds_only_who_asks() -> None:
    app, first, second = three()
    asking = replace(
        app, context=GuestContext("shop-app-0", (), (("A", "${{ components.db.addresses[1] }}"),))
    )
    done = all_told(asking, first, guest("shop-db-1", card(None)))
    assert [(each.instance, each.kind) for each in done.blocked] == [("shop-app-0", BlockKind.NO_PLACE)]
    assert [peer.address for peer in context_of(done, "shop-db-0").peers] == ["10.42.0.5", "10.42.0.10"]
    del second
