"""Decide about every instance that is somewhere: the verdicts, and whether there is room for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from reconciler.actions import Action, Create, Destroy, Replace, Start, Update
from reconciler.plan import Blocked, BlockKind, Refusal
from reconciler.planner.ordering.seats import segments_needed_by
from reconciler.planner.placement.board import Board, Neighbours
from reconciler.planner.placement.facts import Answers
from reconciler.planner.placement.ledger import Ledger, growth
from reconciler.planner.placement.rules import overdrawn, shortage
from reconciler.planner.placement.standing import why_empty
from reconciler.planner.prepare import Prepared
from reconciler.planner.scope import sites_of
from reconciler.planner.verdicts import Act, Case, Hold, Keep, Make, Verdict, verdict_on
from reconciler.planner.wires import foreign_in_the_way
from reconciler.sighting import Sighting, Unknown, sighting_of
from reconciler.specs.desired import Desired, Instance, InstanceName
from reconciler.state import Observed


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of one instance; ``sought``: it is nowhere, and a host was sought for it. ``later`` says
    why it is to leave its host once what is done first is done.
    """

    case: Case
    verdict: Keep | Hold | Act
    sought: bool = False
    later: str = ""

    @property
    def blocked(self) -> Blocked | None:
        """As it is listed in a plan, where it is held."""
        held = self.verdict
        return (
            Blocked(self.case.name, held.kind, held.refusals, held.deadlock)
            if isinstance(held, Hold)
            else None
        )


@dataclass(frozen=True, slots=True)
class Judged:
    """A case and its verdict, before any host is chosen."""

    case: Case
    verdict: Verdict


def judge(ready: Prepared) -> tuple[Judged, ...]:
    """A verdict on everything that is declared, then on everything else of ours that was seen."""
    cases = _cases(ready.desired, ready.observed)
    return tuple(Judged(case, _unless_blocked(case, verdict_on(case), ready)) for case in cases)


def _unless_blocked(case: Case, verdict: Verdict, ready: Prepared) -> Verdict:
    """The verdict, unless the instance cannot get what it asks for: it may be started as it is."""
    blocked = ready.blocked.get(case.name)
    if blocked is None or case.instance is None or isinstance(verdict, Hold):
        return verdict
    if isinstance(verdict, Act) and isinstance(verdict.action, Start):
        return verdict
    return Hold(blocked.kind, blocked.refusals)


def _cases(desired: Desired, observed: Observed) -> Iterator[Case]:
    # Its cluster says where it may go, not where it is: it may have been declared in another one before.
    everywhere = frozenset(host.name for host in desired.fleet.hosts)
    empty = {host.name: why_empty(host, observed.host(host.name)) for host in desired.fleet.hosts}
    for instance in desired.instances:
        sighting = sighting_of(observed, instance.uuid, could_be_on=everywhere)
        case = _case(instance.name, instance, sighting, observed)
        leaving = empty.get(case.state.host) if case.state is not None else None
        yield replace(case, leaving=leaving) if leaving else case
    declared = {instance.uuid for instance in desired.instances}
    rest = {uuid: states[0].key for uuid, states in observed.by_uuid.items() if uuid not in declared}
    for uuid, key in sorted(rest.items(), key=lambda entry: (entry[1], entry[0])):
        yield _case(key.name, None, sighting_of(observed, uuid, could_be_on=frozenset()), observed)


def _case(name: InstanceName, instance: Instance | None, sighting: Sighting, observed: Observed) -> Case:
    silent = sighting.hosts if isinstance(sighting, Unknown) else ()
    reasons = tuple([unknown for unknown in observed.unknown if silent and unknown.host in silent])
    return Case(name, instance, sighting, reasons)


def board_of(desired: Desired, observed: Observed, judged: Iterable[Judged]) -> Board:
    """The hosts as they are, with what is to go marked as leaving."""
    ledger = Ledger.opened(sites_of(desired.fleet, observed))
    for each in judged:
        if isinstance(each.verdict, Act) and isinstance(each.verdict.action, Destroy):
            ledger.leave(each.verdict.action.before)
        elif each.case.stands_in and each.case.state is not None:
            ledger.leave(each.case.state)
    return Board(ledger, Answers(ledger), Neighbours.among(desired.instances))


def in_place(judged: Iterable[Judged], board: Board) -> Iterator[Decision]:
    """Turn verdicts on what is there into decisions, each entered into the board's book: a machine grows
    where there is room for it.
    """
    for each in judged:
        if not isinstance(each.verdict, Make):
            yield Decision(each.case, _where_it_is(each.case, each.verdict, board))


def _where_it_is(case: Case, verdict: Keep | Hold | Act, board: Board) -> Keep | Hold | Act:
    """The verdict, unless the machine grows beyond the room of its host."""
    if not isinstance(verdict, Act):
        return verdict
    if (reason := _in_the_way(verdict.action, board)) is not None:
        return Hold(BlockKind.NO_PLACE, (Refusal(verdict.action.host, reason),))
    if not isinstance(verdict.action, Create | Update | Replace):
        return verdict
    need = growth(case.found, case.wanted.machine, board.ledger)
    site = board.ledger.site(case.found.host)
    short = shortage(need, site, board) or overdrawn(case.found, case.wanted.machine, site, board)
    if short is not None:
        return Hold(BlockKind.NO_PLACE, (Refusal(site.name, f"no room to grow: {short}"),))
    board.ledger.take(site.name, need)
    return verdict


def _in_the_way(action: Action, board: Board) -> str | None:
    """What keeps a machine's segments from being on its host."""
    state = board.ledger.site(action.host).state
    if state is None:
        return None
    reasons = (foreign_in_the_way(bridge, state) for bridge in sorted(segments_needed_by(action)))
    return next((reason for reason in reasons if reason is not None), None)
