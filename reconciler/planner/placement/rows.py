"""Amounts as rows of numbers: what is counted, and in which order.

A pool that hosts share is counted apart from the disk of hosts that have one of their own. Its own machines
take nothing of it wherever they run, and everybody else takes their disks where they come to one of its
hosts. Of what a host does not have in that way it has plenty, so that nobody is kept from it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

import numpy as np

from reconciler.planner.placement.ledger import Ledger
from reconciler.planner.placement.problem import Integers
from reconciler.specs.desired import Machine, Resources

RESOURCES = ("cpus", "memory_mib", "disk_mib")
"""They come first; then each kind of device and of pool by its name, then each pool that hosts share."""
DISK = RESOURCES.index("disk_mib")


@dataclass(frozen=True, slots=True)
class Rows:
    """What is counted: ``kinds`` as in ``Resources.devices``, ``pools`` that are shared. Nobody takes more
    than ``plenty``.
    """

    kinds: tuple[str, ...]
    pools: tuple[str, ...]
    plenty: int

    @staticmethod
    def of(ledger: Ledger, machines: Iterable[Machine], plenty: int) -> Rows:
        """Every kind of device that a host has, every kind that a machine takes, every pool."""
        counted = chain(
            (site.host.devices for site in ledger.sites), (machine.resources.devices for machine in machines)
        )
        found = (ledger.pool(site.name) for site in ledger.sites)
        return Rows(
            tuple(sorted({name for each in counted for name, _ in each})),
            tuple(sorted({pool for pool in found if pool is not None})),
            plenty,
        )

    @property
    def names(self) -> tuple[str, ...]:
        """What each number is of."""
        return (*RESOURCES, *self.kinds, *(f"disk_mib of {pool}" for pool in self.pools))

    def taken(self, amount: Resources, home: str | None = None) -> Integers:
        """What a machine takes as a row, (R,); its disks are in the pool ``home`` already."""
        return self._row(amount, [0 if pool == home else amount.disk_mib for pool in self.pools])

    def room(self, amount: Resources, pool: str | None) -> Integers:
        """What a host has as a row, (R,); its disk is that of a pool that it shares, or its own."""
        row = self._row(amount, [self.plenty] * len(self.pools))
        if pool is not None:
            # Nobody can mend by moving within it that more is given out than there is.
            row[self.disk_of(pool)] = max(0, amount.disk_mib)
            row[DISK] = self.plenty
        return row

    def disk_of(self, pool: str | None) -> int:
        """The number of what a host has of disk."""
        if pool is None:
            return DISK
        return len(RESOURCES) + len(self.kinds) + self.pools.index(pool)

    def weights(self, shared: bool) -> tuple[float, ...]:
        """What each counts for where the policy is to balance; all the same where empty.

        Who has devices is not spread for their sake, nor is anybody over hosts that ``shared`` their disk.
        """
        if not (self.kinds or self.pools):
            return ()
        return (1.0, 1.0, 0.0 if shared else 1.0, *[0.0] * (len(self.kinds) + len(self.pools)))

    def _row(self, amount: Resources, pools: list[int]) -> Integers:
        devices = dict(amount.devices)
        plain = [amount.cpus, amount.memory_mib, amount.disk_mib]
        return np.array([*plain, *(devices.get(kind, 0) for kind in self.kinds), *pools], np.int64)
