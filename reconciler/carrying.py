"""Which end of a cold migration counts: whose disks are the newest, whatever cut it short.

The source counts until the destination has everything (only then is it ``complete``) and the source's own
mark says ``handed_over``. That is written before the machine is started over there, so no end that counts
is older than one that has run. Who is taken back is made incomplete at the destination first.
"""

from __future__ import annotations

from typing import Protocol

from reconciler.specs.desired import HostName
from reconciler.state import Journey


class End(Protocol):
    """What is remembered of a machine at one end of its journey."""

    @property
    def complete(self) -> bool:
        """Whether it has all its disks there."""
        ...

    @property
    def journey(self) -> Journey | None:
        """The journey that it is on."""
        ...


def is_carried(*ends: End | None) -> bool:
    """Whether it is on a cold journey, by any of these."""
    return any(end is not None and end.journey is not None and end.journey.cold for end in ends)


def was_handed_over(source: End) -> bool:
    """Whether the end that it leaves has given it up."""
    return source.journey is not None and source.journey.handed_over


def source_counts(source: End, destination: End | None) -> bool:
    """Whether the disks that count are those at the end that it leaves."""
    if not source.complete:
        return False
    if not was_handed_over(source):
        return True
    return destination is not None and not destination.complete  # it is being taken back


def counts(host: HostName, home: End, other: End | None) -> bool:
    """Whether the disks on ``host``, of which ``home`` is remembered, are those that count."""
    journey = home.journey
    if journey is None:
        return False
    if host == journey.source:
        return source_counts(home, other)
    return home.complete and (other is None or not source_counts(other, home))


def may_be_tidied(host: HostName, home: End, other: End | None, *, runs: bool) -> bool:
    """Whether what the other end of a cold journey has of a machine is left over, for it lives on ``host``.

    An end that gave it up is tidied only while it runs where it came; where it runs and is whole, it lives.
    """
    journey = home.journey
    if journey is None or not home.complete:
        return False
    if other is None:
        return True
    if host == journey.source:
        return source_counts(home, other)
    return runs
