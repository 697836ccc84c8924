"""Explain one instance: what becomes of it, on which host, and why not on another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import PurePath

from reconciler.actions import Create, Update, summary_key
from reconciler.actions import Replace as ReplaceAction
from reconciler.plan import BlockKind, Deadlock, Reason, Refusal
from reconciler.planner.citing import cited_reasons
from reconciler.planner.decide import Decision, Judged, board_of
from reconciler.planner.holding import held_back
from reconciler.planner.named import stranger
from reconciler.planner.placement.board import Board
from reconciler.planner.placement.builtin import built_in
from reconciler.planner.placement.choose import Choice, Fit, choose
from reconciler.planner.placement.footprints import footprint
from reconciler.planner.placement.ledger import growth
from reconciler.planner.placement.problem import Scheduler
from reconciler.planner.placement.refusals import NO_ROOM_FOR_OTHERS
from reconciler.planner.refused import Forms
from reconciler.planner.scope import sorted_desired, sorted_observed
from reconciler.planner.surging import staffed
from reconciler.planner.verdicts import Act, Hold
from reconciler.specs.desired import Desired, HostName, InstanceName, Resources
from reconciler.state import InstanceState, Observed


class Standing(StrEnum):
    """How ``Explanation.host`` is meant."""

    HERE = "here"
    """It is on that host."""
    CHOSEN = "chosen"
    """It is nowhere yet; that host was chosen for it."""
    NOWHERE = "nowhere"
    """It is nowhere, or nobody knows where, and no host was chosen."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Where an instance is or will be, what is to become of it, and why not elsewhere.

    ``verdict`` is "keep", "hold", or the plan's name of the action ("create", "update_live", …).
    ``because`` are the action's reasons, ``held`` those against doing anything. ``broken`` are the
    strict rules that do not hold where it runs: it is not moved for them. ``others`` says for every
    other host why it is not there, by name. ``deadlock`` says what is in the way where no host will do.
    """

    instance: InstanceName
    standing: Standing
    host: HostName | None
    verdict: str
    because: tuple[Reason, ...] = ()
    kind: BlockKind | None = None
    held: tuple[Refusal, ...] = ()
    broken: tuple[Refusal, ...] = ()
    others: tuple[Refusal, ...] = ()
    deadlock: Deadlock | None = None
    declared: str = ""
    """The line of its component, ``file:line``; empty where nothing asks for it."""


def explain(desired: Desired, observed: Observed, name: str, scheduler: Scheduler = built_in) -> Explanation:
    """Explain one instance, declared or seen. Raises InvalidInput for a name that is neither."""
    from reconciler.planner.settle import settle

    desired, observed = sorted_desired(desired), sorted_observed(observed)
    staff = staffed(desired, observed)
    desired, seen, judged = staff.ready.desired, staff.ready.observed, staff.judged
    known = [each.case.name for each in judged]
    if name not in known:
        raise stranger("instance", name, known, desired, hint="reconcile status lists the instances")
    board = board_of(desired, seen, judged)
    # The generator stops at this decision: what others take after it is no reason.
    decision = next(each for each in settle(desired, judged, board, scheduler) if each.case.name == name)
    decision = _with_fellows(decision, desired, seen, judged, scheduler)
    if isinstance(decision.verdict, Act):
        act = decision.verdict
        because = cited_reasons(act.action, act.because, desired)
        decision = replace(decision, verdict=replace(act, because=because))
    if decision.sought:
        assert decision.case.instance is not None, "a host is sought only for what is asked for"
        by = desired.fleet.scheduler.title if desired.fleet.scheduler is not None else ""
        return _of_new(decision, choose(decision.case.instance, board), by)
    return _unless_refused(_of_known(decision, board), staff.ready.forms)


def _unless_refused(told: Explanation, forms: Forms) -> Explanation:
    """The explanation; where what the files ask for was refused, it is held to what it is."""
    refused = next((each for each in forms.said if each.instance == told.instance), None)
    if refused is None or told.kind is not None:
        return told
    return replace(told, kind=refused.kind, held=refused.refusals)


def _with_fellows(
    decision: Decision, desired: Desired, seen: Observed, judged: Sequence[Judged], scheduler: Scheduler
) -> Decision:
    """The decision as its component and those that it depends on leave it: it may be held for them."""
    from reconciler.planner.settle import settle

    board = board_of(desired, seen, judged)
    held = held_back(settle(desired, judged, board, scheduler), board.neighbours.order, seen.sick)
    found = (each.verdict for each in held if each.case.name == decision.case.name)
    verdict = next(found, decision.verdict)  # a stand-in that nobody needs is left out
    return replace(decision, verdict=verdict) if isinstance(verdict, Hold) else decision


def _told(decision: Decision) -> Explanation:
    """What the decision itself says."""
    name, verdict = decision.case.name, decision.verdict
    nowhere = Explanation(name, Standing.NOWHERE, None, "keep", declared=_declared(decision))
    match verdict:
        case Hold(kind, refusals, deadlock):
            return replace(nowhere, verdict="hold", kind=kind, held=refusals, deadlock=deadlock)
        case Act(action, because):
            return replace(nowhere, verdict=summary_key(action), because=because)
    return nowhere


def _declared(decision: Decision) -> str:
    instance = decision.case.instance
    if instance is None or not instance.origin.file:
        return ""
    return f"{PurePath(instance.origin.file).name}:{instance.origin.line}"


def _of_new(decision: Decision, choice: Choice, by: str) -> Explanation:
    told, verdict = _told(decision), decision.verdict
    if not isinstance(verdict, Act):
        spared = (Refusal(fit.host, NO_ROOM_FOR_OTHERS) for fit in choice.fits)
        return replace(told, others=_by_host((*choice.refusals, *spared)))
    host = verdict.action.host
    chosen = next((fit for fit in choice.fits if fit.host == host), None)
    behind = (Refusal(fit.host, _why_not(fit, chosen, by)) for fit in choice.fits)
    others = (each for each in (*choice.refusals, *behind) if each.host != host)
    return replace(told, standing=Standing.CHOSEN, host=host, others=_by_host(others))


def _why_not(fit: Fit, chosen: Fit | None, by: str) -> str:
    """Why not a host that would do: one that is better was left to those who had no other."""
    if by:
        return f"would do, but {by} chose another"
    if chosen is None or fit.order < chosen.order:
        return NO_ROOM_FOR_OTHERS
    return fit.behind(chosen)


def _of_known(decision: Decision, board: Board) -> Explanation:
    """An instance for which no host was sought: judge the hosts as if one were."""
    case, told = decision.case, _told(decision)
    state = case.state
    if state is not None:
        told = replace(told, standing=Standing.HERE, host=state.host)
    if case.instance is None:
        return told
    if state is not None:
        _lift(state, decision, board)
    choice = choose(case.instance, board)
    why_not = "would do" if state is None else f"would do, but it is on {state.host} and is not moved"
    fits = (Refusal(fit.host, why_not) for fit in choice.fits)
    judged = _by_host((*choice.refusals, *fits))
    return replace(
        told,
        broken=tuple(each for each in choice.refusals if each.host == told.host),
        others=tuple(each for each in judged if each.host != told.host),
    )


def _lift(state: InstanceState, decision: Decision, board: Board) -> None:
    """Take an instance off the board, so that it is not in its own way."""
    ledger, verdict = board.ledger, decision.verdict
    ledger.seat(state.key, state.host, -1)
    given = footprint(state)
    if isinstance(verdict, Act) and isinstance(verdict.action, Create | Update | ReplaceAction):
        given += growth(state, verdict.action.instance.machine, ledger)
    ledger.take(state.host, Resources() - given)


def _by_host(refusals: Iterable[Refusal]) -> tuple[Refusal, ...]:
    return tuple(sorted(refusals, key=lambda refusal: refusal.host))
