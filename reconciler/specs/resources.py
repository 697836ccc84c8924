"""Amounts of what hosts have and machines take."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

Devices = tuple[tuple[str, int], ...]
"""How many of each kind, by name and sorted; none that are none."""
_IN_POOL = "pool:"
"""No device is called so."""


def kind_of(pool: str) -> str:
    """The kind as which MiB in a storage pool of that name are counted."""
    return f"{_IN_POOL}{pool}"


def pool_in(kind: str) -> str | None:
    """The storage pool of which a kind counts the MiB; None where it counts devices."""
    return kind.removeprefix(_IN_POOL) if kind.startswith(_IN_POOL) else None


def _plus(one: Devices, other: Devices, times: int) -> Devices:
    counts = dict(one)
    for name, count in other:
        counts[name] = counts.get(name, 0) + times * count
    return tuple(sorted((name, count) for name, count in counts.items() if count))


@dataclass(frozen=True, slots=True)
class Resources:
    """An amount of what a host has: whole CPUs, MiB of memory, MiB of disk, and of each kind of device how
    many, by name; of those that are not among them, none.

    ``disk_mib`` is of the pool in which images lie. MiB of any other are counted as devices (``kind_of``).
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

    @property
    def pooled(self) -> Devices:
        """What it counts of other storage pools, by kind."""
        return tuple([each for each in self.devices if pool_in(each[0]) is not None])

    @property
    def all_disk_mib(self) -> int:
        """MiB of disk in all pools together."""
        return self.disk_mib + sum([mib for _, mib in self.pooled]) if self.devices else self.disk_mib

    @staticmethod
    def on_disk(sizes: Iterable[tuple[str, int]]) -> Resources:
        """MiB of disks, each given as its pool (empty: the one in which images lie) and its size."""
        own, others = 0, dict[str, int]()
        for pool, mib in sizes:
            if pool:
                others[kind_of(pool)] = others.get(kind_of(pool), 0) + mib
            else:
                own += mib
        return Resources(disk_mib=own, devices=tuple(sorted(each for each in others.items() if each[1])))

    @staticmethod
    def total(amounts: Iterable[Resources]) -> Resources:
        """Sum of any number of amounts."""
        return sum(amounts, Resources())
