"""Plan what makes a fleet that runs better: the moves that its clusters' policies gain by, and nothing else.

A scheduler says where, its answer is judged and the moves are put in an order in which no strict rule is
broken on the way; who finds no way there stays. It is done as a whole only where it is a gain as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from reconciler.actions import DropNetwork, Migrate
from reconciler.plan import Basis, Cause, Plan, Step, only, with_needs
from reconciler.planner.decide import Decision, board_of, in_place
from reconciler.planner.hold_time import told_of_held, without_held
from reconciler.planner.ordering.course import Limits
from reconciler.planner.ordering.deeds import Deed
from reconciler.planner.ordering.mending import mends_of
from reconciler.planner.ordering.steps import Work, steps_of
from reconciler.planner.placement.builtin import built_in
from reconciler.planner.placement.headroom import endangered
from reconciler.planner.placement.improve import opened
from reconciler.planner.placement.judge import is_better, judged
from reconciler.planner.placement.objective import in_use, score, worth
from reconciler.planner.placement.pooled import within_pools
from reconciler.planner.placement.problem import NOWHERE, Ask, Policy, Problem, Question, Scheduler
from reconciler.planner.placement.turns import Turns
from reconciler.planner.replicas import replicas_of
from reconciler.planner.routing import Routed, routed
from reconciler.planner.scope import sorted_desired, sorted_observed
from reconciler.planner.settle import Search, Sought
from reconciler.planner.surging import staffed
from reconciler.planner.verdicts import Act, Make
from reconciler.specs.desired import Desired, InstanceName
from reconciler.specs.fingerprint import digest_of
from reconciler.specs.written import CLUSTERS, Lines
from reconciler.state import Observed

MIN_GAIN = 0.001
"""What a move must gain of a score in which a host that is filled, or is in use, counts 1."""
_EFFORT = 20.0
_WHY = {Policy.BALANCE: "balances", Policy.CONSOLIDATE: "empties hosts of"}


@dataclass(frozen=True, slots=True)
class Rebalance:
    """How many moves are allowed (None: any number), what each must gain, and who stays until when."""

    max_moves: int | None = None
    min_gain: float = MIN_GAIN
    held: Mapping[InstanceName, datetime] = field(default_factory=dict)


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
    search.carries = False  # nobody is switched off for a gain
    movable = opened(search.problem)
    problem = without_held(movable, asked.held)
    ask = Ask(Question.REBALANCE, asked.max_moves, asked.min_gain, _EFFORT)
    answer = judged(problem, ask, scheduler)
    limits = Limits.of(desired.fleet.migrations)
    host = within_pools(problem, answer.host, board.ledger)
    search.routed = routed(problem, host, search.forecast, limits, straight=True)
    if not is_better(problem, search.routed.host):
        search.routed = Routed(problem.home)
    steps = tuple(_concerning(_steps(search, desired, seen)))
    notes = (*answer.notes, *told_of_held(movable, asked.held))
    if answer.host.tolist() != search.routed.host.tolist():
        notes = (*notes, "some moves were left out: there is no way there, or none that is a gain")
    gain = replace(_gain(problem, search.routed), by=answer.by, proven=answer.proven, notes=notes)
    return Rebalanced(Plan(basis, steps, unknown=seen.unknown), gain)


def _steps(search: Search, desired: Desired, seen: Observed) -> tuple[Step, ...]:
    """The moves, with all that a plan has beside them."""
    moves = {machine: _decision(search, machine) for machine in search.routed.needs}
    acts = {id(search.about[machine]): decision for machine, decision in moves.items()}
    decisions = [acts.get(id(each), each) for each in search.decisions]
    deeds = [
        Deed(decision.case.found.key, decision.verdict)
        for decision in moves.values()
        if isinstance(decision.verdict, Act)
    ]
    mends = mends_of((each.case for each in moves.values()), seen, desired)
    order = search.board.neighbours.order
    return steps_of(Work(order, deeds, replicas_of(decisions, seen.sick), mends), desired, seen)


def _decision(search: Search, machine: int) -> Decision:
    """That a machine moves, and after whom."""
    host = int(search.routed.host[machine])
    cluster = search.desired.fleet.cluster(search.board.sites[host].host.cluster)
    source = Lines(search.desired.written).of(CLUSTERS, f"{cluster.name}.policy")
    why = Cause(f"{_WHY.get(cluster.policy, 'improves')} {cluster.name}", source)
    act = search.move(machine, host, why, search.routed.needs[machine])
    return replace(search.about[machine], verdict=act)


def _concerning(steps: Sequence[Step]) -> tuple[Step, ...]:
    """The moves, all that they need, and the networks that nobody needs once they are over."""
    kept = with_needs(steps, [step.id for step in steps if isinstance(step.action, Migrate)])
    drops = (step for step in steps if isinstance(step.action, DropNetwork) and step.needs)
    return only(steps, kept | {step.id for step in drops if kept.issuperset(step.needs)})


def _gain(problem: Problem, way: Routed) -> Gain:
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
    mib, seconds = round(found.moved_mib), round(way.seconds)
    moves = int(((after != before) & (before != NOWHERE)).sum())
    return Gain(tuple(clusters), moves, mib, seconds, found.emptied, "", proven=False)
