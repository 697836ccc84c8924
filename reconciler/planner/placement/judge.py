"""Judge what a scheduler answers to REBALANCE: it is never believed, whoever made it."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.errors import SchedulerFailed
from reconciler.planner.placement.check import Violation, violations
from reconciler.planner.placement.headroom import endangered
from reconciler.planner.placement.objective import broken, score
from reconciler.planner.placement.problem import (
    NOWHERE,
    Answer,
    Ask,
    Cluster,
    Flags,
    Integers,
    Policy,
    Problem,
    Scheduler,
)

_ROUNDING = 1e-9


def judged(problem: Problem, ask: Ask, scheduler: Scheduler) -> Answer:
    """A scheduler's answer, once nothing speaks against it. Raises SchedulerFailed where something does."""
    answer = scheduler(problem, ask)
    if fault := fault_of(problem, ask, answer.host):
        raise SchedulerFailed(answer.by, fault)
    return answer


def fault_of(problem: Problem, ask: Ask, host: Integers) -> str:
    """What is wrong with an assignment (N,) as an answer to REBALANCE; empty where nothing is."""
    return next(_faults(problem, ask, host), "")


def _faults(problem: Problem, ask: Ask, host: Integers) -> Iterator[str]:
    """Each kind is looked for only once the ones before it are ruled out."""
    if host.shape != problem.home.shape:
        yield f"it has {host.size} places for {problem.home.size} machines"
    if ((host < NOWHERE) | (host >= len(problem.hosts))).any():
        yield "it names a host that there is not"
    moved = host != problem.home
    stuck = moved & ((problem.home == NOWHERE) | (host == NOWHERE) | ~problem.movable)
    if stuck.any():
        yield f"it moves {_name(problem, stuck)}, which is not to be moved"
    if ask.max_moves is not None and moved.sum() > ask.max_moves:
        yield f"it makes {int(moved.sum())} moves where {ask.max_moves} are allowed"
    for cluster in problem.clusters:
        leaves = moved & (cluster.hosts[problem.home] != cluster.hosts[host])
        if leaves.any():
            yield f"it moves {_name(problem, leaves)} out of its cluster"
        fixed = moved & cluster.hosts[host]
        if cluster.policy is Policy.FIXED and fixed.any():
            yield f"it moves {_name(problem, fixed)} in a cluster that is fixed"
    for worse in sorted(set(violations(problem, host)) - set(violations(problem, problem.home))):
        yield f"it breaks a rule: {_told(problem, worse)}"
    for cluster in problem.clusters:
        if cluster.spare and exposed(problem, host, cluster) > exposed(problem, problem.home, cluster):
            yield f"it takes away the reserve of cluster {cluster.name}"


def is_better(problem: Problem, host: Integers) -> bool:
    """Whether an assignment is worth more than staying: no rule, no reserve and no policy loses by it."""
    if fault_of(problem, Ask(), host) or broken(problem, host) > broken(problem, problem.home):
        return False
    before, after = (
        [score(problem, cluster, each) for cluster in problem.clusters] for each in (problem.home, host)
    )
    return broken(problem, host) < broken(problem, problem.home) or (
        all(new <= old + _ROUNDING for new, old in zip(after, before, strict=True))
        and sum(after) < sum(before) - _ROUNDING
    )


def exposed(problem: Problem, host: Integers, cluster: Cluster) -> int:
    """How many machines the death of one host or another would leave without a place."""
    return sum(map(len, endangered(problem, host, cluster).values()))


def _name(problem: Problem, which: Flags) -> str:
    return problem.names[int(which.argmax())] if problem.names else "a machine"


def _told(problem: Problem, violation: Violation) -> str:
    who = (
        "" if violation.machine == NOWHERE or not problem.names else f" of {problem.names[violation.machine]}"
    )
    return f"{violation.rule}{who} on {problem.hosts[violation.host]}"
