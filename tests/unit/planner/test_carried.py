"""Who is evicted cold is off while it moves: it counts among those that are taken away."""

from __future__ import annotations

from dataclasses import replace

from reconciler.actions import Migrate, subject
from reconciler.plan import Plan, Step
from reconciler.planner import Move, after, make_plan, plan_move
from reconciler.planner.draining import Drain, plan_drain
from reconciler.specs.desired import Instance, InstanceName
from reconciler.specs.health import HealthCheck, Order, TcpCheck, UpdatePolicy
from reconciler.state import Cordon, HostUnknown
from tests.fleets import Recorded, fleet_from, returning

_TWO = """
hv1  8c/8G maintenance
hv2  8c/8G

shop-db-0   1c/1G on=hv1 evict=cold
shop-app-0  1c/1G on=hv1 evict=cold
shop-app-1  1c/1G on=hv1 evict=cold
"""
_CHECK = HealthCheck(TcpCheck(80), interval=5, retries=3)


def plan(fleet: Recorded) -> Plan:
    return make_plan(fleet.desired, fleet.observed)


def moves(of: Plan) -> dict[str, Step]:
    """The migrations, by who moves."""
    return {subject(step.action): step for step in of.steps if isinstance(step.action, Migrate)}


def is_cold(step: Step) -> bool:
    assert isinstance(step.action, Migrate)
    return step.action.terms.cold


def with_each(fleet: Recorded, **changes: object) -> Recorded:
    """The same, with every instance of ``app`` so."""

    def changed(each: Instance) -> Instance:
        return replace(each, **changes) if each.key.component == "app" else each  # type: ignore[arg-type]

    desired = replace(fleet.desired, instances=tuple(changed(each) for each in fleet.desired.instances))
    return replace(fleet, desired=desired)


def test_who_is_evicted_cold_is_carried_out_of_a_host_that_is_to_be_empty() -> None:
    fleet = fleet_from("hv1 4c/4G maintenance\nhv2 4c/4G\n\nshop-db-0 1c/1G on=hv1 evict=cold")
    step = moves(plan(fleet))["shop-db-0"]
    assert is_cold(step)
    assert "it is shut down, carried over and started there" in str(step.because)
    assert step.forecast is not None
    assert step.forecast.mib == 10 * 1024, "its memory does not go along"
    seen = fleet.observed
    for each in plan(fleet).steps:
        seen = after(each, seen)
    assert make_plan(fleet.desired, seen).steps == ()


def test_a_drain_carries_who_is_evicted_cold() -> None:
    fleet = fleet_from("hv1 4c/4G\nhv2 4c/4G\n\nshop-db-0 1c/1G on=hv1 evict=cold")
    drained = plan_drain(fleet.desired, fleet.observed, Drain("hv1", Cordon("me", "", "", draining=True)))
    assert is_cold(moves(drained)["shop-db-0"])


def test_who_goes_home_goes_as_it_left_and_who_moves_for_another_reason_goes_live() -> None:
    home = fleet_from(
        "hv1 4c/4G\nhv2 4c/4G\n\nshop-db-0 1c/1G on=hv2 was=hv1 evict=cold", default=returning()
    )
    assert is_cold(moves(plan(home))["shop-db-0"])
    ruled = fleet_from(
        'hv1 4c/4G\nhv2 4c/4G rack=r1\n\nshop-db-0 1c/1G on=hv1 evict=cold require=host.labels.rack=="r1"'
    )
    assert not is_cold(moves(plan(ruled))["shop-db-0"])
    by_hand = plan_move(ruled.desired, ruled.observed, Move("shop-db-0", "hv2"))
    assert not is_cold(moves(by_hand)["shop-db-0"])


def test_no_more_of_a_component_are_carried_at_once_than_may_be_away() -> None:
    one_by_one = moves(plan(fleet_from(_TWO)))
    assert "migrate/shop-app-0" in one_by_one["shop-app-1"].needs
    together = moves(plan(with_each(fleet_from(_TWO), update=UpdatePolicy(2))))
    assert "migrate/shop-app-0" not in together["shop-app-1"].needs


def test_the_next_is_carried_when_the_one_before_it_is_healthy() -> None:
    made = plan(with_each(fleet_from(_TWO), health=_CHECK))
    (wait,) = (step for step in made.steps if step.id == "wait/shop-app-0")
    assert wait.needs == ("migrate/shop-app-0",)
    assert wait.host == "hv2"
    assert "wait/shop-app-0" in moves(made)["shop-app-1"].needs


def test_who_depends_on_another_and_that_one_are_never_carried_at_once() -> None:
    ordered = moves(plan(with_each(fleet_from(_TWO), depends_on=("db",))))
    db, apps = ordered["shop-db-0"], (ordered["shop-app-0"], ordered["shop-app-1"])
    for app in apps:
        assert db.id in app.needs or app.id in db.follows
    roomy = _TWO.replace("shop-app-1  1c/1G on=hv1", "shop-app-1  1c/1G on=hv2")
    ordered = moves(plan(with_each(fleet_from(roomy), depends_on=("db",))))
    assert ordered["shop-db-0"].id in ordered["shop-app-0"].needs


def test_who_makes_room_for_what_it_depends_on_goes_first_and_that_waits_for_it() -> None:
    fleet = with_each(
        fleet_from(
            """
            hv1  8c/4G maintenance
            hv2  8c/4G maintenance
            hv3  8c/3G
            hv4  8c/2G

            shop-app-0  1c/2G on=hv1 evict=cold
            shop-db-0   1c/3G on=hv2 evict=cold
            """
        ),
        depends_on=("db",),
    )
    made = plan(fleet)
    done = set[str]()
    for step in made.steps:
        assert done.issuperset((*step.needs, *step.follows)), step.id
        done.add(step.id)
    assert len(moves(made)) == 2


def test_nobody_is_carried_while_as_many_of_its_component_are_away_as_may_be() -> None:
    fleet = with_each(fleet_from(_TWO.replace("hv2  8c/8G", "hv2  8c/8G\nhv3 8c/8G silent")))
    seen = fleet.observed
    gone = next(each for each in fleet.desired.instances if each.name == "shop-app-1")
    hosts = tuple(
        replace(each, instances=tuple(one for one in each.instances if one.uuid != gone.uuid))
        for each in seen.hosts
    )
    fleet = replace(fleet, observed=replace(seen, hosts=hosts))
    made = plan(fleet)
    assert set(moves(made)) == {"shop-db-0"}
    (held,) = (each for each in made.blocked if each.instance == "shop-app-0")
    assert "it would be taken away while shop-app-1 is away" in held.refusals[0].reason
    assert seen.unknown == (HostUnknown(seen.unknown[0].host, "no answer"),)


def test_nobody_is_carried_while_something_else_of_its_service_starts() -> None:
    fleet = fleet_from(_TWO + "shop-web-0  1c/1G on=hv2 off\n")
    made = plan(fleet)
    assert moves(made) == {}
    assert any("are to leave later" in each for each in made.hints)
    seen = fleet.observed
    for step in made.steps:
        seen = after(step, seen)
    assert len(moves(make_plan(fleet.desired, seen))) == 3


def test_nobody_stands_in_for_who_is_carried() -> None:
    fleet = with_each(fleet_from(_TWO), update=UpdatePolicy(1, 0, Order.START_FIRST), health=_CHECK)
    made = plan(fleet)
    assert made.blocked == ()
    assert set(moves(made)) == {InstanceName(each) for each in ("shop-db-0", "shop-app-0", "shop-app-1")}
