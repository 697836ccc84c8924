"""What becomes of a component whose new form is not healthy, where it is to be rolled back."""

from __future__ import annotations

from dataclasses import replace

from reconciler.actions import Accept, GiveUp, Replace
from reconciler.plan import BlockKind, Plan
from reconciler.planner import after, confirmed, make_plan
from reconciler.specs.desired import Disk, Form, Instance, Machine
from reconciler.specs.guest import GuestContext
from reconciler.specs.health import HealthCheck, OnFailure, Order, TcpCheck, UpdatePolicy
from reconciler.state import InstanceState, Observed
from tests.builders import (
    GIB,
    desired_of,
    fleet_of,
    image_use,
    incomplete,
    instance,
    kept,
    machine,
    observed_of,
    replicas,
    running,
    sha,
)

FLEET = fleet_of(hv1=64 * GIB)
CHECK = HealthCheck(TcpCheck(80))


def rolling_back(
    *instances: Instance, order: Order = Order.STOP_FIRST, most: int = 1
) -> tuple[Instance, ...]:
    policy = UpdatePolicy(most, 30, order, OnFailure.ROLLBACK)
    return tuple(replace(each, health=CHECK, update=policy) for each in instances)


def changed(*instances: Instance, image: str = "other") -> tuple[Instance, ...]:
    return tuple(replace(each, machine=replace(each.machine, image=image_use(image))) for each in instances)


WEB = rolling_back(*replicas(3, "shop-web"))
NEW = changed(*WEB)


def up(*instances: Instance) -> list[InstanceState]:
    return [running(each, on="hv1") for each in instances]


def plan(wanted: tuple[Instance, ...], seen: Observed) -> Plan:
    return make_plan(desired_of(FLEET, *wanted), seen)


def ids(made: Plan) -> list[str]:
    return [step.id for step in made.steps if not step.id.startswith("image/")]


def needs(made: Plan, step_id: str) -> tuple[str, ...]:
    found = next(step for step in made.steps if step.id == step_id)
    return tuple(each for each in found.needs if not each.startswith("image/"))


def folded(made: Plan, seen: Observed, *, until: str = "") -> Observed:
    """The fleet once the plan was carried out up to that step, and not that."""
    for step in made.steps:
        if step.id == until:
            break
        seen = after(step, seen)
        assert confirmed(step, seen.hosts[0]), step.id
    return seen


def failed(seen: Observed, *of: Instance) -> Observed:
    """The same, to somebody who has waited in vain for these."""
    return replace(seen, failed=tuple(each.uuid for each in of))


BEFORE = observed_of(FLEET, *up(*WEB))
# The first was changed to what is not healthy.
FIRST = folded(plan(NEW, BEFORE), BEFORE, until="wait/shop-web-0")


def state(seen: Observed, name: str) -> InstanceState:
    return next(each for host in seen.hosts for each in host.instances if each.name == name)


def images(seen: Observed) -> list[str]:
    return [each.applied.image.name for each in seen.hosts[0].instances]


def test_a_new_form_is_taken_for_good_once_all_are_healthy_in_it() -> None:
    made = plan(NEW, BEFORE)
    waits = tuple(f"wait/shop-web-{number}" for number in range(3))
    assert ids(made)[-3:] == [f"accept/shop-web-{number}" for number in range(3)]
    for number in range(3):
        assert set(waits) <= set(needs(made, f"accept/shop-web-{number}"))
    end = folded(made, BEFORE)
    assert {each.former for each in end.hosts[0].instances} == {None}
    assert plan(NEW, end).steps == ()


def test_what_a_replica_was_is_kept_until_then() -> None:
    assert state(FIRST, "shop-web-0").former == WEB[0].machine
    assert state(FIRST, "shop-web-1").former is None


def test_without_rollback_nothing_is_kept_and_nothing_is_written() -> None:
    paused = tuple(replace(each, update=UpdatePolicy()) for each in NEW)
    made = plan(paused, BEFORE)
    assert not [step for step in made.steps if isinstance(step.action, Accept | GiveUp)]
    assert state(folded(made, BEFORE), "shop-web-0").former is None


