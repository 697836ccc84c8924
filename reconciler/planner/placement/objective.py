"""What an assignment is worth: the terms in which one is better than another, and the bounds of the best.

In this order: machines placed, by priority; soft rules kept; the policy of each cluster; and, among
equals, little to move. A move may never buy the policy a soft rule.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from reconciler.planner.placement.check import violations
from reconciler.planner.placement.problem import (
    NOWHERE,
    Cluster,
    Flags,
    Integers,
    Policy,
    Problem,
    Reals,
    Rule,
)
from reconciler.planner.placement.stand import demands, used

BROKEN = 10.0
"""What a broken soft rule costs. No single move gains a policy as much: a host's whole part is 1."""


@dataclass(frozen=True, slots=True)
class Worth:
    """An assignment in numbers; ``score`` is the policy's of all clusters, smaller is better.

    ``placed`` has the number of machines with a place by priority, the largest first. ``moves`` and
    ``moved_mib`` count from the homes, ``broken`` the machines that break a soft rule, ``emptied`` names
    hosts that were in use and are no more.
    """

    placed: tuple[tuple[int, int], ...]
    broken: int
    score: float
    moves: int
    moved_mib: float
    used_hosts: int
    emptied: tuple[str, ...]


def worth(problem: Problem, host: Integers) -> Worth:
    """What an assignment (N,) is worth, worked out from nothing."""
    placed = Counter(
        problem.shapes[problem.shape[machine]].priority for machine in np.flatnonzero(host != NOWHERE)
    )
    moved = (problem.home != NOWHERE) & (host != problem.home) & (host != NOWHERE)
    before, after = in_use(problem, problem.home), in_use(problem, host)
    return Worth(
        tuple(sorted(placed.items(), reverse=True)),
        broken(problem, host),
        sum(score(problem, cluster, host) for cluster in problem.clusters),
        int(moved.sum()),
        float(problem.cost[moved].sum()),
        int(after.sum()),
        tuple(problem.hosts[at] for at in np.flatnonzero(before & ~after)),
    )


def in_use(problem: Problem, host: Integers) -> Flags:
    """Which hosts have a machine, (H,)."""
    return np.bincount(host[host != NOWHERE], minlength=len(problem.hosts)) > 0


def broken(problem: Problem, host: Integers) -> int:
    """How many times a machine breaks a rule that is not strict."""
    soft = tuple(rule for rule in problem.rules if not rule.strict)
    if not soft:
        return 0
    return sum(entry.machine != NOWHERE for entry in violations(_with_rules(problem, soft), host)) - sum(
        entry.machine != NOWHERE for entry in violations(_with_rules(problem, ()), host)
    )


def _with_rules(problem: Problem, rules: tuple[Rule, ...]) -> Problem:
    from dataclasses import replace

    return replace(problem, rules=tuple(replace(rule, strict=True) for rule in rules))


def score(problem: Problem, cluster: Cluster, host: Integers) -> float:
    """A cluster's policy in one number, smaller is better.

    Balance: over its hosts, the weighted mean of its resources' squared utilisation, a host's part by its
    share of the room (so that the best is the same share of each). Consolidate: the hosts that are used.
    """
    if cluster.policy is Policy.CONSOLIDATE:
        return float((in_use(problem, host) & cluster.hosts).sum())
    if cluster.policy is Policy.FIXED:
        return 0.0
    taken = used(problem, host).astype(np.float64)
    return float((taken**2 * steepness(problem, cluster)).sum())


def steepness(problem: Problem, cluster: Cluster) -> Reals:
    """By what the square of an amount taken is multiplied for the balance, (H, R); 0 outside the cluster.

    A resource that a host has nothing of is not looked at there.
    """
    room = np.maximum(problem.room, 0).astype(np.float64) * cluster.hosts[:, None]
    own = max(1, int(cluster.hosts.sum()))
    mean = np.maximum(room.sum(axis=0) / own, 1e-9)
    weights = np.array(cluster.weights or (1.0,) * len(problem.resources))
    with np.errstate(divide="ignore"):
        per_unit = np.where(room > 0, 1.0 / (room * mean), 0.0)
    return np.asarray(per_unit * (weights / max(weights.sum(), 1e-9)), np.float64)


def least_hosts(problem: Problem, cluster: Cluster, host: Integers) -> int:
    """No fewer hosts of a cluster can be used: the fewest, by each resource alone, that hold everybody.

    The aggregate bound: rules, shapes and the other resources are left out.
    """
    there = (host != NOWHERE) & cluster.hosts[np.maximum(host, 0)]
    need = demands(problem)[there].sum(axis=0)
    least = 1 if there.any() else 0
    room = np.sort(np.maximum(problem.room[cluster.hosts], 0), axis=0)[::-1].cumsum(axis=0)
    for resource, amount in enumerate(need.tolist()):
        if amount > 0 and len(room) and room[-1, resource] >= amount:
            least = max(least, int(np.searchsorted(room[:, resource], amount)) + 1)
    stuck = in_use(problem, np.where(there & ~problem.movable, host, NOWHERE))
    return max(least, int(stuck.sum()))
