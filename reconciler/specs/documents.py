"""From files to documents of the right shape, each still with its nodes."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Generic, TypeVar

from reconciler.errors import Fault
from reconciler.specs.files import CLOUD_CONFIG, real
from reconciler.specs.models.base import Spec
from reconciler.specs.models.component import DefaultsModel
from reconciler.specs.models.document import Heading, Kind
from reconciler.specs.models.fleet import FleetModel
from reconciler.specs.models.image import ImageModel
from reconciler.specs.models.service import ServiceModel
from reconciler.specs.templates import OPENING
from reconciler.specs.validation import Checked, check
from reconciler.specs.yaml.compose import Composed, compose
from reconciler.specs.yaml.nodes import Entry, Found, Mapping, Node, Scalar, find, merged, scalars
from reconciler.specs.yaml.source import Place, Source

M = TypeVar("M", bound=Spec)
_ENVIRONMENT = re.compile(r"(?:defaults|components\.[^.]+)\.environment\.[^.]+")


@dataclass(frozen=True, slots=True)
class Document(Generic[M]):
    """A document of the right shape. Defaults are merged into ``node`` and ``model``."""

    node: Mapping
    model: M

    def find(self, *path: int | str) -> Found:
        """The nearest thing to a path."""
        return find(self.node, path)

    @property
    def source(self) -> Source:
        """File it is written in."""
        return self.node.place.source


@dataclass(frozen=True, slots=True)
class Declared:
    """A document that says its kind and name, be the rest right or wrong."""

    kind: Kind
    name: str
    place: Place


@dataclass(slots=True)
class Documents:
    """All documents of a directory. Not ``complete``: something could not be read, and may be missing."""

    fleets: list[Document[FleetModel]] = field(default_factory=list)
    images: list[Document[ImageModel]] = field(default_factory=list)
    services: list[Document[ServiceModel]] = field(default_factory=list)
    declared: list[Declared] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    kinds: set[Kind] = field(default_factory=set)
    complete: bool = True

    def names(self, kind: Kind) -> dict[str, Place]:
        """Name of each document of a kind, and where it is first."""
        return {each.name: each.place for each in reversed(self.declared) if each.kind is kind}

    def add(self, node: Mapping, kind: Kind) -> None:
        """Check one document and put it where it belongs."""
        self.kinds.add(kind)
        if (name := node.text("name")) is not None:
            self.declared.append(Declared(kind, name, find(node, ("name",)).node.place))
        self.faults.extend(_misplaced(node, kind))
        match kind:
            case Kind.FLEET:
                self._keep(self.fleets, node, check(FleetModel, node))
            case Kind.IMAGE:
                self._keep(self.images, node, check(ImageModel, node))
            case Kind.SERVICE:
                whole = _with_defaults(node)
                if whole is not node and (defaults := node.mapping("defaults")) is not None:
                    self.faults.extend(check(DefaultsModel, defaults, partial=True).faults)
                self._keep(self.services, whole, check(ServiceModel, whole))

    def _keep(self, kept: list[Document[M]], node: Mapping, checked: Checked[M]) -> None:
        self.faults.extend(checked.faults)
        if checked.model is not None:
            kept.append(Document(node, checked.model))


def read_documents(sources: Iterable[Source], *, fleet: Source | None) -> Documents:
    """Compose and check every file; with ``fleet``, its one Fleet takes the place of all others."""
    sources = tuple(sources)
    composed = [(source, compose(source)) for source in sources if not _is_cloud_config(source)]
    used = {path for _, each in composed for node in each.documents for path in _cloud_inits(node)}
    documents = Documents()
    for source, each in composed:
        if real(source.path) in used and not _has_documents(each):
            # Whoever refers to it says what is wrong with it; it may have been meant as a document.
            documents.complete = False
        else:
            _add_file(documents, source, each, without=Kind.FLEET if fleet else None)
    if fleet:
        _add_fleet(documents, fleet)
    if documents.complete:
        documents.faults.extend(_unused(source) for source in sources if _is_unused(source, used))
    return documents


def _has_documents(composed: Composed) -> bool:
    return any(_heading(node)[0] is not None for node in composed.documents)


def _is_cloud_config(source: Source) -> bool:
    return source.lines[0].rstrip() == CLOUD_CONFIG


def _is_unused(source: Source, used: Container[Path]) -> bool:
    return _is_cloud_config(source) and real(source.path) not in used


def _unused(source: Source) -> Fault:
    hint = "name it in a component's 'cloud_init', or delete it"
    return source.at(1, 1, width=len(CLOUD_CONFIG)).fault("no component uses this cloud-config", hint=hint)


def _add_file(documents: Documents, source: Source, composed: Composed, *, without: Kind | None) -> None:
    documents.faults.extend(composed.faults)
    documents.complete = documents.complete and composed.complete
    if composed.complete and not composed.documents:
        fault = source.at(1, 1).fault(
            "there is no document in this file", hint="delete the file, or write one"
        )
        documents.faults.append(fault)
    for node in composed.documents:
        heading, faults = _heading(node)
        if heading is not None and heading.kind is without:
            continue
        documents.faults.extend(faults)
        documents.complete = documents.complete and heading is not None
        if heading is not None and isinstance(node, Mapping):
            documents.add(node, heading.kind)


def _add_fleet(documents: Documents, source: Source) -> None:
    composed = compose(source)
    for node in composed.documents:
        heading, _ = _heading(node)
        if heading is not None and heading.kind is not Kind.FLEET:
            place = find(node, ("kind",)).node.place
            documents.faults.append(place.fault(f"a fleet file holds one Fleet and no {heading.kind}"))
    _add_file(documents, source, composed, without=None)


def _heading(node: Node) -> tuple[Heading | None, tuple[Fault, ...]]:
    if isinstance(node, Mapping):
        checked = check(Heading, node)
        if node.entries.keys().isdisjoint(("apiVersion", "kind")):
            # Somebody else's YAML: what it says is none of our business.
            return None, tuple(replace(fault, excerpt="") for fault in checked.faults)
        return checked.model, checked.faults
    if isinstance(node, Scalar) and node.plain and not node.text:
        line = max(1, min(node.place.line - 1, len(node.place.source.lines)))
        fault = node.place.source.at(line, 1, width=3).fault(
            "this document is empty", hint="delete its '---'"
        )
        return None, (fault,)
    what = f"{node.text[:40]!r}" if isinstance(node, Scalar) else "a list"
    return None, (node.place.fault(f"expected a mapping with apiVersion, kind and name, got {what}"),)


def _with_defaults(node: Mapping) -> Mapping:
    """A service with its defaults under every component; the same node where that cannot be done."""
    defaults, components = node.mapping("defaults"), node.mapping("components")
    if components is None or (defaults is None and "defaults" in node.entries):
        return node
    base = defaults or Mapping(node.place, {})
    entries = {
        name: Entry(each.key, merged(base, _filled(each))) for name, each in components.entries.items()
    }
    return node.without("defaults").with_value("components", Mapping(components.place, entries))


def _filled(entry: Entry) -> Node:
    """A component with nothing after its ':' is all defaults."""
    value = entry.value
    if isinstance(value, Scalar) and value.plain and not value.text:
        return Mapping(entry.key, {})
    return value


def _cloud_inits(node: Node) -> Iterator[Path]:
    if not isinstance(node, Mapping):
        return
    components = node.mapping("components")
    holders = [each.value for each in components.entries.values()] if components else []
    for holder in (node.mapping("defaults"), *holders):
        if isinstance(holder, Mapping) and (text := holder.text("cloud_init")) and text.isprintable():
            yield real(node.place.source.path.parent / text)


def _misplaced(node: Mapping, kind: Kind) -> Iterator[Fault]:
    """Expressions where nothing would fill them in."""
    for scalar in scalars(node):
        if (offset := scalar.text.find(OPENING)) < 0:
            continue
        if kind is Kind.SERVICE and _ENVIRONMENT.fullmatch(scalar.place.path):
            continue
        message = "an expression (${{ … }}) is filled in only in an environment and in a cloud-config"
        yield scalar.inside(offset).narrowed(0, len(OPENING)).fault(message)
