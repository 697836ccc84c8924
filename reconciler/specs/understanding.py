"""What the files of a directory say, resolved and frozen, or every fault of them at once."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from reconciler.errors import Fault, InvalidInput, Position
from reconciler.specs.desired import Desired
from reconciler.specs.documents import Documents, read_documents
from reconciler.specs.models.document import Kind
from reconciler.specs.recall import Question
from reconciler.specs.resolve.attachments import Attachments
from reconciler.specs.resolve.fleet import check_fleet, clusters_of, fleet_of
from reconciler.specs.resolve.images import check_image, image_of
from reconciler.specs.resolve.instances import instances_of
from reconciler.specs.resolve.moves import check_moves, key_of_service, names_of
from reconciler.specs.resolve.networks import check_networks, segments_of
from reconciler.specs.resolve.services import World, check_names, check_service
from reconciler.specs.resolve.written import lines_of_fleet, lines_of_service
from reconciler.specs.templates import asks
from reconciler.specs.yaml.source import printable


@dataclass(frozen=True, slots=True)
class Understood:
    """What was found, and the files that the text refers to."""

    desired: Desired
    files: tuple[Path, ...]


def understood(question: Question, unread: Sequence[Fault]) -> Understood:
    """Read all of the text; ``unread`` is why some of it is not there. Raises InvalidInput."""
    faults = list(unread)
    documents = read_documents(question.sources, fleet=question.fleet)
    if faults:
        documents.complete = False
    attachments = Attachments(question.directory)
    faults.extend(documents.faults)
    faults.extend(_meeting(documents, attachments, where=os.fspath(question.directory)))
    if faults:
        raise InvalidInput(_once(faults))
    return Understood(_desired(documents, attachments), attachments.paths)


def _meeting(documents: Documents, attachments: Attachments, *, where: str) -> Iterator[Fault]:
    """Faults that no document has by itself."""
    yield from _twice(documents)
    if documents.complete and Kind.FLEET not in documents.kinds:
        hint = "write a document of kind: Fleet, or give --fleet FILE"
        yield Fault(Position(printable(where), 1, 1), "there is no Fleet here", hint=hint)
    for fleet in documents.fleets:
        yield from check_fleet(fleet)
    for image in documents.images:
        yield from check_image(image)
    world = _world(documents, attachments)
    for service in documents.services:
        yield from check_service(service, world)
    yield from check_moves(documents.services, documents.names(Kind.SERVICE))
    yield from check_names(documents.services)
    names = [fleet.model.name for fleet in documents.fleets]
    yield from check_networks(documents.services, names[0] if len(names) == 1 else None)


def _twice(documents: Documents) -> Iterator[Fault]:
    """Names are unique by kind, and a directory has one Fleet."""
    first: dict[tuple[Kind, str], Position] = {}
    for each in documents.declared:
        one_of_a_kind = each.kind is Kind.FLEET
        other = first.setdefault((each.kind, "" if one_of_a_kind else each.name), each.place.position)
        if other is not each.place.position and other != each.place.position:
            message = f"a second Fleet: the first is {other}" if one_of_a_kind else ""
            yield each.place.fault(message or f"the {each.kind} {each.name!r} is already in {other}")


def _world(documents: Documents, attachments: Attachments) -> World:
    images: dict[str, bool | None] = dict.fromkeys(documents.names(Kind.IMAGE))
    images |= {image.model.name: image.model.kernel is None for image in documents.images}
    clusters = clusters_of(documents.fleets[0].model) if len(documents.fleets) == 1 else None
    return World(images if documents.complete else None, clusters, attachments)


def _desired(documents: Documents, attachments: Attachments) -> Desired:
    (fleet,) = documents.fleets
    images = sorted((image_of(document) for document in documents.images), key=lambda image: image.use.name)
    uses = {image.use.name: image.use for image in images}
    name = fleet.model.name
    instances = [
        instance
        for service in documents.services
        for instance in instances_of(service, name, uses, attachments)
    ]
    segments = (segment for service in documents.services for segment in segments_of(service, name))
    asking = {each.key.service for each in instances if each.context is not None and asks(each.context)}
    return Desired(
        fleet=fleet_of(fleet),
        services=tuple(sorted(key_of_service(service.model) for service in documents.services)),
        instances=tuple(sorted(instances, key=lambda instance: instance.key)),
        images=tuple(images),
        names=tuple(
            sorted(
                names_of(each.model) for each in documents.services if key_of_service(each.model) in asking
            )
        ),
        directory=str(fleet.source.path.parent.absolute()),
        segments=tuple(sorted(segments)),
        written=tuple(sorted(chain(lines_of_fleet(fleet), *map(lines_of_service, documents.services)))),
    )


def _once(faults: list[Fault]) -> list[Fault]:
    """A fault of a service's defaults shows in every component, and is one fault."""
    return list({(fault.position, fault.message): fault for fault in reversed(faults)}.values())
