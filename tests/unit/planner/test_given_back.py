"""Which steps give back what was not healthy, and which are for the next plan although they are due."""

from __future__ import annotations

from dataclasses import replace

from reconciler.actions import (
    Action,
    Create,
    Destroy,
    GiveUp,
    Impact,
    Migrate,
    PutImage,
    Replace,
    Stop,
    Update,
)
from reconciler.plan import Basis, Cause, Plan, Step, StepId
from reconciler.planner.rollback import rollback_of
from reconciler.specs.desired import HostName, Instance
from tests.builders import image_of, image_use, instance, running, sha

HV1, HV2 = HostName("hv1"), HostName("hv2")
WEB, DB = instance("shop-web-0"), instance("shop-db-0")


def step(name: str, action: Action, *needs: str, follows: tuple[str, ...] = ()) -> Step:
    because = (Cause("why"),)
    return Step(StepId(name), action, because, tuple(map(StepId, needs)), follows=tuple(map(StepId, follows)))


def plan_of(*steps: Step) -> Plan:
    return Plan(Basis(sha("desired"), sha("observed")), steps)


def replaced(of: Instance) -> Replace:
    return Replace(HV1, running(of, on="hv1"), of)


def standing_in() -> Destroy:
    surge = replace(instance("shop-web-1"), machine=replace(WEB.machine, surge=True))
    return Destroy(HV1, running(surge, on="hv1"))


GIVE_UP = step("give-up/shop-web-0", GiveUp(HV1, running(WEB, on="hv1"), sha("form")))
BACK = step("replace/shop-web-0", replaced(WEB), GIVE_UP.id)
NOTHING = plan_of()


def kept(plan: Plan, shown: Plan = NOTHING) -> list[str]:
    found = rollback_of(plan, shown)
    assert found is not None
    return [each.id for each in found.steps]


def test_where_nothing_is_given_up_nothing_is_rolled_back() -> None:
    assert rollback_of(plan_of(step("replace/shop-web-0", replaced(WEB))), NOTHING) is None


def test_all_that_is_done_to_the_component_and_what_it_needs_is_done() -> None:
    image = step("image/debian-12@hv1", PutImage(HV1, image_of(image_use())))
    back = replace(BACK, needs=(image.id, GIVE_UP.id))
    assert kept(plan_of(GIVE_UP, image, back)) == [GIVE_UP.id, image.id, back.id]


def test_who_stood_in_goes_and_nobody_else_is_destroyed() -> None:
    gone = step("destroy/shop-web-1", standing_in(), BACK.id)
    other = step("destroy/shop-db-0", Destroy(HV1, running(DB, on="hv1")))
    own = step("destroy/shop-web-2", Destroy(HV1, running(instance("shop-web-2"), on="hv1")))
    plan = plan_of(GIVE_UP, BACK, gone, other, own)
    assert kept(plan) == [GIVE_UP.id, BACK.id, gone.id]
    # That it was shown before does not matter: what was skipped once is asked about again.
    assert kept(plan, shown=plan) == [GIVE_UP.id, BACK.id, gone.id]


def test_nobody_is_moved_or_stopped_for_it_and_who_needs_that_waits_too() -> None:
    move = step("migrate/shop-db-0", Migrate(HV2, HV1, running(DB, on="hv1")))
    stop = step("stop/shop-web-1", Stop(HV1, running(instance("shop-web-1"), on="hv1")))
    needy = replace(BACK, needs=(move.id, GIVE_UP.id))
    plan = plan_of(GIVE_UP, move, stop, needy)
    assert kept(plan, shown=plan) == [GIVE_UP.id]
    found = rollback_of(plan, plan)
    assert found is not None
    assert found.hints == ("left for the next plan: migrate/shop-db-0, stop/shop-web-1, replace/shop-web-0",)


def test_whom_it_would_have_followed_it_does_not_wait_for() -> None:
    move = step("migrate/shop-db-0", Migrate(HV2, HV1, running(DB, on="hv1")))
    found = rollback_of(plan_of(GIVE_UP, move, replace(BACK, follows=(move.id,))), NOTHING)
    assert found is not None
    assert found.steps[-1].follows == ()


def test_another_component_is_changed_for_it_only_as_was_shown() -> None:
    made = step("create/shop-db-0", Create(HV1, DB))
    needy = replace(BACK, needs=(made.id, GIVE_UP.id))
    plan = plan_of(GIVE_UP, made, needy)
    assert kept(plan) == [GIVE_UP.id]
    assert kept(plan, shown=plan_of(made)) == [GIVE_UP.id, made.id, needy.id]


def test_another_component_that_nobody_needs_for_it_is_left() -> None:
    other = step("update/shop-db-0", Update(HV1, running(DB, on="hv1"), DB, Impact.RESTART))
    plan = plan_of(GIVE_UP, other, BACK)
    assert kept(plan, shown=plan) == [GIVE_UP.id, BACK.id]
