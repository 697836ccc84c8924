"""Plan the migration that a user asks for: one machine, one host, and all that this takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from reconciler.actions import Migrate
from reconciler.plan import Basis, Blocked, BlockKind, Cause, Plan, Refusal, Step, StepId
from reconciler.planner.decide import board_of, judge
from reconciler.planner.forecast import forecast_of
from reconciler.planner.named import host_named, stranger
from reconciler.planner.ordering.deeds import Deed
from reconciler.planner.ordering.images import image_needed_by, steps_for_images
from reconciler.planner.ordering.mending import mends_of
from reconciler.planner.ordering.networks import bridge_of, steps_for_networks
from reconciler.planner.ordering.seats import segments_needed_by
from reconciler.planner.placement.board import Board
from reconciler.planner.placement.footprints import footprint
from reconciler.planner.placement.ledger import Site
from reconciler.planner.placement.rules import (
    Check,
    neighbourly,
    open_to,
    plugged,
    required,
    same_cluster,
    shortage,
)
from reconciler.planner.precondition import astray_reason
from reconciler.planner.prepare import prepared
from reconciler.planner.scope import sorted_desired, sorted_observed
from reconciler.planner.terms import in_its_way, terms_of, unlike, untidied
from reconciler.planner.verdicts import Act, Case, Hold, verdict_on
from reconciler.sighting import Running, Stranded
from reconciler.specs.desired import Desired, Instance, Resources
from reconciler.specs.fingerprint import digest_of
from reconciler.state import InstanceState, Observed


@dataclass(frozen=True, slots=True)
class Move:
    """Which instance is to go to which host."""

    instance: str
    to: str


@dataclass(frozen=True, slots=True)
class _Question:
    """A machine that runs, the instance it is of, and the hosts it would leave and come to."""

    state: InstanceState
    instance: Instance
    source: Site
    target: Site
    copies: bool


def plan_move(desired: Desired, observed: Observed, move: Move) -> Plan:
    """One ``Migrate`` and what it needs; blocked, with the reason, where it cannot be.

    Nothing else is planned. Raises InvalidInput for an instance or a host that nobody knows.
    """
    desired, observed = sorted_desired(desired), sorted_observed(observed)
    basis, ready = Basis(digest_of(desired), observed.digest()), prepared(desired, observed)
    desired, seen = ready.desired, ready.observed
    plan = Plan(basis, unknown=seen.unknown)
    judged = judge(ready)
    cases = {str(each.case.name): each.case for each in judged}
    case = cases.get(move.instance)
    if case is None:
        raise stranger("instance", move.instance, cases, desired)
    target = host_named(desired, move.to)
    if held := _held(case):
        return replace(plan, blocked=(held,))
    state = case.found
    if state.host == target.name:
        return plan
    terms = terms_of(desired.fleet, state, target)
    board = board_of(desired, seen, judged)
    source, site = board.ledger.site(state.host), board.ledger.site(target.name)
    if refusal := _refusal(_Question(state, case.wanted, source, site, terms.copies), board):
        kind = BlockKind.NO_PLACE if site.state else BlockKind.UNKNOWN
        return replace(plan, blocked=(Blocked(case.name, kind, (Refusal(target.name, refusal),)),))
    action = Migrate(target.name, state.host, state, terms)
    if state.applied.image.name not in {image.use.name for image in desired.images}:
        return replace(plan, blocked=(_refused(case, "the image it was made from is no longer declared"),))
    mends = mends_of((case,), seen, desired).get(state.key, ())
    return replace(plan, steps=_steps(action, mends, desired, seen))


def _steps(action: Migrate, mends: Sequence[Step], desired: Desired, observed: Observed) -> tuple[Step, ...]:
    """The migration, after what is mended and what its destination must have, and before what its source
    needs no more.
    """
    because, name = (Cause("asked for"),), StepId(f"migrate/{action.before.name}")
    images = steps_for_images((action,), desired, observed)
    place = image_needed_by(action)
    own = segments_needed_by(action)
    wired = replace(desired, segments=tuple(each for each in desired.segments if each.bridge in own))
    deeds = {name: Deed(action.before.key, Act(action, because))}
    networks = steps_for_networks(deeds, wired, observed, mends)
    last = (step for step in networks.last if bridge_of(step.action) in own)
    target = desired.fleet.host(action.host)
    assert target is not None, "it was asked for by name"
    forecast = forecast_of(action.before, target, desired.fleet)
    needs = (
        *(step.id for step in mends[-1:]),
        *((images[place].id,) if place in images else ()),
        *networks.needed_by(action),
    )
    first = dict.fromkeys((*networks.led_by(mends), *images.values(), *networks.first))
    return (*first, Step(name, action, because, needs, forecast), *last)


def _held(case: Case) -> Blocked | None:
    """Why a machine is not moved, wherever it were to go."""
    verdict = verdict_on(case)
    if isinstance(verdict, Hold) and verdict.kind in (BlockKind.IN_DOUBT, BlockKind.UNKNOWN):
        return Blocked(case.name, verdict.kind, verdict.refusals)
    if not isinstance(case.sighting, Running | Stranded):
        return _refused(case, "it does not run: only what runs is migrated; apply starts it")
    if case.instance is None:
        return _refused(case, "it is no longer declared: apply removes it")
    return next((_refused(case, astray_reason(disk)) for disk in case.found.live.astray), None)


def _refused(case: Case, reason: str) -> Blocked:
    return Blocked(case.name, BlockKind.INVALID, (Refusal("*", reason),))


def _refusal(question: _Question, board: Board) -> str | None:
    """Why a machine cannot go to a host, the first reason found; None where it can."""
    target, state = question.target, question.state
    if target.state is None:
        return f"did not answer: {target.silence}"
    if reason := unlike(question.source, target) or in_its_way(state, question.source, target):
        return reason
    if reason := untidied(state, board.sites):
        return reason
    # It is not in its own way; what is moved is the machine as it is, not as the files have it by now.
    board.ledger.seat(state.key, state.host, -1)
    moved = replace(question.instance, machine=state.applied)
    checks: tuple[Check, ...] = (
        open_to(moved, board),
        same_cluster(moved, board),
        required(moved, board),
        plugged(moved, board),
        lambda site: shortage(_need(question), site, board),
        *neighbourly(moved, board, strict=True),
    )
    return next((reason for check in checks if (reason := check(target)) is not None), None)


def _need(question: _Question) -> Resources:
    need = footprint(question.state)
    return need if question.copies else replace(need, disk_mib=0)
