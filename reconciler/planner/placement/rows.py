"""Amounts as rows of numbers: what is counted, and in which order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain

import numpy as np

from reconciler.planner.placement.ledger import Site
from reconciler.planner.placement.problem import Integers
from reconciler.specs.desired import Machine, Resources

RESOURCES = ("cpus", "memory_mib", "disk_mib")
"""They come first; then each kind of device by its name."""


def device_kinds(sites: Iterable[Site], machines: Iterable[Machine]) -> tuple[str, ...]:
    """Every kind that a host has or a machine takes."""
    counted = chain((site.host.devices for site in sites), (machine.devices for machine in machines))
    return tuple(sorted({name for each in counted for name, _ in each}))


def row_of(amount: Resources, kinds: Sequence[str]) -> Integers:
    """An amount as a row, (R,)."""
    plain = [amount.cpus, amount.memory_mib, amount.disk_mib]
    if not kinds:
        return np.array(plain, np.int64)
    devices = dict(amount.devices)
    return np.array([*plain, *(devices.get(kind, 0) for kind in kinds)], np.int64)
