"""What one fleet sees of a simulated host: the truth, told in the project's words."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from hashlib import sha256
from ipaddress import IPv6Address

from reconciler.actuators.links import seen_by
from reconciler.actuators.sim.things import Box, Domain, Mark, VolumeId
from reconciler.specs.desired import HostName, Resources, Sha256
from reconciler.state import HostState, InstanceState, Power, StoredImage, VolumeState

_EXAMPLES = int(IPv6Address("2001:db8::"))


def view(box: Box, fleet: str, capacity: Resources) -> HostState:
    """The host as ``fleet`` sees it; what belongs to others only takes room."""
    return _viewed(_This(box), fleet, capacity)


class _This:
    """One box, known by what it is and not by what is in it: boxes are never changed, and most looks in
    succession are at the same.
    """

    __slots__ = ("box",)

    def __init__(self, box: Box) -> None:
        self.box = box

    def __hash__(self) -> int:
        return id(self.box)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _This) and self.box is other.box


@lru_cache(maxsize=64)
def _viewed(this: _This, fleet: str, capacity: Resources) -> HostState:
    box = this.box
    states = [
        _state(box, domain, domain.mark)
        for domain in box.domains.values()
        if domain.mark is not None and domain.mark.fleet == fleet
    ]
    attached = {
        VolumeId(fleet, state.key, disk.name, disk.pool) for state in states for disk in state.applied.disks
    }
    volumes = [
        VolumeState(volume.key, volume.disk, None if volume in attached else size, volume.pool)
        for volume, size in sorted(box.volumes.items())
        if volume.fleet == fleet
    ]
    links = seen_by(fleet, box.host, box.links.values())
    return HostState(
        host=box.host,
        capacity=capacity,
        foreign=_foreign(box, fleet),
        # Whatever a service plugs into is taken to be there: a simulated host has no cables.
        bridges=None,
        networks=None,
        images=tuple(sorted(box.images)),
        instances=tuple(sorted(states, key=lambda state: state.key)),
        volumes=tuple(volumes),
        address=address_of(box.host),
        segments=links.segments,
        foreign_links=links.foreign,
        cordon=box.cordons.get(fleet),
    )


def images(box: Box, image_mib: int) -> tuple[StoredImage, ...]:
    """Every base image, each of that size, and what needs it, whosever it is."""
    size = image_mib * 1024 * 1024
    return tuple(StoredImage(sha256, size, users_of(box, sha256)) for sha256 in sorted(box.images))


def users_of(box: Box, sha256: Sha256) -> tuple[str, ...]:
    """Names of the machines that need an image; a root whose machine is gone may be a clone of any."""
    marks = [(domain.name, domain.mark) for domain in box.domains.values() if domain.mark is not None]
    users = {str(name) for name, mark in marks if sha256 in _digests(mark)}
    owned = {mark.volume(disk.name) for _, mark in marks for disk in mark.applied.disks}
    roots = (volume for volume in box.volumes if volume.disk == "root" and volume not in owned)
    return tuple(sorted({*users, *(f"{volume.key.name}/root" for volume in roots)}))


def _digests(mark: Mark) -> tuple[Sha256, ...]:
    """Files of the images that a machine is made from, or may be again."""
    return (*mark.applied.image.digests, *(mark.former.image.digests if mark.former is not None else ()))


@lru_cache(maxsize=1024)
def address_of(host: HostName) -> str:
    """The address of a simulated host: its own, from the range that is set aside for examples."""
    return str(IPv6Address(_EXAMPLES + int.from_bytes(sha256(host.encode()).digest()[:8], "big")))


def _state(box: Box, domain: Domain, mark: Mark) -> InstanceState:
    # What was plugged in by hand is not ours.
    ours = {disk.name for disk in mark.applied.disks}
    disks = tuple(disk for disk in domain.live.disks if disk.name in ours)
    live = domain.live if disks == domain.live.disks else replace(domain.live, disks=disks)
    return InstanceState(
        host=box.host,
        key=mark.key,
        fleet=mark.fleet,
        uuid=domain.uuid,
        power=domain.power,
        applied=mark.applied,
        live=live,
        complete=mark.complete,
        detail=domain.why,
        journey=mark.journey,
        home=mark.home,
        persistent=domain.persistent,
        former=mark.former,
        refused=mark.refused,
    )


def _foreign(box: Box, fleet: str) -> Resources:
    # What is switched off has its disks, and no CPU or memory.
    running = [domain for domain in box.domains.values() if domain.power is not Power.STOPPED]
    others = [domain.live for domain in running if _owner(domain) != fleet]
    volumes = ((volume.pool, size) for volume, size in box.volumes.items() if volume.fleet != fleet)
    return Resources.on_disk(volumes) + Resources(
        sum(live.cpus for live in others), sum(live.memory_mib for live in others)
    )


def _owner(domain: Domain) -> str | None:
    return None if domain.mark is None else domain.mark.fleet
