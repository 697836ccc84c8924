"""What is: what the hosts say, frozen, to be saved and replayed as JSON.

A host that did not answer is listed as unknown; nothing is concluded about what runs there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, lru_cache
from ipaddress import ip_address
from typing import Any

from pydantic import TypeAdapter

from reconciler.specs.addresses import Address
from reconciler.specs.desired import (
    HostName,
    InstanceKey,
    InstanceName,
    InstanceUuid,
    Machine,
    Nic,
    Resources,
    Sha256,
)
from reconciler.specs.fingerprint import sha256_hex
from reconciler.specs.formerly import Record

FORMAT_VERSION = 1


class Power(StrEnum):
    """What the hypervisor says a machine is doing."""

    RUNNING = "running"
    STOPPED = "stopped"
    PAUSED = "paused"
    """Neither: suspended by a human, by a full disk, or in the middle of a migration."""


@dataclass(frozen=True, slots=True)
class LiveDisk:
    """A disk as the hypervisor has it; ``size_mib`` is None where asking would cost a call a disk.

    ``source`` is what it is read from where that is not its own volume (a snapshot's file, say), else empty.
    """

    name: str
    size_mib: int | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class Live:
    """The fields of a ``Machine`` that a hypervisor can be asked for, as they are now."""

    cpus: int
    memory_mib: int
    disks: tuple[LiveDisk, ...] = ()
    nics: tuple[Nic, ...] = ()

    @property
    def astray(self) -> tuple[LiveDisk, ...]:
        """The disks that are not read from their own volumes."""
        return tuple(disk for disk in self.disks if disk.source)


MIGRATING = "migrating"
MIGRATED = "migrated"
FAILED = "failed"
"""The hypervisor's words for a machine that stands still on its way, for one that has left, and for one
that could not be taken in (or could not be started)."""


@dataclass(frozen=True, slots=True)
class Journey:
    """A migration that was begun and not yet tidied up, as the machine itself carries it.

    With ``copies`` its disks are copied: the end where it does not run has disks that are left over. A
    ``cold`` one is made while it is off; with ``handed_over`` the end that it leaves has given it up, and
    says so before it is started at the other (``carrying``).
    """

    source: HostName
    destination: HostName
    copies: bool = True
    cold: bool = False
    handed_over: bool = False

    def other_end(self, host: HostName) -> HostName:
        """The end that ``host`` is not."""
        return self.source if host == self.destination else self.destination


@dataclass(frozen=True, slots=True)
class InstanceState:
    """One of our machines, as seen on one host.

    ``applied`` is what was last applied (from the domain's own metadata); ``complete`` is False
    from the first define until its disks exist, and again while it is being taken apart.
    ``detail`` is the hypervisor's reason for ``power`` in its own words. ``persistent`` is False for
    a machine that is forgotten once it is off: what a migration by hand may leave. ``home`` is the host that
    it had to leave because that was to be empty, and to which it returns where its cluster says so.
    ``former`` is what it was before it was changed, kept until its new form is taken for good (and equal to
    ``applied`` where there is nothing to go back to any more); ``refused`` is the digest of the form of its
    component that was given up.
    """

    host: HostName
    key: InstanceKey
    fleet: str
    uuid: InstanceUuid
    power: Power
    applied: Machine
    live: Live
    complete: bool = True
    detail: str = ""
    journey: Journey | None = None
    persistent: bool = True
    home: HostName | None = None
    former: Machine | None = None
    refused: Sha256 | None = None

    @property
    def record(self) -> Record:
        """What its host remembers of it."""
        return Record(self.applied, self.complete, self.former)

    @property
    def name(self) -> InstanceName:
        """The libvirt domain's name."""
        return self.key.name

    def has_left(self, power: Power, detail: str) -> bool:
        """Whether it has been migrated away since it was so, now that it is this; or it may have been."""
        if power is Power.PAUSED:
            return detail == MIGRATING
        return power is Power.STOPPED and detail == MIGRATED != self.detail


@dataclass(frozen=True, slots=True)
class StoredImage:
    """A file of a base image on a host. ``users`` names the machines and volumes that need it, sorted.

    ``whole`` is False for what a killed controller has left: of an upload, or where ``probe`` names it, the
    empty file by which it was telling two pools apart.
    """

    sha256: Sha256
    size_bytes: int
    users: tuple[str, ...] = ()
    whole: bool = True
    probe: str = ""


@dataclass(frozen=True, slots=True)
class VolumeState:
    """A data or root disk of ours in a pool of a host, named as in ``Disk``. ``size_mib`` is None while a
    machine has it.
    """

    key: InstanceKey
    disk: str
    size_mib: int | None = None
    pool: str = ""


@dataclass(frozen=True, slots=True)
class SegmentState:
    """What one host has of a segment of ours: its bridge, and the VXLAN device that joins it to its peers.

    ``address`` is the host's own on it, with its prefix; ``local`` and ``peers`` are the ends of the
    tunnels (both empty where there is no VXLAN device). Not ``up``: a part is missing, off or unplugged.
    """

    service: str
    network: str
    bridge: str
    vni: int
    mtu: int
    address: str = ""
    local: str = ""
    peers: tuple[str, ...] = ()
    up: bool = True

    @property
    def title(self) -> str:
        """``<service>.<network>``; the name of a link where nobody knows any more what it was made for."""
        return f"{self.service}.{self.network}" if self.service else self.network


@dataclass(frozen=True, slots=True, order=True)
class ForeignLink:
    """A link that is not ours and is called like one of ours, or has a VXLAN number."""

    name: str
    vni: int | None = None


@dataclass(frozen=True, slots=True)
class Cordon:
    """What keeps a fleet from giving a host anything new: hung on the host itself, whoever looks sees it.

    ``since`` is a time in UTC as of ISO 8601; both it and ``by`` are empty where what hangs there cannot be
    read. Where the host is ``draining``, what runs there is to leave as well.
    """

    by: str = ""
    since: str = ""
    reason: str = ""
    draining: bool = False

    def __str__(self) -> str:
        """``cordoned by ops@desk since 2026-11-25T06:40:00Z: new memory``."""
        what = "being drained" if self.draining else "cordoned"
        by = f" by {self.by}" if self.by else ""
        since = f" since {self.since}" if self.since else ""
        return f"{what}{by}{since}" + (f": {self.reason}" if self.reason else "")


@dataclass(frozen=True, slots=True)
class HostState:
    """Everything one host said in one look.

    ``capacity`` is physical. ``foreign`` is what machines and files that are not ours take of it.
    ``bridges`` (but for those of ``segments``) and ``networks`` are None where the platform cannot
    tell. ``images`` are the base images it holds. ``instances`` and ``volumes`` are those of the
    asking fleet only, sorted by key.
    """

    host: HostName
    capacity: Resources
    foreign: Resources = Resources()
    arch: str = "x86_64"
    bridges: tuple[str, ...] | None = None
    networks: tuple[str, ...] | None = ()
    images: tuple[Sha256, ...] = ()
    instances: tuple[InstanceState, ...] = ()
    volumes: tuple[VolumeState, ...] = ()
    address: str = ""
    """The IP address by which other hosts reach it; empty where it is not known."""
    segments: tuple[SegmentState, ...] | None = ()
    """Those of the asking fleet, by bridge; None where the platform cannot make any."""
    foreign_links: tuple[ForeignLink, ...] = ()
    cordon: Cordon | None = None
    """The asking fleet's, where one hangs there."""

    def segment(self, bridge: str) -> SegmentState | None:
        """What it has of the segment with that bridge, or None."""
        return next((segment for segment in self.segments or () if segment.bridge == bridge), None)

    def instance(self, uuid: InstanceUuid) -> InstanceState | None:
        """Our machine with that UUID, or None."""
        return next((state for state in self.instances if state.uuid == uuid), None)

    @property
    def retained(self) -> tuple[VolumeState, ...]:
        """Disks whose machine is gone: kept by ``on_delete: retain``, and adopted when it returns."""
        here = {state.key for state in self.instances}
        return tuple(volume for volume in self.volumes if volume.key not in here)


@dataclass(frozen=True, slots=True)
class HostUnknown:
    """A host that did not answer, and why in words."""

    host: HostName
    reason: str


@dataclass(frozen=True)
class Observed:
    """One look at the whole fleet; ``hosts`` and ``unknown`` are sorted by name and disjoint.

    ``sick`` are machines that run and were asked, and are not healthy: sorted. Who was not asked is not
    among them. ``failed`` are those for whose health the asking controller has waited in vain: sorted too.
    """

    fleet: str
    hosts: tuple[HostState, ...]
    unknown: tuple[HostUnknown, ...] = ()
    sick: tuple[InstanceUuid, ...] = ()
    failed: tuple[InstanceUuid, ...] = ()

    @cached_property
    def by_uuid(self) -> dict[InstanceUuid, tuple[InstanceState, ...]]:
        """Every sighting of each of our machines."""
        found: dict[InstanceUuid, tuple[InstanceState, ...]] = {}
        for host in self.hosts:
            for state in host.instances:
                found[state.uuid] = (*found.get(state.uuid, ()), state)
        return found

    @cached_property
    def by_bridge(self) -> Mapping[str, Mapping[HostName, SegmentState]]:
        """What hosts have of each segment of ours, by its bridge."""
        found: dict[str, dict[HostName, SegmentState]] = {}
        for host in self.hosts:
            for segment in host.segments or ():
                found.setdefault(segment.bridge, {}).setdefault(host.host, segment)
        return found

    @cached_property
    def by_address(self) -> tuple[tuple[Address, HostState], ...]:
        """Hosts whose own address is known, by it."""
        known = [(ip_address(host.address), host) for host in self.hosts if host.address]
        return tuple(sorted(known, key=lambda each: (each[0].version, int(each[0]), each[1].host)))

    def host(self, name: HostName) -> HostState | None:
        """What that host said, or None where it did not answer or was not asked."""
        return self._hosts_by_name.get(name)

    @cached_property
    def _hosts_by_name(self) -> dict[HostName, HostState]:
        return {host.host: host for host in self.hosts}

    def digest(self) -> Sha256:
        """SHA-256 of the look, but for what changes by itself: health, and how full foreign things make
        a host.
        """
        recording = _Recording(FORMAT_VERSION, self)
        return sha256_hex(_recording_adapter().dump_json(recording, exclude=_BY_ITSELF))


@dataclass(frozen=True, slots=True)
class _Recording:
    format_version: int
    observed: Observed


# A log that grows must not make every signed plan stale; where it matters, the steps come out different.
_BY_ITSELF: dict[str, Any] = {
    "observed": {"hosts": {"__all__": {"foreign": True}}, "sick": True, "failed": True}
}


@lru_cache(maxsize=1)
def _recording_adapter() -> TypeAdapter[_Recording]:
    return TypeAdapter(_Recording)


def to_json(observed: Observed) -> bytes:
    """Write a look down, for ``plan --snapshot`` and for tests."""
    return _recording_adapter().dump_json(_Recording(FORMAT_VERSION, observed), indent=2)


def from_json(data: bytes) -> Observed:
    """Read what ``to_json`` wrote. Raises ValueError on anything else."""
    recording = _recording_adapter().validate_json(data)
    if recording.format_version != FORMAT_VERSION:
        raise ValueError(f"format_version {recording.format_version} is not {FORMAT_VERSION}")
    return recording.observed
