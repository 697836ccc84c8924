"""Make the plan: decide about every instance, then put what is to be done in order."""

from __future__ import annotations

from dataclasses import replace

from reconciler.actions import Create, Replace, Update
from reconciler.plan import Basis, Plan
from reconciler.planner.carried import put_off
from reconciler.planner.decide import board_of
from reconciler.planner.hints import hints_of
from reconciler.planner.holding import held_back
from reconciler.planner.ordering.deeds import Deed
from reconciler.planner.ordering.mending import mends_of
from reconciler.planner.ordering.steps import Work, steps_of
from reconciler.planner.placement.builtin import built_in
from reconciler.planner.placement.problem import Scheduler
from reconciler.planner.prepare import Prepared
from reconciler.planner.recording import records_of
from reconciler.planner.replicas import replicas_of
from reconciler.planner.scope import sorted_desired, sorted_observed
from reconciler.planner.surging import retirements, staffed
from reconciler.planner.verdicts import Act
from reconciler.specs.desired import Desired
from reconciler.specs.fingerprint import digest_of
from reconciler.state import Observed


def make_plan(
    desired: Desired, observed: Observed, *, wait: bool = False, scheduler: Scheduler = built_in
) -> Plan:
    """What to do so that the fleet becomes what is desired: the same for the same input in any order.

    What runs is moved only where it may not stay. What is not known is held; why is told in
    ``Plan.blocked``. With ``wait``, everybody who has a health check is waited for, changed or not.
    Raises what the ``scheduler`` raises.
    """
    from reconciler.planner.lingering import lingering_of
    from reconciler.planner.settle import settle

    desired, observed = sorted_desired(desired), sorted_observed(observed)
    basis = Basis(digest_of(desired), observed.digest())
    staff = staffed(desired, observed)
    desired, seen, judged = staff.ready.desired, staff.ready.observed, staff.judged
    mends = mends_of((each.case for each in judged), seen, desired)
    board = board_of(desired, seen, judged)
    unwell = frozenset((*seen.sick, *seen.failed))
    order = board.neighbours.order
    decisions = put_off(held_back(settle(desired, judged, board, scheduler), order, unwell))
    deeds = [
        Deed((each.case.instance or each.case.found).key, _in_full(each.verdict, staff.ready))
        for each in decisions
        if isinstance(each.verdict, Act)
    ]
    replicas = replicas_of(decisions, unwell)
    deeds += retirements(replicas, seen)
    deeds += records_of(staff.ready.forms, replicas, seen)
    blocked = [each.blocked for each in decisions if each.blocked is not None]
    blocked += staff.ready.forms.said
    return Plan(
        basis,
        steps_of(Work(order, deeds, replicas, mends), desired, seen, wait=wait),
        tuple(sorted(blocked, key=lambda entry: (entry.instance, entry.kind, entry.refusals[0].host))),
        seen.unknown,
        (*hints_of(desired, judged), *lingering_of(decisions, board)),
    )


def _in_full(act: Act, ready: Prepared) -> Act:
    """The same, with everything that the guest is told."""
    action = act.action
    if not isinstance(action, Create | Update | Replace):
        return act
    return replace(act, action=replace(action, instance=ready.told.in_full(action.instance)))
