"""Answer REBALANCE: the best fleet that a budget of moves can reach. A ``Scheduler``.

Of few ways the best is taken. Else a hill-climb for balance, emptying of hosts for consolidation, and then
CP-SAT where ortools is installed.
Each answer must break no strict rule that was kept before, and take away no headroom that a cluster asks
for: else the one before it stands, in the end the fleet as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from reconciler.planner.placement import solver
from reconciler.planner.placement.check import violations
from reconciler.planner.placement.climb import Budget, away, climb
from reconciler.planner.placement.emptying import empty_hosts
from reconciler.planner.placement.exhaustive import cheapest_first, every_way
from reconciler.planner.placement.judge import exposed
from reconciler.planner.placement.neighbourhoods import Pack, fewer_hosts, solve_whole
from reconciler.planner.placement.objective import broken, in_use, least_hosts, score
from reconciler.planner.placement.problem import Answer, Ask, Cluster, Integers, Policy, Problem
from reconciler.planner.placement.stand import Stand

GREEDY = "greedy"
CP_SAT = "CP-SAT"
ALL = "all ways"
AT_ONCE = 4096
"""Where there are no more ways than this, all of them are looked at."""


def opened(problem: Problem) -> Problem:
    """The same question with what speaks against a host said once: nothing comes to those that are closed.

    Who would rather be where it is than elsewhere (``rank``), or is let in by what is free at the time, is
    not moved for a policy's sake.
    """
    particular = np.array(
        [any((each.rank is not None, each.ranked, each.admits)) for each in problem.shapes], np.bool_
    )
    closed = np.zeros(len(problem.hosts), np.bool_) if problem.closed is None else problem.closed
    return replace(
        problem,
        shapes=tuple(replace(shape, allowed=shape.allowed & ~closed) for shape in problem.shapes),
        movable=problem.movable & ~particular[problem.shape] if len(problem.shapes) else problem.movable,
        closed=None,
    )


def rebalance(problem: Problem, ask: Ask) -> Answer:
    """Move what is movable where its cluster's policy gains by it."""
    return rebalance_by(solver.pack if solver.is_there() else None)(problem, ask)


def rebalance_by(pack: Pack | None, at_once: int = AT_ONCE) -> Callable[[Problem, Ask], Answer]:
    """The scheduler with that solver, or with none; it looks at all ways where there are so few."""

    def answer(problem: Problem, ask: Ask) -> Answer:
        host, proven, method = problem.home, True, GREEDY
        for cluster in problem.clusters:
            search = _Search(problem, cluster, ask, pack)
            found = search.best_of_all(host, at_once) or search.found(host)
            host, proven = found.host, proven and found.proven
            method = found.by if found.by != GREEDY else method
        return Answer(host, method, proven)

    return answer


class _Search:
    """One cluster's turn."""

    def __init__(self, problem: Problem, cluster: Cluster, ask: Ask, pack: Pack | None) -> None:
        self.problem, self.cluster, self.pack = problem, cluster, pack
        moves = len(problem.home) if ask.max_moves is None else ask.max_moves
        self.budget = Budget(moves, ask.min_gain, ask.effort)
        self.kept = set(violations(problem, problem.home))
        self.lost = self._lost(problem.home)

    def _lost(self, host: Integers) -> int:
        return exposed(self.problem, host, self.cluster) if self.cluster.spare else 0

    def found(self, host: Integers) -> Answer:
        """The best answer that may stand, from where the clusters before it have left the fleet."""
        if self.cluster.policy is Policy.FIXED:
            return Answer(host, GREEDY, proven=True)
        stand = Stand(self.problem, host)
        if self._balances:
            climb(stand, self.cluster, self.budget)
        else:
            empty_hosts(stand, self.cluster, self.budget)
            fewer_hosts(stand, self.cluster, self.budget)
        better = self._allowed(stand.host, host)
        if self._cost(better) > self._cost(host):
            better = host  # rules that are not strict may send machines round in a circle
        best = Answer(better, GREEDY, self._is_least(better))
        if self.pack is None or best.proven:
            return best
        return self._by_solver(best, self.pack)

    def best_of_all(self, host: Integers, most: int) -> Answer | None:
        """The best there is; None where there are too many ways to look at."""
        if self.cluster.policy is Policy.FIXED:
            return None
        ways = every_way(self.problem, self.cluster, host, most)
        if ways is None:
            return None
        soft = any(not rule.strict for rule in self.problem.rules)
        best, least = host, self._cost(host)
        for way in cheapest_first(self.problem, self.cluster, ways, self.budget):
            if not soft and (way == host).all():
                break
            if self._allowed(way, host) is way and (cost := self._cost(way)) < least:
                best, least = way, cost
                if not soft:
                    break
        return Answer(best, ALL, proven=True)

    @property
    def _balances(self) -> bool:
        return self.cluster.policy is Policy.BALANCE

    def _is_least(self, host: Integers) -> bool:
        if self._balances:
            return False
        used = int((in_use(self.problem, host) & self.cluster.hosts).sum())
        return used <= least_hosts(self.problem, self.cluster, host)

    def _by_solver(self, best: Answer, pack: Pack) -> Answer:
        stand, proven = Stand(self.problem, best.host), False
        whole = solve_whole(stand, self.cluster, self.budget, pack)
        if whole is not None:
            proven = whole.proven
        elif not self._balances:
            proven = fewer_hosts(stand, self.cluster, self.budget, pack)
        host = self._allowed(stand.host, best.host)
        if host is best.host or self._cost(host) >= self._cost(best.host):
            return replace(best, proven=proven and host is not best.host, by=CP_SAT if proven else best.by)
        return Answer(host, CP_SAT, proven)

    def _cost(self, host: Integers) -> tuple[int, float]:
        moves = away(Stand(self.problem, host))
        each = max(self.budget.least, 1e-9)
        return broken(self.problem, host), score(self.problem, self.cluster, host) + each * moves

    def _allowed(self, host: Integers, otherwise: Integers) -> Integers:
        if not set(violations(self.problem, host)) <= self.kept or self._lost(host) > self.lost:
            return otherwise
        return host
