"""What is kept of a machine while its component is changed: the form to which it can be given back.

It is kept from before it is changed until its new form is taken for good, or refused. Whoever is changed
twice before that keeps the first form: nobody ever took the second one for good.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from reconciler.specs.desired import Form, Instance, Machine
from reconciler.specs.health import OnFailure
from reconciler.specs.unsettled import NOT_KNOWN

_ROOT = "root"


@dataclass(frozen=True, slots=True)
class Record:
    """What a host remembers of a machine: what it is, whether it is that wholly, and what it was."""

    applied: Machine
    complete: bool
    former: Machine | None = None


def kept(record: Record, instance: Instance) -> Machine | None:
    """What is to be kept of a machine once it is ``instance``; None where it is not to be given back."""
    if instance.form is Form.AS_IT_IS:
        return record.former
    if instance.form is Form.AS_IT_WAS or instance.update.on_failure is not OnFailure.ROLLBACK:
        return None
    former = record.former
    if former is None and record.complete and NOT_KNOWN not in (record.applied.context, record.applied.peers):
        former = record.applied
    return None if former is None or _alike(former, instance.machine) else former


def meanwhile(record: Record, instance: Instance) -> Machine | None:
    """What is to be kept of a machine while it is being made into ``instance``: all that may be needed."""
    return kept(record, instance) or record.former


def given_back(record: Record) -> Machine | None:
    """What it was, with the data disks that it has now: no data is taken back, and no disk shrinks."""
    former = record.former
    if former is None:
        return None
    now = {disk.name: disk for disk in record.applied.disks}
    roots = tuple(
        replace(disk, size_mib=max(disk.size_mib, now[disk.name].size_mib if disk.name in now else 0))
        for disk in former.disks
        if disk.name == _ROOT
    )
    data = tuple(disk for disk in record.applied.disks if disk.name != _ROOT)
    return replace(former, disks=roots + data, protect=record.applied.protect, surge=record.applied.surge)


def _alike(one: Machine, other: Machine) -> bool:
    """Whether a guest would boot the same."""
    return replace(one, peers=None, protect=other.protect) == replace(other, peers=None)
