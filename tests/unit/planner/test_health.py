"""Who waits for whose health."""

from __future__ import annotations

from dataclasses import replace

from reconciler.actions import Await
from reconciler.plan import BlockKind, Plan
from reconciler.planner import make_plan
from reconciler.planner.explain import explain
from reconciler.specs.desired import Fleet, Instance
from reconciler.specs.health import HealthCheck, TcpCheck, UpdatePolicy
from reconciler.state import InstanceState
from tests.builders import GIB, desired_of, fleet_of, image_use, observed_of, replicas, running, stopped

FLEET = fleet_of(hv1=64 * GIB)
CHECK = HealthCheck(TcpCheck(5432))


def checked(*instances: Instance, most: int = 1, monitor: int = 0) -> tuple[Instance, ...]:
    policy = UpdatePolicy(most, monitor)
    return tuple(replace(each, health=CHECK, update=policy) for each in instances)


def changed(*instances: Instance) -> tuple[Instance, ...]:
    """The same with another image: each is to be replaced."""
    return tuple(replace(each, machine=replace(each.machine, image=image_use("other"))) for each in instances)


def after_healthy(*instances: Instance) -> tuple[Instance, ...]:
    return tuple(replace(each, healthy_first=each.depends_on) for each in instances)


DB = checked(*replicas(1, "shop-db"))
APP = after_healthy(*replicas(2, "shop-app", depends_on=["db"]))
WEB = checked(*replicas(3, "shop-web"))


def on_hv1(*instances: Instance) -> list[InstanceState]:
    return [running(each, on="hv1") for each in instances]


def plan(
    wanted: object,
    seen: object = (),
    *,
    sick: tuple[Instance, ...] = (),
    silent: tuple[str, ...] = (),
    fleet: Fleet = FLEET,
) -> Plan:
    look = observed_of(fleet, *seen, silent=silent)  # type: ignore[misc]
    return make_plan(desired_of(fleet, *wanted), replace(look, sick=tuple(each.uuid for each in sick)))  # type: ignore[misc]


def needs(made: Plan) -> dict[str, tuple[str, ...]]:
    return {
        step.id: tuple(each for each in step.needs if not each.startswith("image/"))
        for step in made.steps
        if not step.id.startswith("image/")
    }


def test_what_depends_on_a_healthy_component_comes_after_its_health() -> None:
    assert needs(plan([*DB, *APP])) == {
        "create/shop-db-0": (),
        "wait/shop-db-0": ("create/shop-db-0",),
        "create/shop-app-0": ("wait/shop-db-0",),
        "create/shop-app-1": ("wait/shop-db-0",),
    }


def test_a_component_that_is_there_already_is_waited_for_too() -> None:
    made = plan([*DB, *APP], on_hv1(*DB, APP[0]))
    assert needs(made) == {"wait/shop-db-0": (), "create/shop-app-1": ("wait/shop-db-0",)}
    assert made.summary["create"] == 1
    assert "wait" not in made.summary


def test_nobody_is_waited_for_where_nothing_is_to_be_done() -> None:
    assert plan([*DB, *APP], on_hv1(*DB, *APP)).steps == ()


def test_what_the_guest_does_not_notice_waits_for_nobodys_health() -> None:
    guarded = [replace(each, machine=replace(each.machine, protect=True)) for each in APP]
    assert needs(plan([*DB, *guarded], on_hv1(*DB, *APP))) == {
        "update/shop-app-0": (),
        "update/shop-app-1": (),
    }


def test_where_nobody_can_become_healthy_nothing_is_started() -> None:
    fleet = fleet_of(hv1=64 * GIB, hv2=64 * GIB)
    made = plan(
        [*DB, *APP], [stopped(APP[0], on="hv1"), running(APP[1], on="hv1")], silent=("hv2",), fleet=fleet
    )
    assert made.steps == ()
    (entry,) = [entry for entry in made.blocked if entry.instance == "shop-app-0"]
    assert entry.kind is BlockKind.UNKNOWN
    assert "after db is healthy" in entry.refusals[0].reason


def test_a_replica_nobody_knows_of_holds_up_no_dependant_while_another_is_there() -> None:
    fleet = fleet_of(hv1=64 * GIB, hv2=64 * GIB)
    dbs = checked(*replicas(2, "shop-db"))
    seen = [running(dbs[0], on="hv1"), stopped(APP[0], on="hv1"), running(APP[1], on="hv1")]
    made = plan([*dbs, *APP], seen, silent=("hv2",), fleet=fleet)
    assert needs(made) == {"wait/shop-db-0": (), "start/shop-app-0": ("wait/shop-db-0",)}


def test_replicas_are_replaced_one_after_the_other_each_once_the_last_is_healthy() -> None:
    assert needs(plan(changed(*WEB), on_hv1(*WEB))) == {
        "replace/shop-web-0": (),
        "wait/shop-web-0": ("replace/shop-web-0",),
        "replace/shop-web-1": ("wait/shop-web-0",),
        "wait/shop-web-1": ("replace/shop-web-1",),
        "replace/shop-web-2": ("wait/shop-web-1",),
    }


def test_without_a_health_check_a_replica_is_back_when_it_runs() -> None:
    web = replicas(3, "shop-web")
    assert needs(plan(changed(*web), on_hv1(*web))) == {
        "replace/shop-web-0": (),
        "replace/shop-web-1": ("replace/shop-web-0",),
        "replace/shop-web-2": ("replace/shop-web-1",),
    }


