"""Who an instance is after a rename: the names that its key is made of, and what may be claimed.

A service or component that says ``moved: {from: NAME}`` was called NAME when its machines were made.
Their key, and with it UUID, machine and disks, stays made of that name; the YAML around it speaks of
the new one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from reconciler.errors import Fault
from reconciler.specs.desired import ServiceNames
from reconciler.specs.documents import Document
from reconciler.specs.models.moved import MovedModel
from reconciler.specs.models.service import ServiceModel
from reconciler.specs.yaml.nodes import Found
from reconciler.specs.yaml.source import Place


def key_of_service(service: ServiceModel) -> str:
    """The service's name in the keys of its instances."""
    return _kept(service.name, service.moved)


def keys_of_components(service: ServiceModel) -> Mapping[str, str]:
    """Each component as the YAML calls it, and its name in the keys of its instances."""
    return {name: _kept(name, component.moved) for name, component in service.components.items()}


def check_moves(
    documents: Sequence[Document[ServiceModel]], declared: Mapping[str, Place]
) -> Iterator[Fault]:
    """No machine may have two claimants. ``declared`` are all services, be they right or wrong."""
    services = [
        _Move(each.model.name, moved.former, each.find("moved", "from"))
        for each in documents
        if (moved := each.model.moved) is not None
    ]
    yield from _contested("service", services, declared)
    for document in documents:
        components = document.model.components
        moves = [
            _Move(name, moved.former, document.find("components", name, "moved", "from"))
            for name, component in components.items()
            if (moved := component.moved) is not None
        ]
        siblings = {name: _key(document.find("components", name)) for name in components}
        yield from _contested("component", moves, siblings)


@dataclass(frozen=True, slots=True)
class _Move:
    name: str
    former: str
    found: Found


def _contested(what: str, moves: Iterable[_Move], declared: Mapping[str, Place]) -> Iterator[Fault]:
    claims: dict[str, _Move] = {}
    for move in moves:
        place, former = move.found.node.place, move.former
        if former == move.name:
            yield place.fault(f"the {what} {former!r} has that name now", hint="delete 'moved'")
        elif former in declared:
            message = f"the {what} {former!r} is still there, in {declared[former].position}"
            yield place.fault(message, hint="what has moved away leaves its name free")
        elif (other := claims.setdefault(former, move)) is not move:
            where = other.found.node.place.position
            yield place.fault(f"the {what} {former!r} has moved to {other.name!r} already, in {where}")


def _kept(name: str, moved: MovedModel | None) -> str:
    return name if moved is None else moved.former


def _key(found: Found) -> Place:
    return found.key or found.node.place


def names_of(service: ServiceModel) -> ServiceNames:
    """What a service and its components are called now."""
    components = sorted((key, name) for name, key in keys_of_components(service).items())
    return ServiceNames(key_of_service(service), service.name, tuple(components))
