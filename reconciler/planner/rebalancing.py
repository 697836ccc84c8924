"""Plan what makes a fleet that runs better: the moves that its clusters' policies gain by, and nothing else.

A scheduler says where, its answer is judged and the moves are put in an order in which no strict rule is
broken on the way; who finds no way there stays. It is done as a whole only where it is a gain as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from reconciler.actions import DropNetwork, Migrate
from reconciler.plan import Basis, Cause, Plan, Step, StepId
from reconciler.planner.decide import Decision, board_of, in_place
from reconciler.planner.forecast import speed_of
from reconciler.planner.ordering.course import Course, Limits, Route
from reconciler.planner.ordering.deeds import Deed
from reconciler.planner.ordering.mending import mends_of
from reconciler.planner.ordering.order import in_order
from reconciler.planner.ordering.steps import Work, steps_of
from reconciler.planner.placement.builtin import built_in
from reconciler.planner.placement.headroom import endangered
from reconciler.planner.placement.improve import opened
from reconciler.planner.placement.judge import is_better, judged
from reconciler.planner.placement.objective import in_use, score, worth
from reconciler.planner.placement.problem import NOWHERE, Ask, Integers, Policy, Problem, Question, Scheduler
from reconciler.planner.placement.turns import Turns
from reconciler.planner.replicas import replicas_of
from reconciler.planner.scope import sorted_desired, sorted_observed
from reconciler.planner.settle import Search, Sought
from reconciler.planner.surging import staffed
from reconciler.planner.terms import terms_of
from reconciler.planner.verdicts import Act, Make
from reconciler.specs.desired import Desired, InstanceKey
from reconciler.specs.fingerprint import digest_of
from reconciler.specs.written import CLUSTERS, Lines
from reconciler.state import Observed

MIN_GAIN = 0.001
"""What a move must gain of a score in which a host that is filled, or is in use, counts 1."""
_EFFORT = 20.0
_WHY = {Policy.BALANCE: "balances", Policy.CONSOLIDATE: "empties hosts of"}


@dataclass(frozen=True, slots=True)
class Rebalance:
    """How many moves are allowed (None: any number), and what each must gain."""

    max_moves: int | None = None
    min_gain: float = MIN_GAIN


@dataclass(frozen=True, slots=True)
class ClusterGain:
    """A cluster before and after. A smaller ``score`` is better: of ``balance`` the weighted sum of squared
    utilisation, of ``consolidate`` the hosts in use. ``exposed`` are hosts whose death would leave somebody
    without a place, counted where the cluster keeps hosts in reserve.
    """

    name: str
    policy: Policy
    score: tuple[float, float]
    hosts: tuple[int, int]
    exposed: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Gain:
    """What a rebalance is worth: ``by`` names the method, ``proven`` where nothing better exists.

    ``mib`` and ``seconds`` are predicted: what goes over the wire, and how long all of it takes.
    """

    clusters: tuple[ClusterGain, ...]
    moves: int
    mib: int
    seconds: int
    emptied: tuple[str, ...]
    by: str
    proven: bool
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rebalanced:
    """The plan, and what it gains."""

    plan: Plan
    gain: Gain


@dataclass(frozen=True, slots=True)
class _Way:
    """Where everybody is to be who gets there, and how."""

    host: Integers
    route: Route


def plan_rebalance(
    desired: Desired, observed: Observed, asked: Rebalance, scheduler: Scheduler = built_in
) -> Rebalanced:
    """The moves that are worth it; who is not to be moved now, for whatever reason, stays.

    Raises SchedulerFailed where the answer of a scheduler breaks a rule.
    """
    desired, observed = sorted_desired(desired), sorted_observed(observed)
    basis, staff = Basis(digest_of(desired), observed.digest()), staffed(desired, observed)
    desired, seen = staff.ready.desired, staff.ready.observed
    board = board_of(desired, seen, staff.judged)
    decisions = tuple(in_place(staff.judged, board))
    missing = [each.verdict.instance for each in staff.judged if isinstance(each.verdict, Make)]
    search = Search.of(desired, decisions, Sought(missing, Turns({}, {})), board)
    problem = opened(search.problem)
    ask = Ask(Question.REBALANCE, asked.max_moves, asked.min_gain, _EFFORT)
    answer = judged(problem, ask, scheduler)
    way = _way(problem, answer.host, desired)
    steps = tuple(_steps(search, way, desired, seen))
    notes = answer.notes
    if answer.host.tolist() != way.host.tolist():
        notes = (*notes, "some moves were left out: there is no way there, or none that is a gain")
    gain = replace(_gain(problem, way), by=answer.by, proven=answer.proven, notes=notes)
    return Rebalanced(Plan(basis, steps, unknown=seen.unknown), gain)


def _way(problem: Problem, goal: Integers, desired: Desired) -> _Way:
    """Everybody straight to the goal: who would have to go a way round, or cannot get there, stays."""
    migrations = desired.fleet.migrations
    seconds = np.maximum(1.0, problem.cost / speed_of(migrations))
    limits = Limits.of(migrations)
    nobody = np.zeros(len(problem.home), np.bool_)
    while (goal != problem.home).any():
        route = in_order(Course(problem, goal, seconds, nobody, limits))
        lost = {each.machine for each in route.stuck}
        lost |= {leg.machine for leg in route.legs if leg.detour}
        if not lost:
            break
        goal = goal.copy()
        goal[sorted(lost)] = problem.home[sorted(lost)]
    if (goal == problem.home).all() or not is_better(problem, goal):
        return _Way(problem.home, Route())
    return _Way(goal, route)


def _steps(search: Search, way: _Way, desired: Desired, seen: Observed) -> Iterator[Step]:
    """The moves, with all that they need and what tidies up after them, each after what it needs."""
    needs = {leg.machine: tuple(way.route.legs[each].machine for each in leg.needs) for leg in way.route.legs}
    moves = {machine: _decision(search, machine, way.host, after) for machine, after in needs.items()}
    acts = {id(search.about[machine]): decision for machine, decision in moves.items()}
    decisions = [acts.get(id(each), each) for each in search.decisions]
    deeds = [
        Deed(decision.case.found.key, decision.verdict)
        for decision in moves.values()
        if isinstance(decision.verdict, Act)
    ]
    mends = mends_of((each.case for each in moves.values()), seen)
    work = Work(deeds, replicas_of(decisions, seen.sick), mends)
    return _after_needs(_concerning(steps_of(work, desired, seen)))


def _decision(search: Search, machine: int, host: Integers, after: Sequence[int]) -> Decision:
    """That a machine moves, and after whom."""
    state, target = search.seen[machine].state, search.board.sites[host[machine]].host
    cluster = search.desired.fleet.cluster(target.cluster)
    keys: tuple[InstanceKey, ...] = tuple(search.seen[each].state.key for each in after)
    terms = terms_of(search.desired.fleet, state, target)
    source = Lines(search.desired.written).of(CLUSTERS, f"{cluster.name}.policy")
    because = (Cause(f"{_WHY.get(cluster.policy, 'improves')} {cluster.name}", source),)
    return replace(
        search.about[machine], verdict=Act(Migrate(target.name, state.host, state, terms), because, keys)
    )


def _concerning(steps: Sequence[Step]) -> list[Step]:
    """The moves, all that they need, and the networks that nobody needs once they are over."""
    by_id = {step.id: step for step in steps}
    kept, todo = set[StepId](), [step.id for step in steps if isinstance(step.action, Migrate)]
    while todo:
        if (one := todo.pop()) not in kept:
            kept.add(one)
            todo.extend(by_id[one].needs)
    return [
        step
        for step in steps
        if step.id in kept
        or (isinstance(step.action, DropNetwork) and step.needs and kept.issuperset(step.needs))
    ]


def _after_needs(steps: Sequence[Step]) -> Iterator[Step]:
    """The same steps, in their order but for those that come after what they need."""
    waiting: Mapping[StepId, Step] = {step.id: step for step in steps}
    done: set[StepId] = set()
    while waiting:
        ready = [step for step in waiting.values() if done.issuperset(step.needs)]
        assert ready, "no step of a route needs itself"
        yield from ready
        done |= {step.id for step in ready}
        waiting = {name: step for name, step in waiting.items() if name not in done}


def _gain(problem: Problem, way: _Way) -> Gain:
    before, after = problem.home, way.host
    found = worth(problem, after)
    clusters = []
    for cluster in problem.clusters:
        ends = (before, after)
        own = [int((in_use(problem, end) & cluster.hosts).sum()) for end in ends]
        scores = [score(problem, cluster, end) for end in ends]
        exposed = [len(endangered(problem, end, cluster)) if cluster.spare else 0 for end in ends]
        pairs = (
            (scores[0], scores[1]),
            (own[0], own[1]),
            (exposed[0], exposed[1]),
        )
        clusters.append(ClusterGain(cluster.name, cluster.policy, *pairs))
    mib, seconds = round(found.moved_mib), round(way.route.seconds)
    moves = int(((after != before) & (before != NOWHERE)).sum())
    return Gain(tuple(clusters), moves, mib, seconds, found.emptied, "", proven=False)
