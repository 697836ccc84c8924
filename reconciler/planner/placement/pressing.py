"""Press the machines of one host into what room others have left, by exchanges.

A host that has a little room gets it filled, and what is left on the victim shrinks each time until nothing
is. So it goes on where no machine fits anywhere as it is. Where the room that is left is of no use, much of
one resource and none of another, other hosts make exchanges among themselves first.
"""

from __future__ import annotations

import numpy as np

from reconciler.planner.placement.climb import Budget
from reconciler.planner.placement.exchange import Exchanges, Sets
from reconciler.planner.placement.problem import Cluster, Integers, Reals
from reconciler.planner.placement.stand import Stand

_PARTNERS = 4
"""Hosts with which one makes an exchange to get more use out of its room."""
_IN_A_ROW = 8
"""Exchanges of one host before it is another one's turn."""


def press(stand: Stand, cluster: Cluster, victim: int, budget: Budget) -> bool:
    """Empty a host in place; False where it cannot be, or only with more moves than that is worth. What was
    moved until then is left where it is.
    """
    return _Press(stand, cluster, victim, budget).done()


class _Press:
    """One victim and the other hosts in use."""

    def __init__(self, stand: Stand, cluster: Cluster, victim: int, budget: Budget) -> None:
        self.stand, self.victim, self.budget = stand, victim, budget
        self.exchanges = Exchanges(stand, cluster, budget)
        others = self.exchanges.used.copy()
        others[victim] = False
        self.others = np.flatnonzero(others)
        self.room = np.maximum(1, stand.problem.room)

    def done(self) -> bool:
        """Fill the others for as long as the victim has less each time."""
        self._filled()
        while self._is_left() and self._evened() and self._filled():
            pass
        return not self._is_left()

    def _is_left(self) -> bool:
        return bool((self.stand.host == self.victim).any())

    def _filled(self) -> bool:
        """Fill the hosts that have room, those with the most first, over and over; whether anything came."""
        any_at_all = False
        while True:
            changed = False
            room = np.maximum(0, self.stand.free[self.others]) @ self.exchanges.price
            for place in np.argsort(-room, kind="stable").tolist():
                host = int(self.others[place])
                while room[place] > 0 and self.budget.work > 0 and self._is_left():
                    if not self.exchanges.made(self.victim, host, _less_here):
                        break
                    changed = any_at_all = True
            if not changed:
                return any_at_all

    def _evened(self) -> bool:
        """Let other hosts make exchanges so that there is room of all resources at once; whether any did."""
        made, scarce = False, int(self.exchanges.share.argmax())
        for place in np.argsort(-self._useless()[:, scarce], kind="stable").tolist():
            for _ in range(_IN_A_ROW):
                useless = self._useless()
                if useless[place, scarce] <= 0 or self.budget.work <= 0:
                    break
                lacking = int(useless[place].argmin())
                rich = np.argsort(-useless[:, lacking], kind="stable")[:_PARTNERS]
                if not any(self._is_evened(int(self.others[place]), int(self.others[each])) for each in rich):
                    break
                made = True
        return made

    def _useless(self) -> Reals:
        """The shares of the other hosts' room for which they have not as much of another resource."""
        share = np.maximum(0, self.stand.free[self.others]) / self.room[self.others]
        return np.asarray(share - share.min(axis=1, keepdims=True), np.float64)

    def _is_evened(self, host: int, other: int) -> bool:
        if host == other:
            return False

        def gain_of(comes: Sets, goes: Sets) -> Reals:
            before = self._useful(host, 0) + self._useful(other, 0)
            more = comes.need[:, None] - goes.need[None]
            return np.asarray(self._useful(host, -more) + self._useful(other, more) - before, np.float64)

        return self.exchanges.made(other, host, gain_of)

    def _useful(self, host: int, more: Integers | int) -> Reals:
        """The share of a host's room of which it has as much of everything, with ``more`` (…, R) free."""
        return np.asarray(((self.stand.free[host] + more) / self.room[host]).min(axis=-1), np.float64)


def _less_here(comes: Sets, goes: Sets) -> Reals:
    """What the victim has less."""
    return np.asarray(comes.weight[:, None] - goes.weight[None], np.float64)