def test_as_many_are_away_at_once_as_the_service_says() -> None:
    web = checked(*replicas(4, "shop-web"), most=2)
    made = needs(plan(changed(*web), on_hv1(*web)))
    assert {name: made[name] for name in made if name.startswith("replace")} == {
        "replace/shop-web-0": (),
        "replace/shop-web-1": (),
        "replace/shop-web-2": ("wait/shop-web-0",),
        "replace/shop-web-3": ("wait/shop-web-1",),
    }
    assert needs(plan(changed(*checked(*web, most=0)), on_hv1(*web))) == {
        f"replace/shop-web-{number}": () for number in range(4)
    }


def test_what_is_down_is_brought_back_before_another_is_taken_away() -> None:
    made = plan(changed(*WEB), [*on_hv1(*WEB[:2]), stopped(WEB[2], on="hv1")])
    assert needs(made) == {
        "replace/shop-web-2": (),
        "wait/shop-web-2": ("replace/shop-web-2",),
        "replace/shop-web-0": ("wait/shop-web-2",),
        "wait/shop-web-0": ("replace/shop-web-0",),
        "replace/shop-web-1": ("wait/shop-web-0",),
    }


def test_a_roll_goes_on_from_where_it_stopped_once_those_that_are_new_are_healthy() -> None:
    new = changed(*WEB)
    made = plan(new, on_hv1(new[0], *WEB[1:]))
    assert needs(made) == {
        "wait/shop-web-0": (),
        "replace/shop-web-1": ("wait/shop-web-0",),
        "wait/shop-web-1": ("replace/shop-web-1",),
        "replace/shop-web-2": ("wait/shop-web-1",),
    }


def test_who_is_sick_is_changed_first_and_waits_for_no_health() -> None:
    new = changed(*WEB)
    made = plan(new, on_hv1(new[0], *WEB[1:]), sick=(WEB[2],))
    assert needs(made) == {
        "replace/shop-web-2": (),
        "wait/shop-web-0": (),
        "wait/shop-web-2": ("replace/shop-web-2",),
        "replace/shop-web-1": ("wait/shop-web-0", "wait/shop-web-2"),
    }


def test_of_many_that_are_sick_the_cure_is_tried_on_one_first() -> None:
    made = needs(plan(changed(*WEB), on_hv1(*WEB), sick=WEB))
    assert made["replace/shop-web-0"] == ()
    assert made["replace/shop-web-1"] == ("wait/shop-web-0",)
    assert made["replace/shop-web-2"] == ("wait/shop-web-1",)


def test_nobody_is_taken_away_while_too_many_are_out_of_reach() -> None:
    fleet = fleet_of(hv1=64 * GIB, hv2=64 * GIB)
    made = plan(changed(*WEB), on_hv1(*WEB[:2]), silent=("hv2",), fleet=fleet)
    assert made.steps == ()
    held = {str(entry.instance): entry for entry in made.blocked}
    assert held["shop-web-0"].kind is BlockKind.UNKNOWN
    assert "while shop-web-2 is away" in held["shop-web-0"].refusals[0].reason
    roomier = checked(*WEB, most=2)
    made = plan(changed(*roomier), on_hv1(*WEB[:2]), silent=("hv2",), fleet=fleet)
    assert needs(made)["replace/shop-web-1"] == ("wait/shop-web-0",)


def test_a_replica_is_back_when_it_was_healthy_for_as_long_as_the_service_says() -> None:
    web = checked(*replicas(2, "shop-web"), monitor=120)
    (wait,) = [
        step.action for step in plan(changed(*web), on_hv1(*web)).steps if isinstance(step.action, Await)
    ]
    assert (wait.instance.name, wait.steady) == ("shop-web-0", 120)


def test_everybody_is_waited_for_on_request() -> None:
    look = observed_of(FLEET, *on_hv1(*DB, *WEB[:2]))
    made = make_plan(desired_of(FLEET, *DB, *WEB), look, wait=True)
    assert needs(made) == {
        "create/shop-web-2": (),
        "wait/shop-db-0": (),
        "wait/shop-web-0": (),
        "wait/shop-web-1": (),
        "wait/shop-web-2": ("create/shop-web-2",),
    }
    still = make_plan(desired_of(FLEET, *DB), observed_of(FLEET, *on_hv1(*DB)), wait=True)
    assert needs(still) == {"wait/shop-db-0": ()}
    assert still.is_idle


def test_a_wait_is_left_out_with_the_last_step_that_needs_it() -> None:
    made = plan([*DB, *APP], on_hv1(*DB, APP[0]))
    left = made.without([step.id for step in made.steps if step.id == "create/shop-app-1"])
    assert left.is_idle
    assert [step.id for step in left.steps if step.id.startswith("wait")] == []


def test_explain_says_for_whom_a_change_is_held() -> None:
    fleet = fleet_of(hv1=64 * GIB, hv2=64 * GIB)
    look = observed_of(fleet, *on_hv1(*WEB[:2]), silent=("hv2",))
    told = explain(desired_of(fleet, *changed(*WEB)), look, "shop-web-0")
    assert (told.verdict, told.kind) == ("hold", BlockKind.UNKNOWN)
    assert "while shop-web-2 is away" in told.held[0].reason
