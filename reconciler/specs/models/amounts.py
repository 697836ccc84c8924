"""Numbers and sizes in the models, with their bounds."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from reconciler.specs import quantities
from reconciler.specs.disks import DEFAULT_POOL
from reconciler.specs.models.base import Name, Parsed, Spec, quoted, refuse, text_like

MOST_CPUS = 4096


def whole(least: int, most: int) -> Parsed:
    """A whole number in plain digits, within bounds."""

    def parse(text: str) -> int:
        try:
            number = quantities.parse_whole(text)
        except quantities.NotAnAmount as error:
            raise refuse(str(error), error.hint) from None
        if not least <= number <= most:
            raise refuse(f"expected a whole number from {least} to {most}, got {number}")
        return number

    schema = {"type": "integer", "minimum": least, "maximum": most}
    return Parsed(parse, schema, wanted="a whole number", plain=True)


def _size(text: str) -> int:
    try:
        return quantities.parse_size(text)
    except quantities.NotAnAmount as error:
        raise refuse(str(error), error.hint) from None


def duration(least: int = 0) -> Parsed:
    """Whole seconds, from a text such as 2m."""

    def parse(text: str) -> int:
        try:
            seconds = quantities.parse_duration(text)
        except quantities.NotAnAmount as error:
            raise refuse(str(error), error.hint) from None
        if seconds < least:
            raise refuse(f"expected at least {quantities.write_duration(least)}, got {text}")
        return seconds

    schema = {"type": "string", "pattern": quantities.DURATION_PATTERN}
    return Parsed(parse, schema, wanted="a time such as 30s")


def _factor(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,6})?", text):
        raise refuse(f"expected a factor such as 1.5, got {quoted(text)}")
    if not 0.1 <= float(text) <= 100:
        raise refuse(f"expected a factor from 0.1 to 100, got {text}")
    return float(text)


MemorySize = Annotated[
    int, Parsed(_size, {"type": "string", "pattern": quantities.SIZE_PATTERN}, wanted="a size such as 8GiB")
]
"""MiB, from a text such as 8GiB."""
DiskSize = MemorySize
Cpus = Annotated[int, whole(1, MOST_CPUS)]
Factor = Annotated[
    float, Parsed(_factor, {"type": "number", "minimum": 0.1, "maximum": 100}, wanted="a factor", plain=True)
]


DeviceCount = Annotated[int, whole(1, 1024)]


def _device(text: str) -> str:
    if text in ("cpu", "cpus", "memory", "disk"):
        raise refuse(f"{quoted(text)} is no device: it is counted by itself", "devices are such as gpu: 1")
    return text


DeviceName = Annotated[Name, AfterValidator(_device)]


def _other_pool(text: str) -> str:
    if text == DEFAULT_POOL:
        raise refuse(f"the pool {DEFAULT_POOL!r} is counted as disk", f"write disk in place of {text}")
    return text


PoolName = Annotated[
    str,
    text_like(
        r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$",
        "the name of a storage pool",
        "use letters, digits, '_', '.' and '-'",
    ),
]
_Pools = dict[Annotated[PoolName, AfterValidator(_other_pool)], DiskSize]
"""By name, those beside the one in which images lie."""


class Capacity(Spec):
    """All that a host has."""

    cpus: Cpus
    memory: MemorySize
    disk: DiskSize
    pools: _Pools = Field(default_factory=dict)


class Reserve(Spec):
    """What is kept back on a host."""

    cpus: Annotated[int, whole(0, MOST_CPUS)] = 0
    memory: MemorySize | None = None
    disk: DiskSize | None = None
    pools: _Pools = Field(default_factory=dict)


class MachineSize(Spec):
    """What a machine gets."""

    cpus: Cpus
    memory: MemorySize
