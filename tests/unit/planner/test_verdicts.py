"""What becomes of an instance, by how it is met with."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.actions import Create, Destroy, Impact, Start, Update
from reconciler.actions import Replace as ReplaceAction
from reconciler.plan import Blocked, BlockKind, Cause, Change, Origin, Plan, Refusal
from reconciler.planner import make_plan
from reconciler.specs.desired import Disk, Instance
from reconciler.specs.placement import Placement
from reconciler.state import InstanceState, LiveDisk
from tests.builders import (
    GIB,
    desired_of,
    fleet_of,
    host,
    host_state,
    image_use,
    incomplete,
    instance,
    kept,
    machine,
    observed_of,
    paused,
    running,
    stopped,
    with_host,
)

FLEET = fleet_of(hv1=16 * GIB, hv2=16 * GIB)
DB = instance("shop-db-0", machine(disks=(Disk("root", 10 * GIB), Disk("data", 10 * GIB))))


def protected(of: Instance) -> Instance:
    return replace(of, machine=replace(of.machine, protect=True))


def asking(of: Instance, **fields: object) -> Instance:
    return replace(of, machine=replace(of.machine, **fields))  # type: ignore[arg-type]


def plan(*wanted: Instance, seen: tuple[InstanceState, ...] = (), silent: tuple[str, ...] = ()) -> Plan:
    return make_plan(desired_of(FLEET, *wanted), observed_of(FLEET, *seen, silent=silent))


def only_block(made: Plan) -> Blocked:
    assert made.steps == ()
    (blocked,) = made.blocked
    return blocked


def test_a_missing_instance_is_created() -> None:
    image, create = plan(DB).steps
    assert (image.id, create.id) == ("image/debian-12@hv1", "create/shop-db-0")
    assert create.action == Create(create.host, DB)
    assert create.because == (Cause("not on any host"),)
    assert create.needs == (image.id,)


def test_a_running_instance_that_is_as_asked_is_left_alone() -> None:
    made = plan(DB, seen=(running(DB, on="hv2"),))
    assert (made.steps, made.blocked) == ((), ())


def test_a_stopped_instance_is_started() -> None:
    state = stopped(DB, on="hv2", detail="shut off (crashed)")
    (step,) = plan(DB, seen=(state,)).steps
    assert (step.id, step.action) == ("start/shop-db-0", Start(state.host, state))
    assert step.because == (Change("power", "stopped (shut off (crashed))", "running", Origin.DRIFT),)


def test_a_half_made_instance_is_finished_where_it_is() -> None:
    left = incomplete(DB, on="hv2")
    (step,) = plan(DB, seen=(left,)).steps
    assert step.action == Create(left.host, DB, left)
    assert step.because == (Cause("left half made"),)


@pytest.mark.parametrize("state", [running(DB, on="hv2"), stopped(DB, on="hv2"), incomplete(DB, on="hv2")])
def test_an_instance_that_is_no_longer_declared_is_destroyed(state: InstanceState) -> None:
    (step,) = plan(seen=(state,)).steps
    assert (step.id, step.action) == ("destroy/shop-db-0", Destroy(state.host, state))
    assert step.because == (Cause("no longer declared"),)


def test_protection_outlives_the_declaration() -> None:
    blocked = only_block(plan(seen=(running(protected(DB), on="hv1"),)))
    assert (blocked.instance, blocked.kind) == ("shop-db-0", BlockKind.GUARD)
    assert blocked.refusals[0].reason.startswith("protected")


def test_a_change_that_costs_nothing_is_made_live() -> None:
    state = running(DB, on="hv1")
    (step,) = plan(protected(DB), seen=(state,)).steps
    assert step.action == Update(state.host, state, protected(DB), Impact.LIVE)
    assert step.because == (Change("protect", "false", "true"),)


def test_a_stopped_instance_is_changed_and_started_in_one() -> None:
    state = stopped(DB, on="hv1", detail="")
    (step,) = plan(protected(DB), seen=(state,)).steps
    assert step.action == Update(state.host, state, protected(DB), Impact.RESTART)
    assert [reason.field for reason in step.because if isinstance(reason, Change)] == ["power", "protect"]


def strayed(state: InstanceState) -> InstanceState:
    disks = (LiveDisk("root", 10 * GIB), LiveDisk("data", 10 * GIB, source="/pool/data.before"))
    return replace(state, live=replace(state.live, disks=disks))


@pytest.mark.parametrize(
    ("wanted", "state"),
    [
        pytest.param((asking(DB, cpus=2),), running(DB, on="hv1"), id="a-restart"),
        pytest.param((asking(DB, disks=(Disk("root", 10 * GIB),)),), running(DB, on="hv1"), id="a-disk-gone"),
        pytest.param((asking(DB, image=image_use("debian-13")),), running(DB, on="hv1"), id="another-image"),
        pytest.param((protected(DB),), stopped(DB, on="hv1"), id="anything-of-a-stopped-one"),
        pytest.param((DB,), incomplete(DB, on="hv1"), id="finishing-it"),
        pytest.param((), running(DB, on="hv1"), id="its-end"),
    ],
)
def test_a_machine_that_reads_a_disk_from_somewhere_else_is_held(
    wanted: tuple[Instance, ...], state: InstanceState
) -> None:
    others = () if wanted else (instance("shop-web-0"),)
    made = plan(*wanted, *others, seen=(strayed(state),))
    (blocked,) = made.blocked
    assert (blocked.instance, blocked.kind) == ("shop-db-0", BlockKind.IN_DOUBT)
    assert "/pool/data.before (a snapshot?)" in blocked.refusals[0].reason


def test_a_machine_that_reads_a_disk_from_somewhere_else_is_started_and_marked() -> None:
    (step,) = plan(DB, seen=(strayed(stopped(DB, on="hv1")),)).steps
    assert isinstance(step.action, Start)
    (step,) = plan(protected(DB), seen=(strayed(running(DB, on="hv1")),)).steps
    assert isinstance(step.action, Update)
    assert plan(DB, seen=(strayed(running(DB, on="hv1")),)).blocked == ()


def test_drift_is_put_right() -> None:
    state = replace(running(DB, on="hv1"), live=replace(running(DB, on="hv1").live, cpus=7))
    (step,) = plan(DB, seen=(state,)).steps
    assert step.action == Update(state.host, state, DB, Impact.RESTART)
    assert step.because == (Change("cpus", "7", "1", Origin.DRIFT),)


def test_another_image_replaces_the_machine() -> None:
    state, wanted = running(DB, on="hv1"), asking(DB, image=image_use("debian-13"))
    image, step = plan(wanted, seen=(state,)).steps
    assert image.id == "image/debian-13@hv1"
    assert (step.id, step.action) == ("replace/shop-db-0", ReplaceAction(state.host, state, wanted))
    assert step.needs == (image.id,)


@pytest.mark.parametrize("was", [DB, protected(DB)])
@pytest.mark.parametrize("now", [DB, protected(DB)])
def test_a_protected_machine_is_not_replaced(was: Instance, now: Instance) -> None:
    made = plan(asking(now, image=image_use("debian-13")), seen=(running(was, on="hv1"),))
    if was is now is DB:
        assert [step.id for step in made.steps] == ["image/debian-13@hv1", "replace/shop-db-0"]
    else:
        assert only_block(made).kind is BlockKind.GUARD


def test_a_protected_machine_does_not_lose_a_disk() -> None:
    less = asking(protected(DB), disks=DB.machine.disks[:1])
    assert only_block(plan(less, seen=(running(protected(DB), on="hv1"),))).kind is BlockKind.GUARD
    keeps = asking(protected(DB), disks=(DB.machine.disks[0], kept("data", GIB)))
    (step,) = plan(less, seen=(running(keeps, on="hv1"),)).steps
    assert step.id == "update/shop-db-0"


def test_a_disk_that_should_shrink_blocks_the_instance() -> None:
    smaller = asking(DB, cpus=2, disks=(DB.machine.disks[0], Disk("data", GIB)))
    blocked = only_block(plan(smaller, seen=(running(DB, on="hv2"),)))
    assert blocked.kind is BlockKind.INVALID
    assert blocked.refusals == (Refusal("hv2", "disk data: shrinking is refused from 10 GiB to 1 GiB"),)


@pytest.mark.parametrize("wanted", [(DB,), ()])
def test_an_instance_that_runs_twice_is_not_touched(wanted: tuple[Instance, ...]) -> None:
    blocked = only_block(plan(*wanted, seen=(running(DB, on="hv1"), running(DB, on="hv2"))))
    assert blocked.kind is BlockKind.IN_DOUBT
    assert [refusal.host for refusal in blocked.refusals] == ["hv1", "hv2"]


@pytest.mark.parametrize("wanted", [(DB,), ()])
def test_a_paused_instance_is_not_touched(wanted: tuple[Instance, ...]) -> None:
    blocked = only_block(plan(*wanted, seen=(paused(DB, on="hv1", detail="migrating"),)))
    assert blocked.kind is BlockKind.IN_DOUBT
    assert blocked.refusals == (Refusal("hv1", "seen here: paused (migrating)"),)


def test_a_silent_host_keeps_its_instances() -> None:
    made = plan(DB, silent=("hv2",))
    blocked = only_block(made)
    assert blocked.kind is BlockKind.UNKNOWN
    assert blocked.refusals == (
        Refusal("hv2", "it may be here: the host did not answer: no answer within 5 s"),
    )
    assert [unknown.host for unknown in made.unknown] == ["hv2"]


def test_a_silent_host_of_another_cluster_may_have_it_from_before_it_was_declared_in_this_one() -> None:
    fleet = fleet_of(host("hv1", cluster="blue"), host("hv2", cluster="green"))
    blue = instance("shop-db-0", placement=Placement(cluster="blue"))
    made = make_plan(desired_of(fleet, blue), observed_of(fleet, silent=("hv2",)))
    assert [(each.instance, each.kind) for each in made.blocked] == [("shop-db-0", BlockKind.UNKNOWN)]
    assert made.steps == ()


def test_a_host_that_was_never_asked_is_as_good_as_silent() -> None:
    partial = observed_of(fleet_of(hv1=16 * GIB))
    made = make_plan(desired_of(FLEET, DB), partial)
    assert only_block(made).kind is BlockKind.UNKNOWN
    assert [unknown.reason for unknown in made.unknown] == ["was not asked"]


def test_a_host_that_is_not_declared_is_ignored() -> None:
    observed = with_host(observed_of(FLEET), host_state("hv9", running(DB, on="hv9")))
    assert make_plan(desired_of(FLEET), observed).steps == ()


def test_the_machines_of_another_fleet_only_take_room() -> None:
    theirs = instance("shop-db-0", machine(memory_mib=15 * GIB), fleet="theirs")
    big = instance("shop-db-0", machine(memory_mib=4 * GIB))
    made = plan(big, seen=(running(theirs, on="hv1"),))
    assert [(step.id, step.host) for step in made.steps] == [
        ("image/debian-12@hv2", "hv2"),
        ("create/shop-db-0", "hv2"),
    ]
