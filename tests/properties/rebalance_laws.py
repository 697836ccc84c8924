"""The laws of a rebalance: what holds of every answer, ours or a stranger's that was let through."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import product
from types import ModuleType

import numpy as np
from hypothesis import strategies as st

from reconciler.errors import SchedulerFailed
from reconciler.planner.placement.check import violations
from reconciler.planner.placement.headroom import endangered
from reconciler.planner.placement.judge import exposed
from reconciler.planner.placement.objective import broken, score
from reconciler.planner.placement.problem import (
    NOWHERE,
    Answer,
    Ask,
    Cluster,
    Integers,
    Policy,
    Problem,
    Question,
)
from tests.properties.broken import PACKAGE, Line
from tests.properties.courses import courses


@dataclass(frozen=True)
class Case:
    """A fleet, what is asked of it, and what a scheduler that knows nothing would answer."""

    problem: Problem
    ask: Ask
    junk: Integers


_FEW = 512
"""Ways that are gone through one after the other."""
Modules = Mapping[str, ModuleType]
Law = Callable[[Modules, Case], None]
IMPROVE, JUDGE = f"{PACKAGE}.placement.improve", f"{PACKAGE}.placement.judge"


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Small fleets with every rule, one or two clusters of any policy, with and without a reserve."""
    problem = draw(courses(growing=False)).problem
    luck = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    hosts, count = len(problem.hosts), len(problem.home)
    first = np.arange(hosts) < draw(st.sampled_from((hosts, max(1, hosts // 2))))
    clusters = tuple(
        Cluster(f"c{number}", own, draw(st.sampled_from(tuple(Policy))), draw(st.sampled_from((0, 1, 1))))
        for number, own in enumerate((first, ~first))
        if own.any()
    )
    # A machine may only be on hosts of one cluster: whoever is nowhere is asked for by none.
    rules = tuple(replace(rule, strict=bool(luck.random() < 0.7)) for rule in problem.rules)
    problem = replace(
        problem,
        clusters=clusters,
        rules=rules,
        movable=(luck.random(count) < 0.9) & (problem.home != NOWHERE),
    )
    moves = draw(st.sampled_from((None, 0, 1, 2)))
    problem = replace(problem, room=problem.room * draw(st.sampled_from((1, 1, 1, 2))))
    moving, to = draw(st.sampled_from((0.1, 0.2, 0.4))), draw(st.integers(1, hosts))
    junk = np.where(luck.random(count) < moving, luck.integers(0, to, count), problem.home)
    return Case(problem, Ask(Question.REBALANCE, moves, 0.001, effort=0.02), junk)


def _answer(modules: Modules, case: Case, at_once: int = 0) -> Integers:
    """The search's, or where ``at_once`` has it so that of all ways."""
    found: Answer = modules[IMPROVE].rebalance_by(None, at_once)(case.problem, case.ask)
    return found.host


def _let_through(modules: Modules, case: Case) -> Integers:
    """What a scheduler that knows nothing says, or else all as it was."""
    try:
        found: Answer = modules[JUDGE].judged(
            case.problem, case.ask, lambda _problem, _ask: Answer(case.junk, "junk")
        )
    except SchedulerFailed:
        return case.problem.home
    return found.host


def never_worse(modules: Modules, case: Case) -> None:
    """No cluster's score loses but for a soft rule's sake, and no soft rule for a policy's."""
    problem = case.problem
    hosts = [_answer(modules, case)]
    if modules[JUDGE].is_better(problem, case.junk):
        hosts.append(case.junk)
    for host in hosts:
        assert broken(problem, host) <= broken(problem, problem.home)
        if broken(problem, host) == broken(problem, problem.home):
            for cluster in problem.clusters:
                assert score(problem, cluster, host) <= score(problem, cluster, problem.home) + 1e-9


def rules_are_kept(modules: Modules, case: Case) -> None:
    """No strict rule is broken that was not, room among them."""
    for host in (_answer(modules, case), _let_through(modules, case)):
        assert set(violations(case.problem, host)) <= set(violations(case.problem, case.problem.home))


def the_reserve_is_kept(modules: Modules, case: Case) -> None:
    """No death of a host costs more than before, in the clusters that ask for it."""
    _keeps_the_reserve(case.problem, _answer(modules, case))


def strangers_keep_the_reserve(modules: Modules, case: Case) -> None:
    """The same of an answer that is not ours."""
    _keeps_the_reserve(case.problem, _let_through(modules, case))


def _keeps_the_reserve(problem: Problem, host: Integers) -> None:
    for cluster in problem.clusters:
        if cluster.spare:
            was, now = (
                sum(map(len, endangered(problem, each, cluster).values())) for each in (problem.home, host)
            )
            assert now <= was


def no_more_moves_than_allowed(modules: Modules, case: Case) -> None:
    """And none of who is not to be moved, nor out of a cluster, nor in one that is fixed."""
    problem = case.problem
    for host in (_answer(modules, case), _let_through(modules, case)):
        moved = host != problem.home
        assert case.ask.max_moves is None or moved.sum() <= case.ask.max_moves
        assert not (moved & ~problem.movable).any()
        for cluster in problem.clusters:
            leaves = moved & (cluster.hosts[problem.home] != cluster.hosts[host])
            assert not leaves.any()
            assert cluster.policy is not Policy.FIXED or not (moved & cluster.hosts[host]).any()


def the_same_again(modules: Modules, case: Case) -> None:
    """The same question has the same answer, and what was moved for a gain is not moved back for one."""
    host = _answer(modules, case)
    assert (host == _answer(modules, case)).all()
    if case.ask.max_moves is None:
        again = Case(replace(case.problem, home=host), case.ask, case.junk)
        before = sum(score(case.problem, each, host) for each in case.problem.clusters)
        after = sum(score(case.problem, each, _answer(modules, again)) for each in case.problem.clusters)
        assert after <= before + 1e-9


def as_brute_force(modules: Modules, case: Case) -> None:
    """Where all ways can be gone through, none is better than the one that is found."""
    problem, ask = case.problem, case.ask
    movers = np.flatnonzero(problem.movable).tolist()
    if len(problem.clusters) > 1 or len(problem.hosts) ** len(movers) > _FEW:
        return
    (cluster,) = problem.clusters
    if cluster.policy is Policy.FIXED:
        return

    def cost(host: Integers) -> tuple[int, float]:
        moves = int((host != problem.home).sum())
        return broken(problem, host), round(score(problem, cluster, host) + ask.min_gain * moves, 6)

    def stands(host: Integers) -> bool:
        if ask.max_moves is not None and (host != problem.home).sum() > ask.max_moves:
            return False
        if not set(violations(problem, host)) <= set(violations(problem, problem.home)):
            return False
        return not cluster.spare or exposed(problem, host, cluster) <= exposed(problem, problem.home, cluster)

    ways = []
    for where in product(range(len(problem.hosts)), repeat=len(movers)):
        host = problem.home.copy()
        host[movers] = where
        if stands(host):
            ways.append(cost(host))
    found = _answer(modules, case, _FEW)
    assert stands(found)
    assert cost(found) == min(ways)


LAWS: tuple[Law, ...] = (
    as_brute_force,
    never_worse,
    rules_are_kept,
    the_reserve_is_kept,
    strangers_keep_the_reserve,
    no_more_moves_than_allowed,
    the_same_again,
)

MUTANTS: tuple[tuple[str, Law, Line], ...] = (
    (
        "the first way is good enough",
        as_brute_force,
        Line("placement.exhaustive", "for number in order.tolist()", "for number in order.tolist()[:1]"),
    ),
    (
        "what a move must gain is not counted",
        as_brute_force,
        Line("placement.exhaustive", " + max(budget.least, 1e-9) * moved.sum(axis=1)"),
    ),
    (
        "a policy may buy a soft rule",
        never_worse,
        Line(
            "placement.judge",
            " or broken(problem, host) > broken(problem, problem.home):",
            ":",
        ),
    ),
    (
        "a stranger's answer is believed",
        rules_are_kept,
        Line("placement.judge", "if fault := fault_of(problem, ask, answer.host):", "if fault := '':"),
    ),
    (
        "nobody looks at rules between machines",
        rules_are_kept,
        Line("placement.judge", "sorted(after - before)", "sorted(after - after)"),
    ),
    (
        "a stranger may take the reserve",
        strangers_keep_the_reserve,
        Line(
            "placement.judge",
            "if cluster.spare and exposed(problem, host, cluster) >",
            "if False and exposed(problem, host, cluster) >",
        ),
    ),
    (
        "a balance may take the reserve",
        the_reserve_is_kept,
        Line("placement.improve", " or self._lost(host) > self.lost"),
    ),
    (
        "one move too many",
        no_more_moves_than_allowed,
        Line("placement.judge", "moved.sum() > ask.max_moves", "moved.sum() > ask.max_moves + 1"),
    ),
    (
        "hosts are emptied whatever it takes",
        no_more_moves_than_allowed,
        Line("placement.climb", "left = self.moves - made", "left = self.moves"),
    ),
    (
        "who is not to be moved is",
        no_more_moves_than_allowed,
        Line("placement.judge", " | ~problem.movable)\n", ")\n"),
    ),
    (
        "a stranger may move who is in a fixed cluster",
        no_more_moves_than_allowed,
        Line("placement.judge", "if cluster.policy is Policy.FIXED and", "if False and"),
    ),
    (
        "luck is asked",
        the_same_again,
        Line(
            "placement.improve",
            "host, proven, method = problem.home, True, GREEDY",
            "return Answer(np.random.default_rng().permutation(problem.home), GREEDY)",
        ),
    ),
)
