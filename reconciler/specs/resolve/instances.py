"""Instances: each component as many times as it has replicas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from reconciler.errors import Fault
from reconciler.specs.desired import Disk, ImageUse, Instance, InstanceKey, Machine, Nic
from reconciler.specs.disks import DEFAULT_POOL
from reconciler.specs.documents import Document
from reconciler.specs.fingerprint import digest_of_written
from reconciler.specs.guest import GuestContext
from reconciler.specs.identity import instance_uuid
from reconciler.specs.models.component import ComponentModel, DiskModel, Phase
from reconciler.specs.models.placement import PlacementModel
from reconciler.specs.models.service import ServiceModel
from reconciler.specs.placement import Affinity, Placement, Spread
from reconciler.specs.resolve.attachments import Attachments, keys_in
from reconciler.specs.resolve.health import health_of, update_of
from reconciler.specs.resolve.moves import key_of_service, keys_of_components
from reconciler.specs.resolve.networks import Cards
from reconciler.specs.yaml.source import Source


def instances_of(
    document: Document[ServiceModel], fleet: str, images: Mapping[str, ImageUse], attachments: Attachments
) -> Iterator[Instance]:
    """Every instance of a service that has been checked; those of a component share their parts."""
    service = document.model
    own_key, keys = key_of_service(service), keys_of_components(service)
    for name, component in service.components.items():
        cards = Cards(fleet, service, component)
        machine = _machine(component, images[component.image], cards.alike)
        placement = _placement(name, component.placement, keys)
        context = _context(component, attachments, document.source.path.parent)
        waits = component.depends_on.items()
        depends_on = tuple(sorted(keys[other] for other in component.depends_on))
        healthy_first = tuple(sorted(keys[other] for other, phase in waits if phase is Phase.HEALTHY))
        health, update = health_of(component.healthcheck), update_of(component.update)
        if context is None and cards.addressed:
            context = GuestContext(hostname="")  # a guest on a segment has to be told its address
        found = document.find("components", name)
        origin = (found.key or found.node.place).position
        for ordinal in range(component.replicas):
            key = InstanceKey(own_key, keys[name], ordinal)
            told = replace(context, hostname=key.name) if context else None
            yield Instance(
                key=key,
                fleet=fleet,
                uuid=instance_uuid(fleet, key),
                machine=_told(machine, cards.of(ordinal), told) if told else machine,
                placement=placement,
                depends_on=depends_on,
                healthy_first=healthy_first,
                health=health,
                update=update,
                context=told,
                origin=origin,
            )


def _told(machine: Machine, nics: tuple[Nic, ...], context: GuestContext) -> Machine:
    return replace(machine, nics=nics, context=digest_of_written(context))


def _machine(component: ComponentModel, image: ImageUse, nics: tuple[Nic, ...]) -> Machine:
    names = sorted(component.disks, key=lambda name: (name != "root", name))
    disks = (_disk(name, component.disks[name]) for name in names)
    return Machine(
        image=image,
        cpus=component.resources.cpus,
        memory_mib=component.resources.memory,
        disks=tuple(disks),
        nics=nics,
        protect=component.protect,
        devices=tuple(sorted(component.devices.items())),
    )


def _disk(name: str, model: DiskModel) -> Disk:
    return Disk(name, model.size, model.on_delete, "" if model.pool == DEFAULT_POOL else model.pool)


def _placement(component: str, model: PlacementModel, keys: Mapping[str, str]) -> Placement:
    return Placement(
        cluster=model.cluster,
        require=tuple(model.require),
        anti_affinity=tuple(
            Affinity(keys[rule.to or component], rule.over, rule.strict) for rule in model.anti_affinity
        ),
        affinity=tuple(Affinity(keys[rule.to], rule.over, rule.strict) for rule in model.affinity),
        spread=tuple(Spread(rule.over, rule.max_skew, rule.strict) for rule in model.spread),
        rank=model.rank,
        priority=model.priority,
        evict=model.evict,
    )


def _context(component: ComponentModel, attachments: Attachments, base: Path) -> GuestContext | None:
    if not (component.ssh_keys or component.environment or component.cloud_init):
        return None
    keys: list[str] = []
    for key in component.ssh_keys:
        keys.extend(
            keys_in(_read(attachments, base, path)) if (path := key.removeprefix("file:")) != key else [key]
        )
    text = ""
    if component.cloud_init:
        text = "\n".join(_read(attachments, base, component.cloud_init).lines)
    return GuestContext(
        hostname="",
        ssh_keys=tuple(dict.fromkeys(keys)),
        environment=tuple(sorted(component.environment.items())),
        cloud_init=text,
    )


def _read(attachments: Attachments, base: Path, path: str) -> Source:
    source = attachments.source(base, path)
    if isinstance(source, Fault):
        raise AssertionError(f"checked before: {source}")
    return source
