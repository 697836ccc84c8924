"""What only shows when the parts of a service, and the documents of a directory, meet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from reconciler.errors import Fault
from reconciler.specs.desired import OnDelete
from reconciler.specs.documents import Document
from reconciler.specs.health import OnFailure, Order
from reconciler.specs.identity import LONGEST_NAME
from reconciler.specs.models.base import suggestion
from reconciler.specs.models.component import ComponentModel, Phase
from reconciler.specs.models.service import ServiceModel
from reconciler.specs.resolve.attachments import Attachments, check_keys
from reconciler.specs.resolve.cloud_config import check_cloud_config
from reconciler.specs.resolve.moves import key_of_service, keys_of_components
from reconciler.specs.resolve.templates import check_templates
from reconciler.specs.yaml.nodes import Found, Scalar
from reconciler.specs.yaml.source import Place

MOST_INSTANCES = 100_000
_MOST_CYCLES = 10  # that are told of one service


@dataclass(frozen=True, slots=True)
class World:
    """What a service may refer to. None: not known, because of another fault.

    ``images`` says of each whether it needs a root disk.
    """

    images: Mapping[str, bool | None] | None
    clusters: frozenset[str] | None
    attachments: Attachments


def check_service(document: Document[ServiceModel], world: World) -> Iterator[Fault]:
    """Every reference, and the order that ``depends_on`` asks for."""
    for name in document.model.components:
        for rule in _RULES:
            yield from rule(_Component(document, name), world)
    yield from check_templates(document, world.attachments)
    yield from _cycles(document)


def check_names(documents: Iterable[Document[ServiceModel]]) -> Iterator[Fault]:
    """No two components may give their instances the same name, and there is an end to their number."""
    seen: dict[str, _Owner] = {}
    total = 0
    for document in documents:
        service, keys = key_of_service(document.model), keys_of_components(document.model)
        for name, component in document.model.components.items():
            place = _place(document.find("components", name), key=True)
            prefix = f"{service}-{keys[name]}"
            # Within a service it is told otherwise: a name written twice, or moved twice.
            if (other := seen.setdefault(prefix, _Owner(service, place))).service != service:
                where = other.place.position
                yield place.fault(f"its instances would be called {prefix}-0 like those of {where}")
            total += component.replicas
            if total > MOST_INSTANCES >= total - component.replicas:
                yield place.fault(f"more than {MOST_INSTANCES} instances")


@dataclass(frozen=True, slots=True)
class _Owner:
    service: str
    place: Place


@dataclass(frozen=True, slots=True)
class _Component:
    document: Document[ServiceModel]
    name: str

    @property
    def service(self) -> ServiceModel:
        return self.document.model

    @property
    def model(self) -> ComponentModel:
        return self.service.components[self.name]

    def place(self, *path: int | str, key: bool = False) -> Place:
        return _place(self.find(*path), key=key)

    def find(self, *path: int | str) -> Found:
        return self.document.find("components", self.name, *path)


def _place(found: Found, *, key: bool = False) -> Place:
    return found.key if found.key and (key or not found.exact) else found.node.place


def _image(component: _Component, world: World) -> Iterator[Fault]:
    image = component.model.image
    if world.images is None:
        return
    if image not in world.images:
        yield component.place("image").fault(f"unknown image {image!r}", hint=suggestion(image, world.images))
        return
    needs_root, has_root = world.images[image], "root" in component.model.disks
    if needs_root and not has_root:
        place = component.place("image")
        yield place.fault("a disk image needs a root disk", hint="write disks: {root: 20GiB}")
    if needs_root is False and has_root:
        yield component.place("disks", "root", key=True).fault(
            f"{image!r} boots a kernel: it has no root disk"
        )


def _networks(component: _Component, _: World) -> Iterator[Fault]:
    known = component.service.networks
    for network in component.model.networks:
        if network not in known:
            hint = suggestion(network, known) or (
                "" if known else "declare it under the service's 'networks'"
            )
            yield component.place("networks", network, key=True).fault(
                f"unknown network {network!r}", hint=hint
            )


def _siblings(component: _Component, _: World) -> Iterator[Fault]:
    known, rules = component.service.components, component.model.placement
    named: list[tuple[tuple[int | str, ...], str]]
    named = [(("depends_on", name), name) for name in component.model.depends_on]
    named += [(("placement", "affinity", i, "to"), rule.to) for i, rule in enumerate(rules.affinity)]
    anti = [(i, rule.to) for i, rule in enumerate(rules.anti_affinity) if rule.to]
    named += [(("placement", "anti_affinity", i, "to"), to) for i, to in anti]
    for path, name in named:
        if name not in known:
            place = component.place(*path, key=path[0] == "depends_on")
            yield place.fault(f"unknown component {name!r}", hint=suggestion(name, known))


def _healthy(component: _Component, _: World) -> Iterator[Fault]:
    components = component.service.components
    for name, phase in component.model.depends_on.items():
        other = components.get(name)
        if phase is Phase.HEALTHY and other is not None and other.healthcheck is None:
            message = f"{name!r} has no healthcheck: nobody can tell whether it is healthy"
            hint = f"give {name} a healthcheck, or write {name}: started"
            yield component.place("depends_on", name).fault(message, hint=hint)


def _cluster(component: _Component, world: World) -> Iterator[Fault]:
    cluster = component.model.placement.cluster
    if cluster is not None and world.clusters is not None and cluster not in world.clusters:
        place = component.place("placement", "cluster")
        yield place.fault(f"unknown cluster {cluster!r}", hint=suggestion(cluster, world.clusters))


def _files(component: _Component, world: World) -> Iterator[Fault]:
    keys = [
        (("ssh_keys", i), key) for i, key in enumerate(component.model.ssh_keys) if key.startswith("file:")
    ]
    for path, key in keys:
        node = component.find(*path).node
        if isinstance(node, Scalar):
            source, faults = world.attachments.check(node, key.removeprefix("file:"))
            yield from faults
            yield from check_keys(source) if source else ()
    node = component.find("cloud_init").node
    if component.model.cloud_init is not None and isinstance(node, Scalar):
        source, faults = world.attachments.check(node, component.model.cloud_init)
        yield from faults
        yield from check_cloud_config(source) if source else ()


def _stand_ins(component: _Component, _: World) -> Iterator[Fault]:
    """Who stands in for a while begins with empty disks and leaves none."""
    if component.model.update.order is not Order.START_FIRST:
        return
    kept = [name for name, disk in component.model.disks.items() if disk.on_delete is OnDelete.RETAIN]
    if kept:
        place = component.place("update", "order")
        message = f"start-first does not go with a disk that is kept: {kept[0]!r} has on_delete: retain"
        yield place.fault(message, hint="write stop-first: another machine has not got what is on it")


def _sickness(component: _Component, _: World) -> Iterator[Fault]:
    """Who is given back what it was has to be found sick first."""
    if component.model.update.on_failure is OnFailure.ROLLBACK and component.model.healthcheck is None:
        place = component.place("update", "on_failure")
        message = "rollback goes with a healthcheck: without one nobody is found sick"
        yield place.fault(message, hint="add a healthcheck, or write pause")


def _name_length(component: _Component, _: World) -> Iterator[Fault]:
    service, name = key_of_service(component.service), keys_of_components(component.service)[component.name]
    longest = f"{service}-{name}-{max(0, _machines(component.model) - 1)}"
    if len(longest) > LONGEST_NAME:
        message = (
            f"the instance name {longest[:20]}… has {len(longest)} characters, {LONGEST_NAME} is the most"
        )
        yield component.place(key=True).fault(message, hint="shorten the service's or the component's name")


def _machines(component: ComponentModel) -> int:
    """How many there are of it at a time, those included that stand in for others."""
    replicas, update = component.replicas, component.update
    if update.order is Order.STOP_FIRST:
        return replicas
    return replicas + min(update.parallelism or replicas, replicas)


_RULES = (_image, _networks, _siblings, _healthy, _cluster, _files, _stand_ins, _sickness, _name_length)


def _cycles(document: Document[ServiceModel]) -> Iterator[Fault]:
    components = document.model.components
    waits = {
        name: sorted(other for other in components[name].depends_on if other in components)
        for name in sorted(components)
    }
    for _ in range(_MOST_CYCLES):
        try:
            TopologicalSorter(waits).prepare()
        except CycleError as error:
            # graphlib lists each before what waits for it; users think the other way round.
            ring = list(reversed(error.args[1]))[:-1]
            first = ring.index(min(ring))
            ring = ring[first:] + ring[:first]
            shown = [*ring[:10], "…"] if len(ring) > 10 else ring
            place = _place(document.find("components", ring[0], "depends_on"), key=True)
            yield place.fault(f"depends_on goes round in a circle: {' → '.join([*shown, ring[0]])}")
            waits = {name: after for name, after in waits.items() if name not in ring}
        else:
            return
