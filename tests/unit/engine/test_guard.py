"""Guards hold destruction back, say why, and let the rest of the plan go on."""

from __future__ import annotations

from dataclasses import replace

from reconciler.actions import Create, Destroy
from reconciler.engine.guard import Allowance, guarded
from reconciler.plan import Basis, BlockKind, Cause, Plan, Refusal, Step, StepId
from reconciler.specs.desired import Desired, HostName
from reconciler.specs.limits import DeleteBudget
from reconciler.state import HostUnknown, Observed
from tests.builders import desired_of, fleet_of, host, instance, observed_of, replicas, running, sha, size

_BASIS = Basis(sha("desired"), sha("observed"))


def scene(existing: int, doomed: int, *, most: int, percent: int) -> tuple[Plan, Desired, Observed]:
    """``existing`` machines of which ``doomed`` are to be destroyed, and one that is to be created."""
    machines = replicas(existing, "old-x")
    states = [running(each, on="hv1") for each in machines]
    fleet = replace(fleet_of(hv1=1024), deletes=DeleteBudget(most, percent))
    new = instance("new-x-0")
    destroys = [
        Step(StepId(f"destroy/{state.name}"), Destroy(state.host, state), (Cause("gone"),))
        for state in states[:doomed]
    ]
    create = Step(StepId("create/new-x-0"), Create(HostName("hv1"), new), (Cause("missing"),))
    return Plan(_BASIS, (create, *destroys)), desired_of(fleet, new), observed_of(fleet, *states)


def test_deletions_within_the_budget_pass() -> None:
    plan, desired, observed = scene(10, 2, most=2, percent=0)
    assert guarded(plan, desired, observed, Allowance()) is plan


def test_one_deletion_too_many_holds_them_all_and_nothing_else() -> None:
    plan, desired, observed = scene(10, 3, most=2, percent=0)
    held = guarded(plan, desired, observed, Allowance())
    assert [step.id for step in held.steps] == ["create/new-x-0"]
    assert [(entry.instance, entry.kind) for entry in held.blocked] == [
        ("old-x-0", BlockKind.GUARD),
        ("old-x-1", BlockKind.GUARD),
        ("old-x-2", BlockKind.GUARD),
    ]
    assert held.blocked[0].refusals == (
        Refusal(
            "hv1",
            "3 deletions are more than the budget of 2 "
            "(limits.deletes; --allow-deletes 3 permits them this once)",
        ),
    )


def test_the_larger_of_count_and_percentage_is_the_budget() -> None:
    plan, desired, observed = scene(30, 6, most=2, percent=20)
    assert guarded(plan, desired, observed, Allowance()) is plan
    plan, desired, observed = scene(30, 7, most=2, percent=20)
    assert len(guarded(plan, desired, observed, Allowance()).blocked) == 7


def test_what_is_allowed_this_once_replaces_the_budget_either_way() -> None:
    plan, desired, observed = scene(10, 3, most=2, percent=0)
    assert guarded(plan, desired, observed, Allowance(3)) is plan
    plan, desired, observed = scene(10, 1, most=2, percent=0)
    assert len(guarded(plan, desired, observed, Allowance(0)).blocked) == 1


def test_a_directory_without_services_deletes_nothing_whatever_is_allowed() -> None:
    plan, desired, observed = scene(10, 1, most=100, percent=100)
    empty = replace(desired, services=(), instances=())
    held = guarded(plan, empty, observed, Allowance(100))
    assert [entry.refusals[0].reason for entry in held.blocked] == [
        "the directory declares no service at all: nothing is deleted"
    ]


def test_what_waits_for_a_refused_step_is_held_with_it() -> None:
    plan, desired, observed = scene(10, 1, most=0, percent=0)
    create, destroy = plan.steps
    waiting = replace(plan, steps=(destroy, replace(create, needs=(destroy.id,))))
    held = guarded(waiting, desired, observed, Allowance())
    assert held.steps == ()
    assert [entry.instance for entry in held.blocked] == ["new-x-0", "old-x-0"]


def test_deletions_of_the_last_hour_count() -> None:
    plan, desired, observed = scene(10, 2, most=3, percent=0)
    assert guarded(plan, desired, observed, Allowance(spent=1)) is plan
    held = guarded(plan, desired, observed, Allowance(spent=2))
    assert held.blocked[0].refusals[0].reason == (
        "2 deletions (and 2 in the last hour) are more than the budget of 3 "
        "(limits.deletes; --allow-deletes 2 permits them this once)"
    )


def test_the_percentage_is_of_what_existed_when_the_hour_began() -> None:
    plan, desired, observed = scene(16, 2, most=0, percent=20)
    assert len(guarded(plan, desired, observed, Allowance(spent=2)).blocked) == 2  # 20 % of 18, less 2
    plan, desired, observed = scene(18, 2, most=0, percent=20)
    assert guarded(plan, desired, observed, Allowance(spent=2)) is plan  # 20 % of 20, less 2


def test_nothing_is_deleted_while_a_host_is_silent() -> None:
    plan, desired, observed = scene(10, 1, most=5, percent=0)
    desired = replace(desired, fleet=replace(fleet_of(hv1=1024, hv2=1024), deletes=DeleteBudget(5, 0)))
    observed = replace(observed, unknown=(HostUnknown(HostName("hv2"), "no answer"),))
    held = guarded(plan, desired, observed, Allowance(99))
    assert [(entry.instance, entry.kind) for entry in held.blocked] == [("old-x-0", BlockKind.UNKNOWN)]
    assert "hv2 did not answer" in held.blocked[0].refusals[0].reason


def test_a_silent_host_of_another_cluster_is_a_reason_too() -> None:
    """It may have been declared in that cluster before, and nobody remembers."""
    plan, desired, observed = scene(10, 1, most=5, percent=0)
    far = host("hv2", size(), cluster="far")
    desired = replace(desired, fleet=replace(fleet_of(far, hv1=1024), deletes=DeleteBudget(5, 0)))
    observed = replace(observed, unknown=(HostUnknown(HostName("hv2"), "no answer"),))
    held = guarded(plan, desired, observed, Allowance())
    assert [step.id for step in held.steps] == ["create/new-x-0"]
