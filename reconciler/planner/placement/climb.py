"""Balance a cluster by the best move, and then the best swap, for as long as there is one: a hill-climb.

The square of what is taken makes each gain a few products of matrices: all machines by all hosts, and all
pairs of machines, are judged at once. Large clusters are climbed a part at a time: the machines of the
hosts that are most out of line, each time against all hosts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reconciler.planner.placement.objective import BROKEN, steepness
from reconciler.planner.placement.problem import NOWHERE, Cluster, Flags, Integers, Reals
from reconciler.planner.placement.stand import Stand

_AT_ONCE = 400_000
"""Machines × hosts, or pairs of machines, that are judged at once."""
_A_SECOND = 2e8
"""Judgements that cost about a second."""
_EACH_TIME = 50_000
"""What looking at anything at all costs besides, in judgements: small fleets come to an end as well."""
_NOTHING = 1e-9
"""No gain but rounding."""


@dataclass(slots=True)
class Budget:
    """What may still be spent: machines away from home, and work. ``least`` is what each move must gain."""

    moves: int
    least: float
    work: float

    def spend(self, judgements: int) -> None:
        """Count what was looked at."""
        self.work -= (_EACH_TIME + judgements) / _A_SECOND

    def moves_for_a_host(self, made: int) -> int:
        """How many more moves a host less is worth, it being worth 1, where so many are made already."""
        left = self.moves - made
        return left if self.least <= 0 else min(left, int(1 / self.least))


def away(stand: Stand) -> int:
    """How many machines are not where they were."""
    home = stand.problem.home
    return int(((home != NOWHERE) & (stand.host != home)).sum())


def climb(stand: Stand, cluster: Cluster, budget: Budget) -> None:
    """Improve a cluster's balance in place until nothing gains enough or the budget is spent."""
    steep = steepness(stand.problem, cluster)
    while budget.work > 0:
        gained = False
        for machines in _parts(stand, cluster, steep):
            slope = _Slope(stand, cluster, steep, machines)
            gained |= slope.moves(budget) > 0
            gained |= slope.swaps(budget) > 0
            if budget.work <= 0:
                return
        if not gained:
            return