def test_whoever_is_not_healthy_in_time_is_given_back_what_it_was() -> None:
    made = plan(NEW, failed(FIRST, NEW[0]))
    assert ids(made) == [*(f"give-up/shop-web-{number}" for number in range(3)), "replace/shop-web-0"]
    assert needs(made, "replace/shop-web-0") == ("give-up/shop-web-0",)
    back = made.steps[-1].action
    assert isinstance(back, Replace)
    assert (back.instance.machine, back.instance.form) == (WEB[0].machine, Form.AS_IT_WAS)
    assert {(each.instance, each.kind) for each in made.blocked} == {
        ("shop-web-1", BlockKind.REFUSED),
        ("shop-web-2", BlockKind.REFUSED),
    }


def test_what_was_refused_is_not_tried_again_and_the_plan_says_so() -> None:
    end = folded(plan(NEW, failed(FIRST, NEW[0])), failed(FIRST, NEW[0]))
    assert images(end) == ["debian-12"] * 3
    again = plan(NEW, end)
    assert again.steps == ()
    assert [each.instance for each in again.blocked] == [f"shop-web-{number}" for number in range(3)]
    assert all("until the files say something else" in each.refusals[0].reason for each in again.blocked)


def test_a_rollback_that_stopped_anywhere_is_finished_by_the_next_plan() -> None:
    seen = failed(FIRST, NEW[0])
    end = folded(plan(NEW, seen), seen)
    for step in plan(NEW, seen).steps:
        seen = after(step, seen)
        # Whoever comes next has waited for nobody.
        stranger = replace(seen, failed=())
        assert folded(plan(NEW, stranger), stranger) == end, step.id


def test_who_does_not_know_that_it_failed_waits_for_it_again() -> None:
    made = plan(NEW, FIRST)
    assert ids(made)[:2] == ["wait/shop-web-0", "replace/shop-web-1"]
    assert needs(made, "replace/shop-web-1") == ("wait/shop-web-0",)


def test_other_replicas_that_have_it_go_back_too_and_not_all_at_once() -> None:
    seen = folded(plan(NEW, BEFORE), BEFORE, until="wait/shop-web-2")
    seen = replace(failed(seen, NEW[2]), sick=(NEW[2].uuid,))
    made = plan(NEW, seen)
    assert ids(made)[3:] == [
        "replace/shop-web-2",
        "wait/shop-web-2",
        "replace/shop-web-0",
        "wait/shop-web-0",
        "replace/shop-web-1",
    ]
    assert "wait/shop-web-2" in needs(made, "replace/shop-web-0")
    assert images(folded(made, seen)) == ["debian-12"] * 3


def test_another_change_of_the_files_is_tried_and_what_was_refused_is_forgotten() -> None:
    seen = failed(FIRST, NEW[0])
    end = folded(plan(NEW, seen), seen)
    third = changed(*WEB, image="third")
    made = plan(third, end)
    assert [each for each in ids(made) if each.startswith("replace/")] == [
        f"replace/shop-web-{number}" for number in range(3)
    ]
    assert made.blocked == ()
    assert {each.refused for each in folded(made, end).hosts[0].instances} == {None}


def test_files_that_are_turned_back_forget_what_was_refused_and_it_may_be_tried_again() -> None:
    seen = failed(FIRST, NEW[0])
    end = folded(plan(NEW, seen), seen)
    made = plan(WEB, end)
    assert ids(made) == [f"accept/shop-web-{number}" for number in range(3)]
    cleared = folded(made, end)
    assert plan(WEB, cleared).steps == ()
    assert "replace/shop-web-0" in ids(plan(NEW, cleared))


def test_another_health_check_is_another_form() -> None:
    seen = failed(FIRST, NEW[0])
    end = folded(plan(NEW, seen), seen)
    patient = tuple(replace(each, health=replace(CHECK, start_period=600)) for each in NEW)
    assert "replace/shop-web-0" in ids(plan(patient, end))


