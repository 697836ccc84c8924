"""Each ending of a migration is recognised, and what is done about it is the least that puts it right."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.actions import Destroy, Resume, Settle, Start
from reconciler.plan import BlockKind, Plan, Step, StepId
from reconciler.planner import Move, after, broken_precondition, confirmed, make_plan, plan_move
from reconciler.planner.draining import Drain, plan_drain
from reconciler.planner.prepare import prepared
from reconciler.specs.desired import Desired, HostName, Instance, Nic, NicKind, Segment
from reconciler.specs.identity import bridge_of
from reconciler.state import Cordon, InstanceState, Journey, Observed
from tests.builders import (
    GIB,
    desired_of,
    fleet_of,
    host_state,
    instance,
    kept,
    machine,
    observed_of,
    paused,
    running,
    stopped,
    volume,
    with_host,
)

FLEET = fleet_of(hv1=16 * GIB, hv2=16 * GIB, hv3=16 * GIB)
DB = instance("shop-db-0", machine(disks=(kept("data", 8 * GIB),)))
GOES = Journey(HostName("hv1"), HostName("hv2"))
MOVING = "migrating"


def on_its_way(state: InstanceState) -> InstanceState:
    return replace(state, journey=GOES)


def seen(*states: InstanceState, silent: tuple[str, ...] = (), left: str = "") -> Observed:
    """A look; ``left`` is a host that has the disk without a machine."""
    observed = observed_of(FLEET, *states, silent=silent)
    if left:
        observed = with_host(observed, host_state(left, volumes=[volume(DB, "data", 8 * GIB)]))
    return observed


def plan(observed: Observed, *wanted: Instance) -> Plan:
    return make_plan(desired_of(FLEET, *(wanted or (DB,))), observed)


def steps(observed: Observed) -> list[str]:
    made = plan(observed)
    assert made.blocked == ()
    return [step.id for step in made.steps]


def held(observed: Observed) -> str:
    made = plan(observed)
    assert made.steps == ()
    (blocked,) = made.blocked
    assert blocked.kind in (BlockKind.IN_DOUBT, BlockKind.UNKNOWN)
    return "; ".join(refusal.reason for refusal in blocked.refusals)


def test_what_runs_here_and_comes_in_there_is_left_alone() -> None:
    source, coming = on_its_way(running(DB, on="hv1")), on_its_way(paused(DB, on="hv2", detail=MOVING))
    assert "under way" in held(seen(source, replace(coming, persistent=False)))


def test_what_is_not_done_with_leaving_is_left_alone_although_nothing_comes_in_any_more() -> None:
    source = replace(on_its_way(running(DB, on="hv1")), detail=MOVING)
    assert "under way" in held(seen(source, left="hv2"))
    assert "under way" in held(seen(source, on_its_way(stopped(DB, on="hv2"))))
    assert steps(seen(replace(source, detail=""), left="hv2")) == ["settle/shop-db-0"]


def test_what_has_arrived_is_ended_where_it_stands_still() -> None:
    observed = seen(on_its_way(paused(DB, on="hv1", detail=MOVING)), on_its_way(running(DB, on="hv2")))
    (step,) = plan(observed).steps
    assert isinstance(step.action, Settle)
    assert (step.action.host, step.action.from_host) == ("hv2", "hv1")
    assert plan(after(step, observed)).steps == ()


def test_what_stands_still_goes_on_once_every_host_says_that_it_is_not_there() -> None:
    observed = seen(on_its_way(paused(DB, on="hv1", detail=MOVING)), left="hv2")
    made = plan(observed)
    assert [step.id for step in made.steps] == ["resume/shop-db-0", "settle/shop-db-0"]
    assert isinstance(made.steps[0].action, Resume)
    assert made.steps[1].needs == ("resume/shop-db-0",)
    for step in made.steps:
        observed = after(step, observed)
    assert (plan(observed).steps, observed.host(HostName("hv2"))) == ((), host_state("hv2", capacity=None))


@pytest.mark.parametrize("silent", ["hv2", "hv3"])
def test_what_stands_still_waits_for_a_silent_host_and_says_so(silent: str) -> None:
    observed = seen(on_its_way(paused(DB, on="hv1", detail=MOVING)), silent=(silent,))
    assert f"{silent} did not answer" in held(observed)


def test_what_stands_still_beside_a_twin_that_is_off_goes_on() -> None:
    source = on_its_way(paused(DB, on="hv1", detail=MOVING))
    twin = on_its_way(stopped(DB, on="hv2", detail="failed"))
    assert steps(seen(source, twin)) == ["resume/shop-db-0", "settle/shop-db-0"]


@pytest.mark.parametrize("detail", ["destroyed", "shutdown", "crashed", ""])
def test_what_stands_still_does_not_go_on_beside_a_twin_that_did(detail: str) -> None:
    source = on_its_way(paused(DB, on="hv1", detail=MOVING))
    twin = on_its_way(stopped(DB, on="hv2", detail=detail))
    assert "`virsh start shop-db-0` on hv2 keeps that" in held(seen(source, twin))


BACK = Segment("shop", "back", "10.42.0.0/24", 7, bridge_of(7), 1450)
PLUGGED = replace(DB, machine=replace(DB.machine, nics=(Nic(NicKind.BRIDGE, BACK.bridge, "10.42.0.9"),)))


def cut_short(*segments: Segment, wanted: tuple[Instance, ...] = ()) -> tuple[Desired, Observed]:
    """One that was off, to be carried to hv2, when hv1 lost its power and its bridges with it."""
    declared = replace(desired_of(FLEET, PLUGGED), segments=(BACK,))
    (told,) = prepared(declared, observed_of(FLEET, running(PLUGGED, on="hv1"))).desired.instances
    left = replace(stopped(told, on="hv1"), journey=replace(GOES, cold=True))
    other = instance("shop-app-0")
    desired = replace(desired_of(FLEET, *wanted, other), segments=segments)
    observed = observed_of(FLEET, left, running(other, on="hv3"))
    wireless = tuple(replace(host, segments=(), address=f"10.0.0.{host.host[-1]}") for host in observed.hosts)
    return desired, replace(observed, hosts=wireless)


def done(desired: Desired, seen: Observed) -> list[str]:
    """The steps of a plan, each after what it needs, and after them nothing is left to do."""
    made, names = make_plan(desired, seen), list[str]()
    assert made.blocked == ()
    for step in made.steps:
        assert set(step.needs) <= set(names), step.id
        names.append(step.id)
        seen = after(step, seen)
    assert make_plan(desired, seen).steps == ()
    return names


@pytest.mark.parametrize("wanted", [(PLUGGED,), ()])
def test_what_goes_on_has_its_segment_first_also_where_it_goes_for_good(wanted: tuple[Instance, ...]) -> None:
    desired, observed = cut_short(BACK, wanted=wanted)
    made = {step.id: step for step in make_plan(desired, observed).steps}
    assert made[StepId("resume/shop-db-0")].needs == ("network/shop.back@hv1",)
    names = done(desired, observed)
    goes = not wanted
    assert ("network-drop/shop.back@hv1" in names, "destroy/shop-db-0" in names) == (goes, goes)


def test_what_cannot_go_on_for_its_segment_was_given_up_goes_without() -> None:
    assert done(*cut_short()) == ["settle/shop-db-0", "destroy/shop-db-0"]


def test_a_drain_makes_the_segment_of_what_goes_on_before_it_leaves() -> None:
    desired, observed = cut_short(BACK, wanted=(PLUGGED,))
    drained = plan_drain(desired, observed, Drain("hv1", Cordon("me", "", "", draining=True)))
    names = [step.id for step in drained.steps]
    wired, goes_on, leaves = (
        names.index(StepId(each))
        for each in ("network/shop.back@hv1", "resume/shop-db-0", "migrate/shop-db-0")
    )
    assert wired < goes_on < leaves
    assert names.count(StepId("network/shop.back@hv1")) == 1
    known = set(names)
    assert all(known.issuperset(step.needs) for step in drained.steps)


def test_who_is_asked_to_move_has_its_segment_before_it_goes_on() -> None:
    desired, observed = cut_short(BACK, wanted=(PLUGGED,))
    made = plan_move(desired, observed, Move("shop-db-0", "hv3"))
    names = list[str]()
    for step in made.steps:
        assert set(step.needs) <= set(names), step.id
        names.append(step.id)
    assert {"network/shop.back@hv1", "network/shop.back@hv3", "migrate/shop-db-0"} <= set(names)


@pytest.mark.parametrize("detail", ["user", "I/O error", ""])
def test_what_somebody_paused_stays_paused_journey_or_not(detail: str) -> None:
    for state in (paused(DB, on="hv1", detail=detail), on_its_way(paused(DB, on="hv1", detail=detail))):
        held(seen(state))


def test_what_stands_still_without_a_journey_of_ours_is_left_alone() -> None:
    held(seen(paused(DB, on="hv1", detail=MOVING)))
    held(seen(paused(DB, on="hv1", detail=MOVING), running(DB, on="hv2")))


def test_what_runs_twice_is_for_a_human() -> None:
    assert "2 hosts at once" in held(
        seen(on_its_way(running(DB, on="hv1")), on_its_way(running(DB, on="hv2")))
    )


@pytest.mark.parametrize("detail", ["failed", "migrated", ""])
def test_a_twin_that_is_off_is_forgotten_and_its_disks_only_with_a_journey(detail: str) -> None:
    for state, disks in ((running(DB, on="hv1"), 1), (on_its_way(running(DB, on="hv1")), 0)):
        observed = seen(state, stopped(DB, on="hv2", detail=detail))
        (step,) = plan(observed).steps
        assert (step.id, step.hosts) == ("settle/shop-db-0", ("hv1", "hv2"))
        there = after(step, observed).host(HostName("hv2"))
        assert there is not None
        assert (there.instances, len(there.volumes)) == ((), disks)


def test_debris_is_swept_where_the_machine_never_came() -> None:
    observed = seen(on_its_way(running(DB, on="hv1")), left="hv2")
    (step,) = plan(observed).steps
    assert plan(after(step, observed)).steps == ()


def test_what_was_copied_is_no_debris_where_the_two_hosts_share_their_pool_by_now() -> None:
    observed = seen(on_its_way(running(DB, on="hv1")), left="hv2")
    hosts = (replace(each, storage="san1" if each.name != "hv3" else None) for each in FLEET.hosts)
    desired = desired_of(replace(FLEET, hosts=tuple(hosts)), DB)
    (step,) = make_plan(desired, observed).steps
    assert step.action == Settle(HostName("hv1"), HostName("hv2"), observed.by_uuid[DB.uuid][0], share=True)
    then = after(step, observed)
    here, there = then.hosts[:2]
    assert confirmed(step, here, there)
    assert [each.disk for each in there.volumes] == ["data"]
    assert make_plan(desired, then).steps == ()


def test_a_disk_that_no_journey_explains_is_kept() -> None:
    assert steps(seen(running(DB, on="hv1"), left="hv2")) == []


def test_debris_on_a_silent_host_waits() -> None:
    made = plan(seen(on_its_way(running(DB, on="hv1")), silent=("hv2",)))
    assert (made.steps, made.blocked) == ((), ())


def test_what_a_human_moved_without_a_definition_gets_one() -> None:
    (step,) = plan(seen(replace(running(DB, on="hv3"), persistent=False))).steps
    assert isinstance(step.action, Settle)
    assert step.action.from_host is None


def test_what_crashed_while_it_was_copied_is_started_where_its_disks_are() -> None:
    observed = seen(on_its_way(stopped(DB, on="hv1", detail="crashed")), left="hv2")
    made = plan(observed)
    assert [step.id for step in made.steps] == ["settle/shop-db-0", "start/shop-db-0"]
    assert isinstance(made.steps[1].action, Start)


def test_what_crashed_while_it_was_copied_is_not_started_while_the_other_end_is_silent() -> None:
    held(seen(on_its_way(stopped(DB, on="hv1", detail="crashed")), silent=("hv2",)))
    assert steps(seen(on_its_way(stopped(DB, on="hv1", detail="crashed")), silent=("hv3",))) == [
        "settle/shop-db-0",
        "start/shop-db-0",
    ]


def test_a_copy_that_was_never_taken_in_is_not_started() -> None:
    held(seen(on_its_way(stopped(DB, on="hv2", detail="failed"))))


def test_an_old_copy_is_not_started_while_newer_disks_are_elsewhere() -> None:
    assert "hv2" in held(seen(stopped(DB, on="hv1", detail="migrated"), left="hv2"))
    held(seen(stopped(DB, on="hv1", detail="migrated"), silent=("hv3",)))


def test_what_went_off_where_it_had_arrived_is_started_there() -> None:
    observed = seen(stopped(DB, on="hv1", detail="migrated"), stopped(DB, on="hv2", detail="shutdown"))
    made = plan(observed)
    assert [(step.id, step.host) for step in made.steps] == [
        ("settle/shop-db-0", "hv2"),
        ("start/shop-db-0", "hv2"),
    ]


def test_two_that_are_off_for_no_known_reason_are_for_a_human() -> None:
    held(seen(on_its_way(stopped(DB, on="hv1", detail="")), on_its_way(stopped(DB, on="hv2", detail=""))))


def test_a_machine_that_is_removed_is_tidied_up_first() -> None:
    observed = seen(on_its_way(running(DB, on="hv1")), left="hv2")
    keeper = instance("shop-web-0")
    made = plan(observed, keeper)
    (settle, destroy) = (step for step in made.steps if "db" in step.id)
    assert isinstance(destroy.action, Destroy)
    assert settle.id in destroy.needs


def _settle(observed: Observed) -> Step:
    return next(step for step in plan(observed).steps if isinstance(step.action, Settle))


def test_a_step_on_two_hosts_is_done_when_both_show_it() -> None:
    observed = seen(on_its_way(running(DB, on="hv1")), left="hv2")
    step = _settle(observed)
    done = after(step, observed)
    here, there = (done.host(HostName(name)) for name in ("hv1", "hv2"))
    old_here, old_there = (observed.host(HostName(name)) for name in ("hv1", "hv2"))
    assert here and there and old_here and old_there
    assert confirmed(step, here, there)
    assert not confirmed(step, here, old_there)
    assert not confirmed(step, old_here, there)
    assert not confirmed(step, here)


def test_nothing_is_tidied_up_any_more_once_it_runs_at_the_other_end() -> None:
    observed = seen(on_its_way(running(DB, on="hv1")), left="hv2")
    step = _settle(observed)
    now = seen(on_its_way(running(DB, on="hv1")), on_its_way(running(DB, on="hv2")))
    here, there = (now.host(HostName(name)) for name in ("hv1", "hv2"))
    assert here and there
    assert broken_precondition(step, here, there) == "it runs on hv2 too"


def test_nothing_goes_on_any_more_once_it_runs_at_the_other_end() -> None:
    standing = on_its_way(paused(DB, on="hv1", detail=MOVING))
    step = plan(seen(standing)).steps[0]
    now = seen(standing, on_its_way(running(DB, on="hv2")))
    here, there = (now.host(HostName(name)) for name in ("hv1", "hv2"))
    assert here and there
    assert broken_precondition(step, here, there) == "it is running on hv2"


def test_nothing_goes_on_any_more_once_it_was_ended_at_the_other_end() -> None:
    standing = on_its_way(paused(DB, on="hv1", detail=MOVING))
    step = plan(seen(standing)).steps[0]
    now = seen(standing, on_its_way(stopped(DB, on="hv2", detail="destroyed")))
    here, there = (now.host(HostName(name)) for name in ("hv1", "hv2"))
    assert here and there
    assert broken_precondition(step, here, there) == "it is stopped (destroyed) on hv2"
