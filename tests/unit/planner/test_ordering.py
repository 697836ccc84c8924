"""In which order things are done."""

from __future__ import annotations

from dataclasses import replace

from reconciler.plan import Plan
from reconciler.planner import make_plan
from reconciler.planner.ordering.components import order_of
from reconciler.specs.desired import Fleet, InstanceKey
from reconciler.specs.placement import Affinity, Placement
from reconciler.state import InstanceState
from tests.builders import (
    GIB,
    desired_of,
    fleet_of,
    image_use,
    instance,
    machine,
    observed_of,
    replicas,
    running,
)

FLEET = fleet_of(hv1=64 * GIB)
DB = replicas(1, "shop-db")
APP = replicas(2, "shop-app", depends_on=["db"])
WEB = replicas(1, "shop-web", depends_on=["app"])


def on_hv1(*instances: object) -> list[InstanceState]:
    return [running(each, on="hv1") for each in instances]  # type: ignore[arg-type]


def plan(wanted: object, seen: object = (), fleet: Fleet = FLEET) -> Plan:
    return make_plan(desired_of(fleet, *wanted), observed_of(fleet, *seen))  # type: ignore[misc]


def needs(made: Plan) -> dict[str, tuple[str, ...]]:
    return {
        step.id: tuple(each for each in step.needs if not each.startswith("image/")) for step in made.steps
    }


def test_components_wait_for_those_they_depend_on() -> None:
    made = needs(plan([*DB, *APP, *WEB]))
    assert list(made) == [
        "image/debian-12@hv1",
        "create/shop-db-0",
        "create/shop-app-0",
        "create/shop-app-1",
        "create/shop-web-0",
    ]
    assert made["create/shop-app-1"] == ("create/shop-db-0",)
    assert made["create/shop-web-0"] == ("create/shop-app-0", "create/shop-app-1")


def test_a_component_with_nothing_to_do_passes_the_wait_on() -> None:
    made = needs(plan([*DB, *APP, *WEB], on_hv1(*APP)))
    assert made["create/shop-web-0"] == ("create/shop-db-0",)


def test_updates_and_starts_wait_too() -> None:
    bigger = [replace(each, machine=replace(each.machine, cpus=3)) for each in (*DB, *APP)]
    made = needs(plan(bigger, on_hv1(*DB, *APP)))
    assert made == {
        "update/shop-db-0": (),
        "update/shop-app-0": ("update/shop-db-0",),
        "update/shop-app-1": ("update/shop-db-0", "update/shop-app-0"),
    }


def test_an_image_is_brought_once_to_each_host_that_lacks_it() -> None:
    made = plan([*DB, *APP, instance("blog-db-0", machine(image="other"))])
    images = [step for step in made.steps if step.id.startswith("image/")]
    assert [step.id for step in images] == ["image/debian-12@hv1", "image/other@hv1"]
    for step in made.steps[2:]:
        wanted = "image/other@hv1" if step.id == "create/blog-db-0" else "image/debian-12@hv1"
        assert step.needs[0] == wanted


def test_an_image_that_is_there_is_not_brought() -> None:
    assert [step.id for step in plan([*DB, *APP], on_hv1(*DB)).steps] == [
        "create/shop-app-0",
        "create/shop-app-1",
    ]


def test_only_what_boots_from_an_image_waits_for_it() -> None:
    cmdline = replace(image_use("other"), disk=image_use().disk, cmdline="quiet")
    (step,) = plan([replace(DB[0], machine=replace(DB[0].machine, image=cmdline))], on_hv1(*DB)).steps
    assert (step.id, step.needs) == ("update/shop-db-0", ())


def test_destructions_come_after_everything_else_of_their_service() -> None:
    new = replicas(1, "blog-db")
    made = needs(plan([*DB, *APP, *new], on_hv1(*DB, *replicas(3, "shop-app"))))
    assert made == {"create/blog-db-0": (), "destroy/shop-app-2": ()}
    made = needs(plan([*DB, *APP], on_hv1(*replicas(2, "shop-db"))))
    assert list(made) == ["create/shop-app-0", "create/shop-app-1", "destroy/shop-db-1"]
    assert made["destroy/shop-db-1"] == ("create/shop-app-0", "create/shop-app-1")


def test_dependants_are_destroyed_first() -> None:
    made = needs(plan([*DB, *APP], on_hv1(*replicas(2, "shop-db"), *replicas(3, "shop-app"))))
    assert made == {"destroy/shop-app-2": (), "destroy/shop-db-1": ("destroy/shop-app-2",)}


def test_components_that_are_no_longer_declared_are_destroyed_last() -> None:
    made = needs(plan([*DB, *APP], on_hv1(*DB, *replicas(3, "shop-app"), *WEB, *replicas(1, "old-db"))))
    assert made == {
        "destroy/shop-app-2": (),
        "destroy/old-db-0": (),
        "destroy/shop-web-0": ("destroy/shop-app-2",),
    }


def test_services_do_not_wait_for_each_other() -> None:
    made = needs(plan([*DB, *replicas(1, "blog-app", depends_on=["db"])]))
    assert made["create/blog-app-0"] == ()


def test_a_circle_is_broken_by_name() -> None:
    made = needs(
        plan([*replicas(1, "shop-db", depends_on=["app"]), *replicas(1, "shop-app", depends_on=["db"])])
    )
    assert made == {
        "image/debian-12@hv1": (),
        "create/shop-app-0": (),
        "create/shop-db-0": ("create/shop-app-0",),
    }


def test_dependence_weighs_more_than_nearness() -> None:
    web = instance("shop-web-0", placement=Placement(affinity=(Affinity("db", "host"),)))
    db = instance("shop-db-0", depends_on=["web"])
    assert [group.component for group in order_of([web, db])] == ["web", "db"]


def test_ordinals_are_ordered_as_numbers() -> None:
    made = plan(replicas(11, "shop-db"))
    assert [step.id for step in made.steps][-2:] == ["create/shop-db-9", "create/shop-db-10"]


def test_instances_whose_names_are_alike_keep_apart() -> None:
    one, other = InstanceKey("shop", "a-b", 0), InstanceKey("shop-a", "b", 0)
    seen = [running(instance(one), on="hv1"), running(instance(other), on="hv2")]
    made = plan([], seen, fleet_of(hv1=GIB, hv2=GIB))
    assert [step.id for step in made.steps] == ["destroy/shop-a-b-0@hv1", "destroy/shop-a-b-0@hv2"]
