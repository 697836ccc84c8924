"""Desired as rows of JSON and back: each value once, so that it is quick to read and what is shared stays so.

A row is the number of a kind and its fields; what is itself a row is written as ``[its number]``. Rows
come after those they mention, the whole is the last one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields
from enum import Enum
from operator import attrgetter
from typing import Any

from reconciler.errors import Position
from reconciler.specs import desired, guest, health, limits, placement, scheduling, written

Row = Sequence[Any]

KINDS: tuple[type, ...] = (
    Position,
    desired.Resources,
    desired.InstanceKey,
    desired.OnDelete,
    desired.Disk,
    desired.NicKind,
    desired.Nic,
    desired.Segment,
    desired.ImageFormat,
    desired.ImageUse,
    desired.Machine,
    desired.Form,
    desired.Instance,
    desired.ImagePart,
    desired.Image,
    desired.Scheme,
    desired.Connect,
    desired.Hypervisor,
    desired.Overcommit,
    desired.Host,
    desired.Cluster,
    desired.DeleteBudget,
    desired.Fleet,
    desired.ServiceNames,
    desired.Desired,
    guest.Interface,
    guest.Peer,
    guest.GuestContext,
    health.TcpCheck,
    health.HttpCheck,
    health.AgentCheck,
    health.ConsoleCheck,
    health.HealthCheck,
    health.Order,
    health.OnFailure,
    health.UpdatePolicy,
    limits.MigrationLimits,
    placement.Policy,
    placement.Evict,
    placement.Affinity,
    placement.Spread,
    placement.Placement,
    scheduling.OnScheduler,
    scheduling.Question,
    scheduling.OwnScheduler,
    written.Written,
)
"""All that is anywhere in ``Desired``; a test walks its annotations."""

_TUPLE = 0
_NUMBERS = {kind: number for number, kind in enumerate(KINDS, start=1)}
_PLAIN = frozenset((type(None), str, int, float, bool))
"""What is written in a row as it is."""


def pack(value: desired.Desired) -> str:
    """The rows, as one JSON list."""
    packing = _Packing()
    packing.of(value)
    return f"[{','.join(packing.rows)}]"


def unpack(rows: Sequence[Row]) -> desired.Desired:
    """What was packed. Raises ValueError, TypeError or LookupError for anything else."""
    makers: tuple[Callable[..., object], ...] = (lambda *values: values, *KINDS)
    known: list[object] = []
    for number, *values in rows:
        known.append(
            makers[number](*[known[each[0]] if type(each) is list else each for each in values]),
        )
    whole = known[-1]
    if not isinstance(whole, desired.Desired):
        raise TypeError(f"these are the rows of a {type(whole).__name__}")
    return whole


@dataclass(slots=True)
class _Packing:
    rows: list[str] = field(default_factory=list)
    _by_text: dict[str, int] = field(default_factory=dict)
    _by_identity: dict[int, list[int]] = field(default_factory=dict)
    """Of values that are alive as long as the whole is."""

    def of(self, value: object) -> list[int]:
        """The number of a value's row, as it is written in another."""
        known = self._by_identity.get(id(value))
        if known is None:
            text = json.dumps(self._row(value))
            number = self._by_text.setdefault(text, len(self.rows))
            if number == len(self.rows):
                self.rows.append(text)
            known = self._by_identity[id(value)] = [number]
        return known

    def _row(self, value: object) -> Row:
        number, parts = _apart(value)
        return [number, *[each if type(each) in _PLAIN else self.of(each) for each in parts]]


def _apart(value: object) -> tuple[int, Iterable[object]]:
    """The number of its kind, and its fields."""
    if isinstance(value, tuple):
        return _TUPLE, value
    kind = type(value)
    return _NUMBERS[kind], (value.value,) if isinstance(value, Enum) else _READERS[kind](value)


def _reader(kind: type) -> Callable[[object], Iterable[object]]:
    """What reads all fields of a kind at once."""
    names = [each.name for each in fields(kind)]
    read = attrgetter(*names)
    return read if len(names) > 1 else lambda value: (read(value),)


_READERS = {kind: _reader(kind) for kind in KINDS if not issubclass(kind, Enum)}
