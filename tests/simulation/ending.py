"""What must have become of the fleet in the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from reconciler.actuators.links import seen_by
from reconciler.actuators.sim.things import Domain, VolumeId
from reconciler.actuators.sim.view import address_of
from reconciler.specs.desired import Desired, InstanceUuid, Machine
from reconciler.state import Power
from tests.simulation.places import Place


def unlike(desired: Desired, places: tuple[Place, ...]) -> Mapping[str, str]:
    """Instances that are not as they should be, by name, and why; ``desired`` is prepared."""
    wrong: dict[str, str] = {}
    uninformed: dict[str, str] = {}
    wanted = {each.uuid: each for each in desired.instances}
    found: dict[InstanceUuid, list[Domain]] = {}
    for place in places:
        for domain in place.box.domains.values():
            if domain.mark is not None and domain.mark.fleet == desired.fleet.name:
                found.setdefault(domain.uuid, []).append(domain)
    volumes = {volume for place in places for volume in place.box.volumes}
    for uuid, instance in wanted.items():
        domains = found.pop(uuid, [])
        if len(domains) != 1:
            wrong[instance.name] = f"is on {len(domains)} hosts"
            continue
        (domain,) = domains
        assert domain.mark is not None
        if domain.power is not Power.RUNNING:
            wrong[instance.name] = f"is {domain.power}"
        elif not domain.mark.complete or _own(domain.mark.applied) != _own(instance.machine):
            wrong[instance.name] = "is not what was asked for"
        elif (domain.live.cpus, domain.live.memory_mib) != (
            instance.machine.cpus,
            instance.machine.memory_mib,
        ):
            wrong[instance.name] = "was changed behind our back"
        elif not volumes.issuperset(domain.mark.volume(disk.name) for disk in instance.machine.disks):
            wrong[instance.name] = "lacks a disk"
        elif not wrong and domain.mark.applied.peers != instance.machine.peers:
            uninformed[instance.name] = "was not told of its peers"
    for domains in found.values():
        (mark, *_) = (domain.mark for domain in domains if domain.mark is not None)
        wrong[mark.key.name] = "is not declared"
    # As long as somebody is not there, the others are not told of it.
    return wrong or uninformed


def _own(machine: Machine) -> Machine:
    """Without what follows from others."""
    return replace(machine, peers=None)


def untied(fleet: str, places: tuple[Place, ...]) -> Iterator[str]:
    """Segments that no machine is on, and machines of one segment that do not reach each other."""
    members: dict[str, list[Place]] = {}
    for place in places:
        for domain in place.box.domains.values():
            if domain.mark is not None and domain.mark.fleet == fleet:
                for nic in domain.mark.applied.nics:
                    if place not in members.setdefault(nic.source, []):
                        members[nic.source].append(place)
    for place in places:
        for segment in seen_by(fleet, place.name, place.box.links.values()).segments:
            mine = members.get(segment.bridge, [])
            others = sorted(address_of(each.host.name) for each in mine if each is not place)
            if place not in mine:
                yield f"{segment.title} on {place.name} is nobody's"
            elif not segment.up or list(segment.peers) != others:
                yield f"{segment.title} on {place.name} does not reach its peers"


def orphans(fleet: str, places: tuple[Place, ...], retained: set[VolumeId]) -> Iterator[str]:
    """Volumes that no machine has and nobody asked to retain."""
    for place in places:
        marks = [domain.mark for domain in place.box.domains.values() if domain.mark is not None]
        attached = {mark.volume(disk.name) for mark in marks for disk in mark.applied.disks}
        for volume in place.box.volumes:
            if volume.fleet == fleet and volume not in attached | retained:
                yield f"{volume.key.name}/{volume.disk} on {place.name} belongs to nobody"
