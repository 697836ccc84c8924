"""How many more would fit, for people and for machines."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.planner.capacity import Capacity
from reconciler.render.json import FORMAT_VERSION, Json, refusals_json
from reconciler.render.words import printable


def capacity_json(capacity: Capacity) -> Json:
    """The count, where they would be, and what each host has against the next."""
    return {
        "format_version": FORMAT_VERSION,
        "like": capacity.like,
        "count": capacity.count,
        "hosts": dict(capacity.hosts),
        "refusals": refusals_json(capacity.refusals),
        "reasons": dict(capacity.reasons),
        "unknown_hosts": [{"host": each.host, "reason": each.reason} for each in capacity.unknown],
    }


def capacity_text(capacity: Capacity) -> str:
    """The count first, then hosts, then reasons."""
    return printable("\n".join(_lines(capacity)))


def _lines(capacity: Capacity) -> Iterator[str]:
    more = "" if capacity.refusals else " or more"
    yield f"{capacity.count}{more} instances like those of {capacity.like} would fit"
    yield from (f"  + {host}: {count}" for host, count in capacity.hosts)
    if capacity.refusals:
        yield "The next would not:"
    yield from (f"  ! {count} {_hosts(count)}: {reason}" for reason, count in capacity.reasons)
    yield from (f"  ? {each.host} is not counted on: {each.reason}" for each in capacity.unknown)


def _hosts(count: int) -> str:
    return "host" if count == 1 else "hosts"
