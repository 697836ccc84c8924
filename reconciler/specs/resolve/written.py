"""The lines on which components, networks and clusters are written."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.specs.documents import Document
from reconciler.specs.models.fleet import FleetModel
from reconciler.specs.models.service import ServiceModel
from reconciler.specs.resolve.moves import key_of_service, keys_of_components
from reconciler.specs.written import CLUSTERS, Written
from reconciler.specs.yaml.nodes import Mapping, Node, Sequence

_WHOLE = frozenset({"environment", "ssh_keys", "cloud_init", "healthcheck", "update", "depends_on"})
"""Fields of which nothing is told part by part."""


def lines_of_service(document: Document[ServiceModel]) -> Iterator[Written]:
    """Of its networks, and of each component by the key of its instances."""
    file, own = document.source.name, key_of_service(document.model)
    yield Written(own, file, _words("networks", document.find("networks").node, 1))
    for name, key in keys_of_components(document.model).items():
        found = document.find("components", name)
        head = f":{(found.key or found.node.place).line}"
        yield Written(f"{own}/{key}", file, f"{head} {_words('', found.node, 3)}".rstrip())


def lines_of_fleet(document: Document[FleetModel]) -> Iterator[Written]:
    """Of its clusters."""
    found = document.find(CLUSTERS)
    if found.exact:
        yield Written(CLUSTERS, document.source.name, _words("", found.node, 2))


def _words(path: str, node: Node, depth: int) -> str:
    return " ".join(_each(path, node, depth))


def _each(path: str, node: Node, depth: int) -> Iterator[str]:
    if not depth or path in _WHOLE:
        return
    match node:
        case Mapping(entries=entries):
            for name, entry in entries.items():
                inner = f"{path}.{name}" if path else name
                yield f"{inner}:{entry.key.line}"
                yield from _each(inner, entry.value, depth - 1)
        case Sequence(items=items):
            for number, item in enumerate(items):
                yield f"{path}.{number}:{item.place.line}"
