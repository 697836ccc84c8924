"""YAML nodes that keep their text and know where it was written.

Typing is left to the schema: a scalar is the text that was written, and whether it was plain.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from reconciler.errors import Fault, Position
from reconciler.specs.yaml.secrets import covered, secret_free, without_credentials, without_quotes

_LINE_BREAK = re.compile(
    "\r\n|[\n\r\x85\u2028\u2029]"
)  # those of YAML 1.1: lines are counted as the parser does
_WORD = re.compile(r"\w+")
_LONGEST_EXCERPT = 200
_LONGEST_LINE = 1000  # of which passwords are looked for
_UNPRINTABLE = re.compile(
    r"[^\t\x20-\x7e\xa0-\u200a\u2010-\u2027\u202f-\u205f\u2070-\ud7ff\ue000-\ufefe\uff00-\ufffd"
    r"\U00010000-\U000dffff\U000e1000-\U0010ffff]"
)


def printable(text: str) -> str:
    """Text of the same length that cannot take a terminal over, nor hide anything from a reader."""
    return _UNPRINTABLE.sub("\ufffd", text)


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A text file: ``name`` as faults show it, ``path`` absolute, ``lines`` without their ends.

    Of a ``private`` file no line is ever shown, and what is said of it must quote none.
    """

    name: str
    path: Path
    lines: tuple[str, ...]
    private: bool = False

    @staticmethod
    def of(name: str, path: Path, text: str, *, private: bool = False) -> Source:
        """A file from its whole text."""
        return Source(printable(name), path, tuple(_LINE_BREAK.split(text)), private)

    def at(self, line: int, column: int, *, width: int = 1, path: str = "") -> Place:
        """A place in this file; line and column count from 1."""
        return Place(self, line, column, width, path)


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is written, how wide it is, and which dotted field it is."""

    source: Source
    line: int
    column: int
    width: int
    path: str

    @property
    def position(self) -> Position:
        """File, line and column."""
        return Position(self.source.name, self.line, self.column)

    def fault(self, message: str, *, hint: str = "") -> Fault:
        """Say that something is wrong here."""
        line, shown = _line(self.source.lines, self.line), _line(_shown(self.source), self.line)
        here = slice(self.column - 1, self.column - 1 + self.width)
        path = self.path
        if line[here] != shown[here] and not self.source.private:
            message, hint, path = without_quotes(message), without_quotes(hint), secret_free(path)
        excerpt = without_credentials(shown[:_LONGEST_LINE])[:_LONGEST_EXCERPT]
        excerpt = printable(excerpt) if self.column <= _LONGEST_EXCERPT else ""
        width = max(1, min(self.width, len(excerpt) - self.column + 1))
        return Fault(
            self.position,
            without_credentials(message),
            path=printable(path.replace("\t", " ")),
            excerpt=excerpt,
            width=width,
            hint=without_credentials(hint),
        )

    def narrowed(self, offset: int, width: int = 1) -> Place:
        """So many characters, ``offset`` columns to the right."""
        return Place(self.source, self.line, self.column + offset, width, self.path)


def _line(lines: tuple[str, ...], number: int) -> str:
    return lines[number - 1] if number <= len(lines) else ""


@lru_cache(maxsize=16)
def _shown(source: Source) -> tuple[str, ...]:
    """The lines of a file as they may be shown: worked out once there is a fault in it."""
    return ("",) * len(source.lines) if source.private else covered(source.lines)


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