def _parts(stand: Stand, cluster: Cluster, steep: Reals) -> list[Integers]:
    """The machines that may move, in parts small enough, each with those of hosts at both ends."""
    problem = stand.problem
    placed = (stand.host != NOWHERE) & problem.movable
    placed[placed] &= cluster.hosts[stand.host[placed]]
    movers = np.flatnonzero(placed)
    if not len(movers):
        return []
    width = max(1, min(_AT_ONCE // int(cluster.hosts.sum()), int(_AT_ONCE**0.5)))
    if len(movers) <= width:
        return [movers]
    heat = (stand.used**2 * steep).sum(axis=1)
    # The hottest and the coldest beside each other: they have most to give each other.
    order = np.argsort(-heat, kind="stable")
    order = order[cluster.hosts[order]]
    ends = np.empty_like(order)
    ends[0::2], ends[1::2] = order[: (len(order) + 1) // 2], order[::-1][: len(order) // 2]
    turn = np.empty(len(problem.hosts), np.int64)
    turn[ends] = np.arange(len(ends))
    movers = movers[np.argsort(turn[stand.host[movers]], kind="stable")]
    return [np.sort(movers[start : start + width]) for start in range(0, len(movers), width)]


class _Slope:
    """The machines of one part, and what each would gain elsewhere."""

    def __init__(self, stand: Stand, cluster: Cluster, steep: Reals, machines: Integers) -> None:
        self.stand, self.steep, self.machines = stand, steep, machines
        self.hosts = cluster.hosts
        self.need = stand.demand[machines].astype(np.float64)
        self.allowed = np.stack([self._row(int(machine)) for machine in machines])
        self.broken = np.zeros(self.allowed.shape)
        self.ruled = {int(each) for each in np.unique(stand.group[machines]) if stand.ruled(int(each))}
        self.soft = any(not rule.strict for rule in stand.problem.rules)
        for group in self.ruled if self.soft else ():
            self._weigh(np.flatnonzero(stand.group[machines] == group))

    def _row(self, machine: int) -> Flags:
        return self.stand.allowed(machine) & self.hosts

    def _weigh(self, rows: Integers) -> None:
        for row in rows.tolist():
            machine = int(self.machines[row])
            count = self.stand.broken(machine)
            self.broken[row] = BROKEN * (count - count[self.stand.host[machine]])

    def moves(self, budget: Budget) -> int:
        """Make the best move again and again; how many were made."""
        made = 0
        while budget.work > 0:
            gain, at = self._gains(), self.stand.host[self.machines]
            budget.spend(gain.size)
            home = self.stand.problem.home[self.machines]
            if away(self.stand) >= budget.moves:
                gain[at == home] = -np.inf
            row, to = divmod(int(gain.argmax()), gain.shape[1])
            if gain[row, to] < max(budget.least, _NOTHING):
                return made
            self._move(row, to)
            made += 1
        return made

    def _gains(self) -> Reals:
        """What each machine would gain on each host, -inf where it cannot go; (machines, H)."""
        stand, need, steep = self.stand, self.need, self.steep
        used, at = stand.used.astype(np.float64), stand.host[self.machines]
        leaves = ((2 * used[at] - need) * need * steep[at]).sum(axis=1)
        comes = need @ (2 * used * steep).T + need**2 @ steep.T
        gain = leaves[:, None] - comes - self.broken
        gain[~(self.allowed & _fitting(need, stand.free))] = -np.inf
        gain[np.arange(len(at)), at] = -np.inf
        return np.asarray(gain, np.float64)

    def _move(self, row: int, to: int) -> None:
        machine = int(self.machines[row])
        self.stand.move(machine, to)
        self._moved(int(self.stand.group[machine]))

    def _moved(self, group: int) -> None:
        """Somebody of a group has moved: where its neighbours may go is not what it was."""
        if group not in self.ruled:
            return
        near = self.stand.neighbours(group) & self.ruled
        rows = np.flatnonzero(np.isin(self.stand.group[self.machines], sorted(near)))
        for row in rows.tolist():
            self.allowed[row] = self._row(int(self.machines[row]))
        if self.soft:
            self._weigh(rows)

    def swaps(self, budget: Budget) -> int:
        """Make the best swap again and again; how many were made. Each is two moves."""
        made = 0
        while budget.work > 0:
            gain = self._swap_gains()
            budget.spend(4 * gain.size)
            gain[away(self.stand) + self._more_away() > budget.moves] = -np.inf
            if not self._best_swap(gain, max(2 * budget.least, _NOTHING)):
                return made
            made += 1
            made += self.moves(budget)
        return made

    def _more_away(self) -> Integers:
        """How many more machines would be away from home by each swap: none where one comes back."""
        at, home = self.stand.host[self.machines], self.stand.problem.home[self.machines]
        leaves = (at[None, :] != home[:, None]).astype(np.int64) - (at != home)[:, None]
        return np.asarray(leaves + leaves.T, np.int64)

    def _best_swap(self, gain: Reals, least: float) -> bool:
        """Make the best that keeps every rule; False where none gains enough."""
        while True:
            one, other = divmod(int(gain.argmax()), gain.shape[1])
            if gain[one, other] < least:
                return False
            if self._swapped(one, other):
                return True
            gain[one, other] = -np.inf

    def _swapped(self, one: int, other: int) -> bool:
        """Swap two; undone, and False, where a rule between groups does not have it."""
        stand = self.stand
        first, second = int(self.machines[one]), int(self.machines[other])
        here, there = int(stand.host[first]), int(stand.host[second])
        stand.move(first, there)
        may = bool(stand.allowed(second)[here])
        stand.move(second, here)
        if not may or not stand.allowed(first)[there] or not stand.allowed(second)[here]:
            stand.move(first, here)
            stand.move(second, there)
            return False
        for group in {int(stand.group[first]), int(stand.group[second])}:
            self._moved(group)
        return True

    def _swap_gains(self) -> Reals:
        """What each two would gain by changing places, -inf where they cannot; (machines, machines)."""
        stand, need, steep = self.stand, self.need, self.steep
        at = stand.host[self.machines]
        steep_at, used_at, free_at = steep[at], stand.used[at].astype(np.float64), stand.free[at]
        # With d = need[i] - need[j]: the host of i has d less, that of j has d more.
        slope = 2 * used_at * steep_at
        square = (need**2 * steep_at).sum(axis=1)
        one = square - (slope * need).sum(axis=1)
        loss_here = one[:, None] + (slope @ need.T) + steep_at @ (need**2).T - 2 * (steep_at * need) @ need.T
        gain = -(loss_here + loss_here.T)
        may = self.allowed[:, at]
        may &= may.T
        for resource in range(need.shape[1]):
            more = need[None, :, resource] - need[:, None, resource]
            fits = (more <= free_at[:, None, resource]) | (more <= 0)
            may &= fits & fits.T
        if self.soft:
            extra = self.broken[:, at]
            gain -= extra + extra.T
        gain[~may | (at[:, None] == at[None, :])] = -np.inf
        return np.asarray(np.triu(gain, 1) + np.tril(np.full(gain.shape, -np.inf)), np.float64)


def _fitting(need: Reals, free: Integers) -> Flags:
    """Which machine has room on which host, (machines, H)."""
    fits = np.ones((len(need), len(free)), np.bool_)
    for resource in range(need.shape[1]):
        amount = need[:, resource, None]
        fits &= (amount <= free[None, :, resource]) | (amount == 0)
    return fits
