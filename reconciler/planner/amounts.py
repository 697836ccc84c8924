"""Amounts as people write them."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.specs.desired import Resources
from reconciler.specs.resources import pool_in

_UNITS = ((1024 * 1024, "TiB"), (1024, "GiB"))
_POOL = "pool "
"""No device is called so."""


def mib(amount: int) -> str:
    """MiB as text in the largest unit that is exact: ``8 GiB``, ``1536 MiB``."""
    for factor, unit in _UNITS:
        if amount and amount % factor == 0:
            return f"{amount // factor} {unit}"
    return f"{amount} MiB"


def parts(amount: Resources) -> Mapping[str, int]:
    """Everything that is counted, by the names in which people are told of it."""
    plain = {"memory": amount.memory_mib, "cpus": amount.cpus, "disk": amount.disk_mib}
    return plain | {_told(kind): count for kind, count in amount.devices}


def _told(kind: str) -> str:
    return kind if (pool := pool_in(kind)) is None else f"{_POOL}{pool}"


def is_disk(name: str) -> bool:
    """Whether one of the parts is of disks, in whichever pool."""
    return name == "disk" or name.startswith(_POOL)


def _in_mib(name: str) -> bool:
    return name == "memory" or is_disk(name)


def some(name: str, amount: int) -> str:
    """So much of one of the parts: ``8 GiB of memory``, ``4 CPUs``, ``1 gpu``, ``1 TiB of pool fast``."""
    if _in_mib(name):
        return f"{mib(amount)} of {name}"
    return f"{amount} CPUs" if name == "cpus" else f"{amount} {name}"


def less(name: str, amount: int) -> str:
    """So much less of it: ``2 GiB less memory``, ``1 CPU less``."""
    if is_disk(name) and name != "disk":
        return f"{mib(amount)} less of {name}"
    if _in_mib(name):
        return f"{mib(amount)} less {name}"
    plural = "" if amount == 1 else "s"
    return f"{amount} CPU{plural} less" if name == "cpus" else f"{amount} {name} less"


def bare(name: str, amount: int) -> str:
    """The amount without what it is of: ``8 GiB``, ``4``."""
    return mib(amount) if _in_mib(name) else str(amount)
