"""Desired as columns of JSON and back: each value once, so that it is quick to read, and shared as before.

Values of one kind that mention others in the same fields make a block: the number of the kind, the fields
that mention others, and a column for each field. What is mentioned has a number: they are counted over all
blocks, from 1, for 0 is the empty tuple. Blocks come after those they mention, the whole is the last value.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields
from enum import Enum
from itertools import starmap
from operator import attrgetter
from typing import Any, NamedTuple

from reconciler.errors import Position
from reconciler.specs import desired, guest, health, limits, placement, scheduling, written

Block = Sequence[Any]

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
    limits.DeleteBudget,
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
"""What is written in a column as it is."""


def pack(value: desired.Desired) -> str:
    """The blocks, as one JSON list."""
    packing = _Packing()
    packing.of(value)
    return json.dumps(packing.blocks(), separators=(",", ":"))


def unpack(blocks: Sequence[Block]) -> desired.Desired:
    """What was packed. Raises ValueError, TypeError or LookupError for anything else."""
    known: list[object] = [()]
    for kind, mentions, *columns in blocks:
        for number in mentions:
            columns[number] = [known[each] for each in columns[number]]
        values = zip(*columns, strict=True)
        known.extend(values if kind == _TUPLE else starmap(KINDS[kind - 1], values))
    whole = known[-1]
    if not isinstance(whole, desired.Desired):
        raise TypeError(f"these are the blocks of a {type(whole).__name__}")
    return whole


class _Form(NamedTuple):
    """What the values of a block have in common; ``depth`` is more than that of all they mention."""

    depth: int
    kind: int
    mentions: tuple[int, ...]
    width: int


_EMPTY = _Form(0, _TUPLE, (), 0)


@dataclass(slots=True)
class _Packing:
    rows: list[Sequence[object]] = field(default_factory=lambda: [()])
    """The fields of each value; what is mentioned by its number in this list."""
    forms: list[_Form] = field(default_factory=lambda: [_EMPTY])
    _by_value: dict[object, int] = field(default_factory=lambda: {(_TUPLE, (), ()): 0})
    _by_identity: dict[int, int] = field(default_factory=dict)
    """Of values that are alive as long as the whole is."""

    def of(self, value: object) -> int:
        """The number of a value."""
        known = self._by_identity.get(id(value))
        if known is None:
            known = self._by_identity[id(value)] = self._found(value)
        return known

    def _found(self, value: object) -> int:
        kind, parts = _apart(value)
        # 1, 1.0 and True are equal, and not the same.
        types = tuple(map(type, parts))
        row: tuple[Any, ...] = tuple([each if type(each) in _PLAIN else self.of(each) for each in parts])
        number = self._by_value.setdefault((kind, types, row), len(self.rows))
        if number == len(self.rows):
            mentions = tuple([place for place, each in enumerate(types) if each not in _PLAIN])
            depth = 1 + max([self.forms[row[place]].depth for place in mentions], default=0)
            self.rows.append(row)
            self.forms.append(_Form(depth, kind, mentions, len(row)))
        return number

    def blocks(self) -> Iterable[Block]:
        """All of it, in the order in which it can be read."""
        by_form: dict[_Form, list[int]] = {}
        for number, form in enumerate(self.forms):
            by_form.setdefault(form, []).append(number)
        ordered = sorted(by_form.items())
        places = {each: place for place, each in enumerate(each for _, found in ordered for each in found)}
        blocks = []
        for form, numbers in ordered[1:]:
            columns = list(zip(*[self.rows[each] for each in numbers], strict=True))
            for place in form.mentions:
                columns[place] = tuple([places[each] for each in columns[place]])
            blocks.append([form.kind, form.mentions, *columns])
        return blocks


def _apart(value: object) -> tuple[int, Sequence[object]]:
    """The number of its kind, and its fields."""
    if isinstance(value, tuple):
        return _TUPLE, value
    kind = type(value)
    return _NUMBERS[kind], (value.value,) if isinstance(value, Enum) else _READERS[kind](value)


def _reader(kind: type) -> Callable[[object], Sequence[object]]:
    """What reads all fields of a kind at once."""
    names = [each.name for each in fields(kind)]
    read = attrgetter(*names)
    return read if len(names) > 1 else lambda value: (read(value),)


_READERS = {kind: _reader(kind) for kind in KINDS if not issubclass(kind, Enum)}