def test_what_was_never_taken_for_good_is_not_gone_back_to() -> None:
    third = changed(*WEB, image="third")
    seen = folded(plan(third, FIRST), FIRST, until="wait/shop-web-0")
    assert state(seen, "shop-web-0").applied.image.name == "third"
    assert state(seen, "shop-web-0").former == WEB[0].machine


def test_who_is_sick_long_after_it_was_taken_for_good_is_not_rolled_back() -> None:
    end = folded(plan(NEW, BEFORE), BEFORE)
    assert plan(NEW, failed(end, NEW[0])).steps == ()


def test_who_is_sick_in_its_old_form_says_nothing_of_the_new_one() -> None:
    made = plan(NEW, failed(BEFORE, WEB[1]))
    assert not [step for step in made.steps if isinstance(step.action, GiveUp)]


def test_a_change_in_place_is_given_back_with_a_restart() -> None:
    larger = tuple(replace(each, machine=replace(each.machine, cpus=7)) for each in WEB)
    seen = folded(plan(larger, BEFORE), BEFORE, until="wait/shop-web-0")
    made = plan(larger, failed(seen, larger[0]))
    assert ids(made)[3:] == ["update/shop-web-0"]
    end = folded(made, failed(seen, larger[0]))
    assert state(end, "shop-web-0").applied == WEB[0].machine
    assert plan(larger, end).steps == ()


def test_a_data_disk_is_never_taken_back_and_a_root_that_grew_stays_large() -> None:
    def of(image: str, root: int, data: int) -> Machine:
        disks = (Disk("root", root * GIB), kept("data", data * GIB))
        return replace(machine(), image=image_use(image), disks=disks)

    (old,) = rolling_back(instance("shop-db-0", of("debian-12", 5, 10)))
    (new,) = rolling_back(instance("shop-db-0", of("other", 8, 20)))
    before = observed_of(FLEET, *up(old))
    seen = failed(folded(plan((new,), before), before, until="wait/shop-db-0"), new)
    end = folded(plan((new,), seen), seen)
    assert state(end, "shop-db-0").applied == of("debian-12", 8, 20)
    assert plan((new,), end).steps == ()


def test_a_stand_in_that_is_not_healthy_goes_and_nobody_is_changed() -> None:
    web = rolling_back(*replicas(3, "shop-web"), order=Order.START_FIRST)
    new = changed(*web)
    seen = folded(plan(new, BEFORE), BEFORE, until="wait/shop-web-3")
    made = plan(new, replace(seen, failed=(state(seen, "shop-web-3").uuid,)))
    assert ids(made) == [*(f"give-up/shop-web-{number}" for number in range(3)), *ids(made)[3:]]
    assert not [each for each in ids(made) if each.startswith("replace/")]
    assert ids(made)[-1] == "destroy/shop-web-3"
    end = folded(made, seen)
    assert images(end) == ["debian-12"] * 3
    assert plan(new, end).steps == ()


def test_a_stand_in_of_an_earlier_form_says_nothing_of_the_new_one() -> None:
    web = rolling_back(*replicas(3, "shop-web"), order=Order.START_FIRST)
    seen = folded(plan(changed(*web), BEFORE), BEFORE, until="wait/shop-web-3")
    seen = replace(seen, failed=(state(seen, "shop-web-3").uuid,))
    made = plan(changed(*web, image="third"), seen)
    assert not [step for step in made.steps if isinstance(step.action, GiveUp)]


def test_protection_is_heeded_although_the_form_was_refused() -> None:
    seen = failed(FIRST, NEW[0])
    end = folded(plan(NEW, seen), seen)
    protected = tuple(replace(each, machine=replace(each.machine, protect=True)) for each in NEW)
    made = plan(protected, end)
    assert ids(made) == [f"update/shop-web-{number}" for number in range(3)]
    after_that = folded(made, end)
    assert {each.applied.protect for each in after_that.hosts[0].instances} == {True}
    assert images(after_that) == ["debian-12"] * 3
    assert plan(protected, after_that).steps == ()


