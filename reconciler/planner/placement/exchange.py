"""Let a few machines of two hosts change places: one or two come, and none, one or two go back.

All exchanges of two hosts are judged at once; the best that breaks no rule is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from reconciler.planner.placement.climb import Budget, away
from reconciler.planner.placement.objective import in_use
from reconciler.planner.placement.problem import Cluster, Integers, Reals
from reconciler.planner.placement.stand import Stand

_MOST = 32
"""Machines of a host that are looked at."""
_ALIKE = 2
"""Of those, so many of one shape: no more of them move at once."""
_TRIES = 6
"""The best exchanges between two hosts that are tried before they are left."""
_SHARPNESS = 8
"""How much more a resource counts that is nearly all taken: its share to that power."""
LEAST = 1e-6
"""What an exchange must gain, a host being worth about 1. A machine more at home decides among equals."""


@dataclass(frozen=True, slots=True)
class Sets:
    """Sets of at most two machines of a host: their places in ``machines`` (-1: none), (S, 2), and what they
    take, (S, R); ``weight`` is what that counts, ``away`` how many fewer would be at home, both (S,).
    """

    machines: Integers
    places: Integers
    need: Integers
    weight: Reals
    away: Integers

    def members(self, number: int) -> list[int]:
        """The machines of one set."""
        return [int(self.machines[place]) for place in self.places[number] if place >= 0]


Gain = Callable[[Sets, Sets], Reals]
"""What it gains that one set comes and another goes back, (sets that come, sets that go)."""


class Exchanges:
    """The exchanges between hosts of a cluster, for as many moves as a host less is worth."""

    def __init__(self, stand: Stand, cluster: Cluster, budget: Budget) -> None:
        self.stand, self.budget = stand, budget
        self.used = in_use(stand.problem, stand.host) & cluster.hosts
        room = np.maximum(0, stand.problem.room[self.used])
        self.share = np.minimum(1.0, stand.used[self.used].sum(axis=0) / np.maximum(1, room.sum(axis=0)))
        self.price = self.share**_SHARPNESS / np.maximum(1, room.max(axis=0, initial=1))
        self.left = budget.moves_for_a_host(away(stand))

    def made(self, host: int, to: int, gain_of: Gain) -> bool:
        """Make the best exchange in which somebody of one host goes to another; False where none gains."""
        comes, goes = self._sets(host, to), self._sets(to, host, nobody=True)
        if not len(comes.places):
            self.budget.spend(0)
            return False
        gain = gain_of(comes, goes)
        self.budget.spend(8 * gain.size)
        more_away = comes.away[:, None] + goes.away[None, :]
        may = (gain > LEAST) & (more_away <= self.left)
        for resource, (free, room) in enumerate(zip(self.stand.free[to], self.stand.free[host], strict=True)):
            more = comes.need[:, resource, None] - goes.need[None, :, resource]
            may &= (more <= max(0, free)) & (-more <= max(0, room))
        gain = np.where(may, gain - LEAST * more_away, -np.inf)
        for _ in range(_TRIES):
            one, other = divmod(int(gain.argmax()), gain.shape[1])
            if gain[one, other] == -np.inf:
                return False
            moves = dict.fromkeys(comes.members(one), to) | dict.fromkeys(goes.members(other), host)
            if self._moved(moves):
                self.left -= int(more_away[one, other])
                return True
            gain[one, other] = -np.inf
        return False

    def _sets(self, host: int, to: int, *, nobody: bool = False) -> Sets:
        """The sets of machines that may go from a host to another; ``nobody`` may be one of them."""
        machines = self._who(host, to)
        count, none = len(machines), np.full((1, 2), -1)
        singles = np.stack([np.arange(count), np.full(count, -1)], axis=1)
        pairs = np.stack(np.triu_indices(count, 1), axis=1)
        places = np.concatenate([*([none] if nobody else []), singles, pairs])
        home = self.stand.problem.home[machines]
        # The last one is nobody, and what it takes is nothing.
        need = np.vstack([self.stand.demand[machines], np.zeros((1, self.stand.demand.shape[1]), np.int64)])
        more = np.append((home == host).astype(np.int64) - (home == to), 0)
        taken = need[places].sum(axis=1)
        return Sets(machines, places, taken, taken @ self.price, more[places].sum(axis=1))

    def _who(self, host: int, to: int) -> Integers:
        """Machines of a host that another one would take, few of a shape and not too many."""
        stand, problem = self.stand, self.stand.problem
        there = np.flatnonzero((stand.host == host) & problem.movable)
        # Who is away from home goes first.
        there = there[np.argsort(problem.home[there] == host, kind="stable")]
        count: dict[int, int] = {}
        found = []
        for machine in there.tolist():
            shape = int(problem.shape[machine])
            count[shape] = count.get(shape, 0) + 1
            if count[shape] <= _ALIKE and self._would_take(to, machine):
                found.append(machine)
        size = stand.demand[found] @ self.price
        by_size = np.array(found, np.int64)[np.argsort(-size, kind="stable")]
        some = np.linspace(0, len(by_size) - 1, min(len(by_size), _MOST)).astype(np.int64)
        return np.asarray(by_size[some], np.int64)

    def _would_take(self, host: int, machine: int) -> bool:
        """Whether it breaks no rule there, and no more of those that are not strict than where it is."""
        stand = self.stand
        if not stand.ruled(int(stand.group[machine])):
            return bool(stand.problem.shapes[stand.problem.shape[machine]].allowed[host])
        broken = stand.broken(machine)
        return bool(stand.allowed(machine)[host] and broken[host] <= broken[stand.host[machine]])

    def _moved(self, moves: Mapping[int, int]) -> bool:
        """Move some at once; undone, and False, where a rule between groups does not have it."""
        stand, before = self.stand, {machine: int(self.stand.host[machine]) for machine in moves}
        ruled = [machine for machine in moves if stand.ruled(int(stand.group[machine]))]
        broken = self._broken(ruled)
        for machine, to in moves.items():
            stand.move(machine, to)
        keeps = all(stand.allowed(machine)[moves[machine]] for machine in ruled)
        if keeps and self._broken(ruled) <= broken:
            return True
        for machine, back in before.items():
            stand.move(machine, back)
        return False

    def _broken(self, machines: Iterable[int]) -> int:
        """How many rules that are not strict they break where they are."""
        return sum(int(self.stand.broken(machine)[self.stand.host[machine]]) for machine in machines)
