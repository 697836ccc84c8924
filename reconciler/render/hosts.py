"""The hosts of a fleet, for people and for machines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.planner.amounts import mib
from reconciler.planner.hosts import HostReport, HostStanding, Room
from reconciler.planner.placement.standing import why_empty
from reconciler.render.json import FORMAT_VERSION, Json
from reconciler.render.tables import Row, columns, markdown_table
from reconciler.render.words import printable
from reconciler.specs.desired import Host, Resources
from reconciler.specs.resources import pool_in
from reconciler.state import HostState

_HEAD = ("HOST", "CLUSTER", "STATE", "INSTANCES", "FREE CPUS", "FREE MEMORY", "FREE DISK", "LABELS")


def hosts_json(hosts: Sequence[HostReport]) -> Json:
    """Every host with all its amounts; ``room`` is null where it did not answer."""
    return {
        "format_version": FORMAT_VERSION,
        "hosts": [
            {
                "host": each.host,
                "cluster": each.cluster,
                "state": each.standing.value,
                "why": each.why or None,
                "labels": dict(each.labels),
                "instances": each.instances,
                "room": _room(each.room) if each.room else None,
            }
            for each in hosts
        ],
    }


def hosts_text(hosts: Sequence[HostReport]) -> str:
    """A line a host, and one for each that is not simply up."""
    return printable("\n".join((*columns(_rows(hosts)), *_notes(hosts))))


def hosts_markdown(hosts: Sequence[HostReport]) -> str:
    """The same as a table of Markdown."""
    return printable("\n".join((*markdown_table(_rows(hosts)), *(f"\n{each}" for each in _notes(hosts)))))


def cordon_text(host: Host, state: HostState) -> str:
    """Whether it is given anything new."""
    said = f"is {state.cordon}" if state.cordon else why_empty(host, state) or "is given new instances again"
    return printable(f"{host.name} {said}")


def _room(room: Room) -> Json:
    return {
        "capacity": _amount(room.capacity),
        "reserved": _amount(room.reserved),
        "usable": _amount(room.usable),
        "ours": _amount(room.ours),
        "foreign": _amount(room.foreign),
        "free": _amount(room.free),
    }


def _amount(amount: Resources) -> Json:
    return {
        "cpus": amount.cpus,
        "memory_mib": amount.memory_mib,
        "disk_mib": amount.disk_mib,
        "devices": {kind: count for kind, count in amount.devices if pool_in(kind) is None},
        "pools": _pools(amount),
    }


def _rows(hosts: Sequence[HostReport]) -> list[Row]:
    if not any(each.room and _kinds(each.room) for each in hosts):
        return [_HEAD, *(_row(each) for each in hosts)]
    with_devices = [(*_row(each)[:-1], _devices(each.room), _row(each)[-1]) for each in hosts]
    return [(*_HEAD[:-1], "FREE DEVICES", _HEAD[-1]), *with_devices]


def _devices(room: Room | None) -> str:
    if room is None:
        return "?"
    there, free = dict(room.usable.devices), dict(room.free.devices)
    return ", ".join(f"{free.get(kind, 0)} of {there.get(kind, 0)} {kind}" for kind in _kinds(room)) or "-"


def _kinds(room: Room) -> Sequence[str]:
    """The kinds of device that it has, or that are taken of it."""
    kinds = {kind for amount in (room.usable, room.ours, room.free) for kind, _ in amount.devices}
    return sorted(kind for kind in kinds if pool_in(kind) is None)


def _pools(amount: Resources) -> dict[str, int]:
    return {name: mib for kind, mib in amount.pooled if (name := pool_in(kind)) is not None}


def _disks(room: Room) -> str:
    """What is free of each pool; that in which images lie needs no name."""
    free, usable = _pools(room.free), _pools(room.usable)
    others = (
        f"{mib(free.get(name, 0))} of {mib(usable.get(name, 0))} {name}" for name in sorted(free | usable)
    )
    return ", ".join((f"{mib(room.free.disk_mib)} of {mib(room.usable.disk_mib)}", *others))


def _row(report: HostReport) -> Row:
    room, labels = report.room, " ".join(f"{name}={value}" for name, value in report.labels)
    amounts: Row = ("?", "?", "?")
    if room is not None:
        amounts = (
            f"{room.free.cpus} of {room.usable.cpus}",
            f"{mib(room.free.memory_mib)} of {mib(room.usable.memory_mib)}",
            _disks(room),
        )
    count = "?" if room is None else str(report.instances)
    return (report.host, report.cluster, report.standing.value, count, *amounts, labels or "-")


def _notes(hosts: Sequence[HostReport]) -> Iterator[str]:
    for each in hosts:
        if each.standing is HostStanding.SILENT:
            yield f"? {each.host} did not answer: {each.why}"
        elif each.why:
            yield f"# {each.host} {each.why}"