def test_nobody_is_made_in_the_refused_form_to_stand_in_on_the_way_back() -> None:
    web = rolling_back(*replicas(3, "shop-web"), order=Order.START_FIRST)
    new = changed(*web)
    seen = failed(folded(plan(new, BEFORE), BEFORE, until="wait/shop-web-1"), new[1])
    made = plan(new, seen)
    assert not [each for each in ids(made) if each.startswith("create/")]
    end = folded(made, seen)
    assert images(end) == ["debian-12"] * 3
    assert plan(new, end).steps == ()


def test_a_replica_that_is_nowhere_is_not_made_in_the_refused_form() -> None:
    seen = failed(FIRST, NEW[0])
    end = folded(plan(NEW, seen), seen)
    four = changed(*rolling_back(*replicas(4, "shop-web")))
    made = plan(four, end)
    assert made.steps == ()
    (held,) = (each for each in made.blocked if each.instance == "shop-web-3")
    assert held.kind is BlockKind.REFUSED


def test_a_replica_that_was_just_being_taken_apart_is_made_again_as_it_was() -> None:
    seen = failed(FIRST, NEW[0])
    half = replace(incomplete(WEB[1], on="hv1"), former=WEB[1].machine)
    others = [each for each in seen.hosts[0].instances if each.name != "shop-web-1"]
    seen = replace(observed_of(FLEET, *others, half), failed=seen.failed)
    end = folded(plan(NEW, seen), seen)
    assert images(end) == ["debian-12"] * 3
    assert plan(NEW, end).steps == ()


def test_what_a_guest_is_told_is_compared_without_its_name() -> None:
    def told(each: Instance, text: str) -> Instance:
        context = GuestContext(each.name, environment=(("A", text),))
        return replace(each, context=context, machine=replace(each.machine, context=sha(text + each.name)))

    old, new = (tuple(told(each, text) for each in WEB) for text in ("one", "two"))
    before = observed_of(FLEET, *up(*plan_machines(old)))
    seen = failed(folded(plan(new, before), before, until="wait/shop-web-0"), new[0])
    end = folded(plan(new, seen), seen)
    assert [each.applied.context for each in end.hosts[0].instances] == [
        each.machine.context for each in plan_machines(old)
    ]
    assert plan(new, end).steps == ()


def plan_machines(of: tuple[Instance, ...]) -> tuple[Instance, ...]:
    """The instances with what the planner finds out about them."""
    from reconciler.planner.prepare import prepared

    return prepared(desired_of(FLEET, *of), observed_of(FLEET)).desired.instances


def test_where_its_former_image_is_gone_it_stays_and_the_plan_says_why() -> None:
    seen = failed(FIRST, NEW[0])
    seen = replace(seen, hosts=(replace(seen.hosts[0], images=()),))
    made = plan(NEW, seen)
    assert "replace/shop-web-0" not in ids(made)
    (lost,) = (each for each in made.blocked if each.instance == "shop-web-0")
    assert "its image debian-12 is neither declared nor on any host any more" in lost.refusals[0].reason


def test_where_another_host_has_its_former_image_it_is_copied_from_there() -> None:
    fleet = fleet_of(hv1=64 * GIB, hv2=64 * GIB)
    # The image keeps its name and is another one now.
    use = replace(image_use("debian-12"), disk=sha("debian-12, made anew"))
    wanted = tuple(replace(each, machine=replace(each.machine, image=use)) for each in WEB)
    first = replace(running(wanted[0], on="hv1"), former=WEB[0].machine)
    seen = observed_of(fleet, first, *(running(each, on="hv1") for each in WEB[1:]))
    hosts = tuple(
        replace(each, images=(use.digests if each.host == "hv1" else WEB[0].machine.image.digests))
        for each in seen.hosts
    )
    made = make_plan(desired_of(fleet, *wanted), failed(replace(seen, hosts=hosts), wanted[0]))
    steps = {str(step.id): step for step in made.steps}
    digest = WEB[0].machine.image.digests[0][:12]
    assert f"image/debian-12.{digest}@hv1" in steps
    assert f"image/debian-12.{digest}@hv1" in steps["replace/shop-web-0"].needs
