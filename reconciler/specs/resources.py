"""Amounts of what hosts have and machines take."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

Devices = tuple[tuple[str, int], ...]
"""How many of each kind, by name and sorted; none that are none."""


def _plus(one: Devices, other: Devices, times: int) -> Devices:
    counts = dict(one)
    for name, count in other:
        counts[name] = counts.get(name, 0) + times * count
    return tuple(sorted((name, count) for name, count in counts.items() if count))


@dataclass(frozen=True, slots=True)
class Resources:
    """An amount of what a host has: whole CPUs, MiB of memory, MiB of disk, and of each kind of device how
    many, by name; of those that are not among them, none.
    """

    cpus: int = 0
    memory_mib: int = 0
    disk_mib: int = 0
    devices: Devices = ()

    def __add__(self, other: Resources) -> Resources:
        return Resources(
            self.cpus + other.cpus,
            self.memory_mib + other.memory_mib,
            self.disk_mib + other.disk_mib,
            _plus(self.devices, other.devices, 1) if other.devices else self.devices,
        )

    def __sub__(self, other: Resources) -> Resources:
        return Resources(
            self.cpus - other.cpus,
            self.memory_mib - other.memory_mib,
            self.disk_mib - other.disk_mib,
            _plus(self.devices, other.devices, -1) if other.devices else self.devices,
        )

    @staticmethod
    def total(amounts: Iterable[Resources]) -> Resources:
        """Sum of any number of amounts."""
        return sum(amounts, Resources())
