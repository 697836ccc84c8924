"""Whether a cloud-config can be used: one mapping, and readable when a guest's seed is made.

It may hold secrets: what is said of it quotes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml

from reconciler.errors import Fault
from reconciler.specs.files import CLOUD_CONFIG
from reconciler.specs.yaml.compose import LOADER, MOST_ALIASED, place_of
from reconciler.specs.yaml.source import Place, Source
from reconciler.specs.yaml.syntax import syntax_fault

_DEEPEST = 100
_UNREADABLE = "this cannot be read: a tag, key, date or number that is none, or an anchor written twice"


def check_cloud_config(source: Source) -> Iterator[Fault]:
    """Why a file is no cloud-config."""
    if source.lines[0].rstrip() != CLOUD_CONFIG:
        yield source.at(1, 1, width=len(source.lines[0])).fault(
            f"a cloud-config begins with the line {CLOUD_CONFIG}"
        )
        return
    text = "\n".join(source.lines)
    try:
        faults = list(_not_one_mapping(source, text))
    except yaml.YAMLError as error:
        faults = [syntax_fault(source, error)]
    yield from faults or _not_data(source, text)


def _not_one_mapping(source: Source, text: str) -> Iterator[Fault]:
    depth, roots, weights = 0, 0, _Weights()
    for event in yaml.parse(text, Loader=LOADER):
        if isinstance(event, yaml.NodeEvent) and depth == 0:
            roots += 1
            if not isinstance(event, yaml.MappingStartEvent) or roots > 1:
                yield place_of(event, source).fault("a cloud-config is one mapping")
                return
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            yield place_of(event, source).fault(f"nested more than {_DEEPEST} levels deep")
            return
        if problem := weights.problem_with(event):
            yield place_of(event, source).fault(problem)
            return
    if roots == 0:
        yield source.at(1, 1, width=len(CLOUD_CONFIG)).fault(
            "a cloud-config is one mapping, this one is empty"
        )


def _not_data(source: Source, text: str) -> Iterator[Fault]:
    try:
        # The loader of cloud-init and of the seed, which is stricter than the quick one.
        yaml.safe_load(text)
    except (yaml.scanner.ScannerError, yaml.parser.ParserError) as error:
        yield syntax_fault(source, error)
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        yield _marked(source, error).fault(_UNREADABLE)


def _marked(source: Source, error: Exception) -> Place:
    mark = error.problem_mark or error.context_mark if isinstance(error, yaml.MarkedYAMLError) else None
    return source.at(mark.line + 1, mark.column + 1) if mark else source.at(1, 1)


@dataclass(slots=True)
class _Weights:
    """How many nodes what is anchored unfolds to: a few lines of aliases can be billions."""

    anchored: dict[str, int] = field(default_factory=dict)
    unfolded: int = 0
    _open: list[str | None] = field(default_factory=list)
    _begun: list[int] = field(default_factory=list)
    _nodes: int = 0

    def problem_with(self, event: yaml.Event) -> str:
        """Enter the next event; what is wrong with it, or nothing."""
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self.anchored:
                return "this alias refers to nothing above it, or to what it is inside of"
            self._nodes += self.anchored[event.anchor]
            self.unfolded += self.anchored[event.anchor]
        elif isinstance(event, yaml.CollectionStartEvent):
            self._open.append(event.anchor)
            self._begun.append(self._nodes)
            self._nodes += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            self._anchor(self._open.pop(), self._begun.pop())
        elif isinstance(event, yaml.ScalarEvent):
            self._nodes += 1
            self._anchor(event.anchor, self._nodes - 1)
        return (
            f"its aliases unfold to more than {MOST_ALIASED} values" if self.unfolded > MOST_ALIASED else ""
        )

    def _anchor(self, name: str | None, before: int) -> None:
        if name is not None:
            self.anchored[name] = self._nodes - before
