"""From text to nodes, within bounds: size, nesting, what aliases unfold to; no tags, no merge keys.

The parser's events are read one by one, so that a hostile file is refused before it costs anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml

from reconciler.errors import Fault
from reconciler.specs.yaml.nodes import Entry, Mapping, Node, Scalar, Sequence
from reconciler.specs.yaml.source import Place, Source
from reconciler.specs.yaml.syntax import syntax_fault

DEEPEST = 20
"""Levels of nesting, aliases unfolded."""
MOST_ALIASED = 10_000
"""Nodes that the aliases of one file may unfold to."""

_NO_KEY = "quote what begins with '{', '[' or '?'; templates are not rendered"

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Composed:
    """The documents of one file. ``complete`` is False where the reading stopped before its end."""

    documents: tuple[Node, ...]
    faults: tuple[Fault, ...]
    complete: bool = True


class _Stop(Exception):
    """The rest of the file is not worth reading."""


@dataclass(frozen=True, slots=True)
class _Anchor:
    """An anchored node (None while it is being read), how many nodes and levels it holds."""

    node: Node | None
    size: int = 0
    height: int = 0


def compose(source: Source) -> Composed:
    """Read every document of a file; faults never stop the documents before them."""
    composer = _Composer(source)
    documents: list[Node] = []
    try:
        for document in composer.documents():
            documents.append(document)
    except yaml.YAMLError as error:
        composer.faults.append(syntax_fault(source, error))
    except _Stop:
        pass
    else:
        return Composed(tuple(documents), tuple(composer.faults), complete=not composer.lost)
    return Composed(tuple(documents), tuple(composer.faults), complete=False)


def _is_one_line(event: yaml.Event) -> bool:
    start, end = event.start_mark, event.end_mark
    return start is not None and end is not None and start.line == end.line


def place_of(event: yaml.Event, source: Source, path: str = "") -> Place:
    """Where a node begins; its width is that of its first line."""
    start, end = event.start_mark, event.end_mark
    if start is None or end is None:
        raise AssertionError("the parser always marks its events")
    width = end.column - start.column if end.line == start.line else len(source.lines[start.line])
    return Place(source, start.line + 1, start.column + 1, max(1, width), path)


@dataclass(slots=True)
class _Composer:
    source: Source
    faults: list[Fault] = field(default_factory=list)
    lost: bool = False
    """Something was left out of a document."""
    _anchors: dict[str, _Anchor] = field(default_factory=dict)
    _aliased: int = 0
    _size: int = 0
    _deepest: int = 0

    def documents(self) -> Iterator[Node]:
        text = "\n".join(self.source.lines)
        events: Iterator[yaml.Event] = yaml.parse(text, Loader=LOADER)
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                self._anchors, lost, self.lost = {}, self.lost, False
                node = self._node(events, next(events), "", 1)
                # A document with a hole is not judged: its faults would be about the hole.
                if node is not None and not self.lost:
                    yield node
                self.lost = self.lost or lost

    def _node(self, events: Iterator[yaml.Event], event: yaml.Event, path: str, depth: int) -> Node | None:
        place = place_of(event, self.source, path)
        if depth > DEEPEST:
            self._stop(place, f"nested more than {DEEPEST} levels deep")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event.anchor or "", place, depth)
        if getattr(event, "tag", None) is not None:
            self._lose(place, "tags ('!') are not supported", hint="types are known: drop the tag")
        anchor, before, outer = getattr(event, "anchor", None), self._size, self._deepest
        if anchor:
            self._anchors[anchor] = _Anchor(None)
        self._size, self._deepest = self._size + 1, depth
        node = self._content(events, event, place, depth)
        if anchor:
            self._anchors[anchor] = _Anchor(node, self._size - before, self._deepest - depth)
        self._deepest = max(outer, self._deepest)
        return node

    def _content(self, events: Iterator[yaml.Event], event: yaml.Event, place: Place, depth: int) -> Node:
        if isinstance(event, yaml.ScalarEvent):
            return Scalar(place, event.value, plain=event.style in (None, ""), one_line=_is_one_line(event))
        if isinstance(event, yaml.SequenceStartEvent):
            return Sequence(place, tuple(self._items(events, place.path, depth)))
        return Mapping(place, self._entries(events, place.path, depth))

    def _items(self, events: Iterator[yaml.Event], path: str, depth: int) -> Iterator[Node]:
        index = 0
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            item = self._node(events, event, f"{path}[{index}]", depth + 1)
            if item is not None:
                yield item
            index += 1

    def _entries(self, events: Iterator[yaml.Event], path: str, depth: int) -> dict[str, Entry]:
        entries: dict[str, Entry] = {}
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            before = len(self.faults)
            key = self._node(events, event, path, depth + 1)
            name = key.text if isinstance(key, Scalar) else ""
            below = f"{path}.{name}" if path else name
            value = self._node(events, next(events), below, depth + 1)
            if key is not None and not isinstance(key, Scalar):
                del self.faults[before:]  # one fault is enough for what was meant as no key at all
                self._lose(key.place, "a key must be text", hint=_NO_KEY)
            if value is None or not isinstance(key, Scalar):
                continue
            place = place_of(event, self.source, below)  # of an alias: its own
            if self._is_usable(key, place, entries):
                entries[name] = Entry(place, value)
        return entries

    def _is_usable(self, key: Scalar, place: Place, entries: dict[str, Entry]) -> bool:
        if key.plain and key.text == "<<":
            self._lose(place, "merge keys ('<<') are not supported", hint="use the service's 'defaults'")
            return False
        if (first := entries.get(key.text)) is not None:
            line = first.key.line
            self.faults.append(place.fault(f"{key.text!r} is written twice: first in line {line}"))
            return False
        return True

    def _alias(self, name: str, place: Place, depth: int) -> Node | None:
        anchor = self._anchors.get(name)
        if anchor is None:
            self._lose(place, f"'*{name}' refers to nothing: there is no '&{name}' above")
            return None
        if anchor.node is None:
            self._lose(place, f"'*{name}' is inside of what it refers to")
            return None
        self._aliased += anchor.size
        self._size += anchor.size
        if self._aliased > MOST_ALIASED:
            self._stop(place, f"the aliases of this file unfold to more than {MOST_ALIASED} values")
        self._deepest = max(self._deepest, depth + anchor.height)
        if self._deepest > DEEPEST:
            self._stop(place, f"nested more than {DEEPEST} levels deep")
        return anchor.node

    def _lose(self, place: Place, message: str, *, hint: str = "") -> None:
        self.lost = True
        self.faults.append(place.fault(message, hint=hint))

    def _stop(self, place: Place, message: str) -> None:
        self.faults.append(place.fault(message))
        raise _Stop
