"""Find hosts: for what may not stay where it is, then for what is missing, and say why there is none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from reconciler.actions import Create, Migrate
from reconciler.plan import BlockKind, Cause, Forecast, Refusal
from reconciler.planner.citing import about, written_at
from reconciler.planner.decide import Decision, Judged, in_place
from reconciler.planner.forecast import forecast_of
from reconciler.planner.groups import Group, group_of
from reconciler.planner.ordering.course import Limits
from reconciler.planner.placement.board import Board
from reconciler.planner.placement.breaches import wrong
from reconciler.planner.placement.builtin import built_in
from reconciler.planner.placement.homeward import home_after, homes_of, mended
from reconciler.planner.placement.ledger import demand, footprint
from reconciler.planner.placement.pose import NOBODYS, Asked, Seen, posed
from reconciler.planner.placement.problem import NOWHERE, Ask, Integers, Problem, Question, Scheduler
from reconciler.planner.placement.refusals import Refusals
from reconciler.planner.placement.turns import Turns
from reconciler.planner.placement.variants import with_moves, without_excess
from reconciler.planner.precondition import astray_reason
from reconciler.planner.routing import Routed, routed
from reconciler.planner.terms import terms_of, untidied
from reconciler.planner.verdicts import Act, Hold, Keep, Make
from reconciler.sighting import Running
from reconciler.specs.desired import Desired, HostName, Instance, InstanceKey
from reconciler.specs.placement import Policy
from reconciler.specs.written import CLUSTERS, Lines
from reconciler.state import InstanceState

_BUSY = "something else is to be done first"


def settle(
    desired: Desired, judged: Sequence[Judged], board: Board, scheduler: Scheduler = built_in
) -> Iterator[Decision]:
    """Turn verdicts into decisions: what is there grows first, then what may not stay where it is finds
    another host, then what is missing finds one.

    Each decision is entered into the board's book before the next is made.
    """
    decisions = tuple(in_place(judged, board))
    turns = Turns.among(desired.instances, board.neighbours.order)
    missing = [(each, each.verdict) for each in judged if isinstance(each.verdict, Make)]
    missing.sort(key=lambda pair: turns.of(pair[1].instance))
    sought = Sought([make.instance for _, make in missing], turns)
    search = Search.of(desired, decisions, sought, board)
    moved = search.repaired(scheduler)
    yield from search.moving(moved)
    found = search.placed(moved, sought, scheduler)
    for (each, make), host in zip(missing, found, strict=True):
        if host == NOWHERE:
            yield Decision(each.case, search.refusals.held(make.instance), sought=True)
            continue
        name = board.sites[host].name
        yield Decision(each.case, Act(Create(name, make.instance), make.because), sought=True)
        board.ledger.take(name, demand(make.instance, board.ledger))
        board.ledger.seat(make.instance.key, name)


@dataclass(frozen=True, slots=True)
class Sought:
    """Who needs a host, in their turns."""

    missing: Sequence[Instance]
    turns: Turns


@dataclass(slots=True)
class Search:
    """One question and what came of it. ``about`` are the decisions about the machines that were seen,
    ``homes`` the hosts to which some of them are to return.
    """

    desired: Desired
    decisions: Sequence[Decision]
    board: Board
    problem: Problem
    seen: Sequence[Seen]
    about: Mapping[int, Decision]
    refusals: Refusals
    homes: Mapping[int, int]
    routed: Routed
    """The moves, once they are decided."""
    wrong: frozenset[int]
    """Those that may not stay where they are."""

    @staticmethod
    def of(desired: Desired, decisions: Sequence[Decision], sought: Sought, board: Board) -> Search:
        """Pose the question."""
        by_state = {
            (each.case.state.uuid, each.case.state.host): each
            for each in decisions
            if each.case.state is not None
        }
        missing = sought.missing
        fixed = _Fixed.of(desired)
        seen, about = list[Seen](), dict[int, Decision]()
        for site in board.sites:
            for state in site.state.instances if site.state is not None else ():
                decision = by_state.get((state.uuid, state.host))
                if decision is not None:
                    about[len(seen)] = decision
                seen.append(_seen(state, decision, fixed, board))
        asked = Asked(seen, missing, _unsure(decisions, missing), sought.turns.weights)
        problem, homes = posed(asked, board, desired), homes_of(seen, board, desired.fleet)
        staying, out = Routed(problem.home), wrong(problem)
        return Search(desired, decisions, board, problem, seen, about, Refusals(board), homes, staying, out)

    def repaired(self, scheduler: Scheduler) -> Integers:
        """Where everybody is to be who is somewhere; whose move would wait for itself stays."""
        acting = {each.verdict.action.host for each in self.decisions if isinstance(each.verdict, Act)}

        def mend(problem: Problem) -> Integers:
            return scheduler(without_excess(problem, acting), Ask(Question.REPAIR)).host

        host = mended(self.problem, self.homes, mend)
        limits = Limits.of(self.desired.fleet.migrations)
        self.routed = routed(self.problem, host, self.forecast, limits)
        return self.routed.host

    def forecast(self, machine: int, host: int) -> Forecast:
        """What the move of a machine to a host is thought to take."""
        return forecast_of(self.seen[machine].state, self.board.sites[host].host, self.desired.fleet)

    def moving(self, host: Integers) -> Iterator[Decision]:
        """The decisions about who is somewhere: a move, or why there is none where there should be one."""
        was, needs = self.wrong, self.routed.needs
        still = wrong(replace(self.problem, home=host)) if (host != self.problem.home).any() else was
        makes_room = {other: machine for machine, others in needs.items() for other in others}
        numbers = {id(decision): machine for machine, decision in self.about.items()}
        for decision in self.decisions:
            machine = numbers.get(id(decision), NOWHERE)
            if machine in still and machine in self.about:
                yield self._staying(machine)
            elif machine not in needs:
                yield decision
        lines = Lines(self.desired.written)
        for machine in needs:
            if machine not in was and self.homes.get(machine) == host[machine]:
                home = self.board.sites[host[machine]].host
                source = lines.of(CLUSTERS, f"{home.cluster}.return_home")
                why = Cause(f"{home.name} is its home", source)
            elif machine in makes_room and machine not in was:
                why = Cause(f"makes room for {self.problem.names[makes_room[machine]]}")
            else:
                why = self._why_away(machine, lines)
            act = self.move(machine, int(host[machine]), why, needs[machine])
            yield replace(self.about[machine], verdict=act)
            self._enter(machine, int(host[machine]))

    def _why_away(self, machine: int, lines: Lines) -> Cause:
        """Why one may not stay where it is, and where that is written."""
        seen = self.seen[machine]
        host = self.board.ledger.site(seen.state.host).host
        reason = self.refusals.of_home(seen)
        source = written_at(host.maintenance_origin) if host.maintenance else ""
        if not source and (rule := self.refusals.field_of_home(seen)):
            source = lines.of(about(seen.state.key), rule)
        return Cause(f"{host.name}: {reason}", source)

    def _staying(self, machine: int) -> Decision:
        """What becomes of one that is to leave and does not: it is held, unless something comes first."""
        seen, decision = self.seen[machine], self.about[machine]
        if seen.why_not == NOBODYS:
            return decision
        if seen.why_not == _BUSY:
            return replace(decision, later=f"{seen.state.host}: {self.refusals.of_home(seen)}")
        return replace(decision, verdict=self._held(machine))

    def _held(self, machine: int) -> Hold:
        seen = self.seen[machine]
        why_not = seen.why_not or self.routed.stuck.get(machine)
        if why_not:
            here = Refusal(seen.state.host, self.refusals.of_home(seen))
            return Hold(BlockKind.NO_PLACE, (here, Refusal("*", f"it is not moved: {why_not}")))
        return self.refusals.of_seen(seen)

    def move(self, machine: int, host: int, why: Cause, needs: tuple[int, ...]) -> Act:
        """That a machine moves, why, and after whom."""
        state, target = self.seen[machine].state, self.board.sites[host]
        terms = terms_of(self.desired.fleet, state, target.host)
        after = tuple(self.seen[each].state.key for each in needs)
        leaving = bool(self.about[machine].case.leaving)
        home = home_after(state, self.desired.fleet, leaving=leaving)
        action = Migrate(target.name, state.host, state, terms, home)
        return Act(action, (why,), after, self.routed.forecasts[machine])

    def _enter(self, machine: int, host: int) -> None:
        """It is at both ends until it has arrived; what it attracts follows it."""
        state, ledger = self.seen[machine].state, self.board.ledger
        ledger.leave(state)
        ledger.take(self.board.sites[host].name, footprint(state))
        ledger.seat(state.key, self.board.sites[host].name)

    def placed(self, host: Integers, sought: Sought, scheduler: Scheduler) -> list[int]:
        """Where everybody is to be who is nowhere, in their order."""
        if not sought.missing:
            return []
        still = (host == self.problem.home).tolist()
        here = [each.instance if stays else None for each, stays in zip(self.seen, still, strict=False)]
        problem = replace(self.problem, served=sought.turns.served([*here, *sought.missing]))
        answer = scheduler(with_moves(problem, host), Ask(Question.PLACE))
        first = len(self.seen)
        return [int(each) for each in answer.host[first : len(self.problem.home)]]


@dataclass(frozen=True, slots=True)
class _Fixed:
    """What keeps machines where they are: fixed hosts, and all images but these."""

    hosts: frozenset[HostName]
    images: frozenset[str]

    @staticmethod
    def of(desired: Desired) -> _Fixed:
        fleet = desired.fleet
        fixed = {each.name for each in fleet.clusters if each.policy is Policy.FIXED}
        hosts = frozenset(host.name for host in fleet.hosts if host.cluster in fixed)
        return _Fixed(hosts, frozenset(image.use.name for image in desired.images))


def _seen(state: InstanceState, decision: Decision | None, fixed: _Fixed, board: Board) -> Seen:
    if decision is None or decision.case.instance is None:
        leaving = decision is not None and isinstance(decision.verdict, Act)
        return Seen(state, leaving=leaving)
    return Seen(state, decision.case.instance, _why_not(state, decision, fixed, board))


def _why_not(state: InstanceState, decision: Decision, fixed: _Fixed, board: Board) -> str:
    """Why a machine is not moved now; empty where it may be."""
    sighting = decision.case.sighting
    is_whole = isinstance(sighting, Running) and sighting.twin is None and state.journey is None
    if not isinstance(decision.verdict, Keep):
        return _BUSY
    if not is_whole or not state.persistent:
        return untidied(state, board.sites) or _BUSY
    if state.live.astray:
        return astray_reason(state.live.astray[0])
    if state.host in fixed.hosts:
        return "the policy of its cluster is fixed"
    if state.applied.image.name not in fixed.images:
        return "the image it was made from is no longer declared"
    return ""


def _unsure(decisions: Sequence[Decision], missing: Sequence[Instance]) -> frozenset[Group]:
    """Groups of which not everybody's place is known, or is the last one."""
    held = (
        each.case.instance.key
        for each in decisions
        if each.case.instance is not None and each.case.state is None
    )
    keys: list[InstanceKey] = [*held, *(each.key for each in missing)]
    return frozenset(group_of(key) for key in keys)
