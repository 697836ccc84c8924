"""How a machine migrates, and between which hosts it can: asked for, or for a rule's sake, it is the same."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.actions import Terms
from reconciler.planner.placement.ledger import Site
from reconciler.specs.desired import Fleet, Host, HostName
from reconciler.state import InstanceState

_SLOWEST_MIB_A_SECOND = 10
_AT_LEAST_S = 120


def terms_of(fleet: Fleet, state: InstanceState, target: Host, *, cold: bool = False) -> Terms:
    """How a machine migrates to a host of its fleet."""
    limits, copies = fleet.migrations, copies_between(fleet.host(state.host), target)
    takes = state.applied.resources
    if cold:
        # What has arrived is read again.
        seconds = 2 * takes.all_disk_mib // _SLOWEST_MIB_A_SECOND if copies else 0
        return Terms(copies, timeout_s=limits.timeout_s or _AT_LEAST_S + seconds, cold=True)
    # A guest that writes makes much of its memory go over the line more than once.
    amount = 3 * takes.memory_mib + (takes.all_disk_mib if copies else 0)
    speed = min(_SLOWEST_MIB_A_SECOND, limits.bandwidth_mib or _SLOWEST_MIB_A_SECOND)
    return Terms(
        copies,
        # Two copies of a disk have two locks. Only a shared disk's keeps a machine from running twice when
        # the daemons lose each other at the end, and between the two of them nobody watches over that.
        None if copies else target.peer,
        limits.bandwidth_mib,
        limits.downtime_ms,
        limits.timeout_s or _AT_LEAST_S + amount // speed,
    )


def copies_between(source: Host | None, target: Host) -> bool:
    """Whether the disks go along: the two do not share their pool."""
    return source is None or source.storage is None or source.storage != target.storage


def unlike(source: Site, target: Site) -> str | None:
    """Why machines of one host cannot go to another; None where they can."""
    assert source.state is not None, "it was seen there"
    assert target.state is not None, "asked only of what answered"
    rows = (
        ("is in cluster", target.host.cluster, source.host.cluster),
        ("is reached by", target.host.connect.scheme, source.host.connect.scheme),
        ("runs", target.host.hypervisor, source.host.hypervisor),
        ("is", target.state.arch, source.state.arch),
    )
    return next(
        (f"{what} {there}, and {source.name} {what} {here}" for what, there, here in rows if there != here),
        None,
    )


def in_its_way(state: InstanceState, source: Site, target: Site) -> str | None:
    """Which of its disks cannot go along, or be made at the destination."""
    return _stays_behind(state, source.host, target.host) or _has_its_disk(state, source, target)


def _stays_behind(state: InstanceState, source: Host, target: Host) -> str | None:
    """A disk neither copied nor there: of two hosts that share a pool, each has any other to itself."""
    own = next((disk for disk in state.applied.disks if disk.pool), None)
    if own is None or copies_between(source, target):
        return None
    return (
        f"shares storage {target.storage} with {source.name}, so that no disk is copied, "
        f"and its disk {own.name} is in pool {own.pool} of {source.name}"
    )


def _has_its_disk(state: InstanceState, source: Site, target: Site) -> str | None:
    """Disks of that name at the destination that no journey explains."""
    there = target.state
    assert there is not None, "asked only of what answered"
    if not copies_between(source.host, target.host) or target.name in ends_of(state):
        return None  # there is only one of each, or what is there is swept first
    own = {disk.name for disk in state.applied.disks}
    kept = sorted(volume.disk for volume in there.volumes if volume.key == state.key and volume.disk in own)
    if not kept:
        return None
    # Whoever removes it where there is one pool removes the only one.
    return (
        f"has a disk {kept[0]} of it already: if the two hosts share their pool, say so "
        "(hosts.<name>.storage); if it is kept from before, remove it by hand"
    )


def ends_of(state: InstanceState) -> tuple[HostName, ...]:
    """The hosts between which its last migration was, where that is not tidied up."""
    return () if state.journey is None else (state.journey.source, state.journey.destination)


def untidied(state: InstanceState, sites: Iterable[Site]) -> str:
    """Why what its last migration left cannot be tidied up now; empty where it can, or there is nothing."""
    silent = [site.name for site in sites if site.state is None and site.name in ends_of(state)]
    return f"its last migration cannot be tidied up: {silent[0]} does not answer" if silent else ""
