"""How it stands with each host: what it has, who takes how much of it, and whether it is given more."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reconciler.planner.placement.footprints import footprint, kept_disks
from reconciler.planner.placement.ledger import Ledger, Site
from reconciler.planner.placement.standing import why_empty, with_maintenance
from reconciler.planner.scope import scoped, sites_of, sorted_desired, sorted_observed
from reconciler.specs.desired import Desired, Host, HostName, Resources
from reconciler.state import HostState, Observed


class HostStanding(StrEnum):
    """What a host is there for now."""

    UP = "up"
    CORDONED = "cordoned"
    """It gets nothing new."""
    DRAINING = "draining"
    """A cordon says so, and what runs there leaves as well."""
    MAINTENANCE = "maintenance"
    """The files say so, and what runs there leaves as well."""
    SILENT = "silent"
    """It did not answer."""


@dataclass(frozen=True, slots=True)
class Room:
    """What a host that answered has, and who has it.

    ``usable`` is capacity × overcommit − ``reserved``; ``ours`` counts machines and disks that are kept;
    ``free`` is what is left of ``usable``, negative where more is taken.
    """

    capacity: Resources
    reserved: Resources
    usable: Resources
    ours: Resources
    foreign: Resources
    free: Resources


@dataclass(frozen=True, slots=True)
class HostReport:
    """One host. ``why`` says more of its standing; ``room`` is None where it did not answer."""

    host: HostName
    cluster: str
    labels: tuple[tuple[str, str], ...]
    standing: HostStanding
    why: str = ""
    instances: int = 0
    room: Room | None = None


def hosts_of(desired: Desired, observed: Observed) -> tuple[HostReport, ...]:
    """Every host of the fleet, by name."""
    desired, observed = sorted_desired(desired), sorted_observed(observed)
    seen = scoped(observed, desired.fleet)
    ledger = Ledger.opened(sites_of(with_maintenance(desired, seen).fleet, seen))
    return tuple(_report(site, ledger) for site in ledger.sites)


def _report(site: Site, ledger: Ledger) -> HostReport:
    host, state = site.host, site.state
    empty = why_empty(host, state)
    if state is None:
        why = f"{site.silence}; it {empty}" if empty else site.silence
        return HostReport(host.name, host.cluster, host.labels, HostStanding.SILENT, why)
    standing, why = HostStanding.UP, ""
    if state.cordon is not None:
        standing = HostStanding.DRAINING if state.cordon.draining else HostStanding.CORDONED
        why = f"is {state.cordon}"
    if empty and standing is not HostStanding.DRAINING:
        standing, why = HostStanding.MAINTENANCE, empty
    room = _room(host, state, ledger)
    return HostReport(host.name, host.cluster, host.labels, standing, why, len(state.instances), room)


def _room(host: Host, state: HostState, ledger: Ledger) -> Room:
    return Room(
        capacity=host.size(state.capacity) + Resources(devices=host.devices),
        reserved=host.reserve,
        usable=host.usable(state.capacity),
        ours=Resources.total(map(footprint, state.instances)) + kept_disks(state),
        foreign=state.foreign,
        free=ledger.free(host.name),
    )
