"""YAML nodes that keep their text and know where it was written.

Typing is left to the schema: a scalar is the text that was written, and whether it was plain.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from reconciler.specs.yaml.source import Place

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Scalar:
    """Text as written; ``plain`` where it was not quoted, ``one_line`` where offsets are columns."""

    place: Place
    text: str
    plain: bool
    one_line: bool = True

    def inside(self, offset: int) -> Place:
        """Place of the word or character at ``offset`` of the text, as well as it can be told."""
        if not self.one_line:
            return self.place
        word = _WORD.match(self.text, offset)
        return self.place.narrowed(offset if self.plain else offset + 1, len(word.group()) if word else 1)


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    place: Place
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """A key's place, and its value."""

    key: Place
    value: Node


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys as text, in the order written."""

    place: Place
    entries: dict[str, Entry]

    def text(self, key: str) -> str | None:
        """Text under a key, or None where there is none or it is no text."""
        entry = self.entries.get(key)
        return entry.value.text if entry and isinstance(entry.value, Scalar) else None

    def mapping(self, key: str) -> Mapping | None:
        """Mapping under a key, or None where there is none or it is no mapping."""
        entry = self.entries.get(key)
        return entry.value if entry and isinstance(entry.value, Mapping) else None

    def without(self, key: str) -> Mapping:
        """All but one key."""
        return Mapping(self.place, {name: entry for name, entry in self.entries.items() if name != key})

    def with_value(self, key: str, value: Node) -> Mapping:
        """Another value under a key that is there."""
        return Mapping(self.place, {**self.entries, key: Entry(self.entries[key].key, value)})


Node = Scalar | Sequence | Mapping


class Quoted(str):
    """Text that was quoted, and so is no number and no truth value."""

    __slots__ = ()


def to_data(node: Node) -> object:
    """Plain dicts, lists and text, for pydantic."""
    match node:
        case Scalar(text=text, plain=plain):
            return text if plain else Quoted(text)
        case Sequence(items=items):
            return [to_data(item) for item in items]
        case Mapping(entries=entries):
            return {key: to_data(entry.value) for key, entry in entries.items()}


def merged(base: Node, over: Node) -> Node:
    """``over`` on top of ``base``: mappings key by key, everything else replaced."""
    if not (isinstance(base, Mapping) and isinstance(over, Mapping)):
        return over
    entries = {
        key: Entry(entry.key, merged(base.entries[key].value, entry.value)) if key in base.entries else entry
        for key, entry in over.entries.items()
    }
    # The component's own keys come first: what it says is where faults of the whole should point.
    return Mapping(
        over.place, {**entries, **{key: e for key, e in base.entries.items() if key not in entries}}
    )


def scalars(node: Node) -> Iterator[Scalar]:
    """Every scalar value in a tree."""
    match node:
        case Scalar():
            yield node
        case Sequence(items=items):
            for item in items:
                yield from scalars(item)
        case Mapping(entries=entries):
            for entry in entries.values():
                yield from scalars(entry.value)


@dataclass(frozen=True, slots=True)
class Found:
    """The nearest thing to a path: ``key`` where it is under one, and whether all of it is there."""

    node: Node
    key: Place | None
    exact: bool


def find(root: Node, path: tuple[int | str, ...]) -> Found:
    """Walk as far along a path as the tree goes. A list's item may be named by its text."""
    node, key = root, None
    for part in path:
        match node:
            case Mapping(entries=entries) if part in entries:
                key, node = entries[str(part)].key, entries[str(part)].value
            case Sequence(items=items) if isinstance(part, int) and part < len(items):
                key, node = None, items[part]
            case Sequence(items=items) if named := _named(items, part):
                key, node = None, named
            case Scalar(text=text) if text == part:
                return Found(node, None, exact=True)
            case Scalar() | Mapping() if part == 0:
                pass  # the short form of a list of one
            case _:
                return Found(node, key, exact=False)
    return Found(node, key, exact=True)


def _named(items: tuple[Node, ...], part: int | str) -> Scalar | None:
    return next((item for item in items if isinstance(item, Scalar) and item.text == part), None)
