"""What the fleet looks like beside what it should be: the answer to ``reconcile status``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from reconciler.engine.cycle import Round
from reconciler.plan import Await, Change, Origin, Step, subject
from reconciler.specs.desired import HostName, Instance, InstanceName
from reconciler.state import (
    Absent,
    HostUnknown,
    InDoubt,
    InstanceState,
    Observed,
    Running,
    Stopped,
    Unknown,
)


@dataclass(frozen=True, slots=True)
class InstanceStatus:
    """One instance: ``state`` in a word, ``host`` where it is (empty where it is not anywhere).

    ``pending`` is the action the next apply would take (None: none); ``drift`` says that the
    machine is not what was last applied; ``notes`` says why it is left as it is.
    """

    name: InstanceName
    service: str
    component: str
    state: str
    host: str
    pending: Step | None
    drift: bool
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RetainedDisk:
    """A disk whose machine is gone, kept until the same instance returns."""

    host: HostName
    instance: InstanceName
    disk: str
    size_mib: int | None


@dataclass(frozen=True, slots=True)
class Status:
    """The whole fleet, sorted by name."""

    instances: tuple[InstanceStatus, ...]
    retained: tuple[RetainedDisk, ...]
    unknown: tuple[HostUnknown, ...]


def status_of(current: Round) -> Status:
    """Lay what was observed beside what is desired and planned."""
    steps = {subject(step.action): step for step in current.plan.steps if not isinstance(step.action, Await)}
    notes = {entry.instance: entry.refusals for entry in current.plan.blocked}

    def row(name: InstanceName, service: str, component: str, seen: tuple[str, str]) -> InstanceStatus:
        step = steps.get(name)
        refusals = notes.get(name, ())
        state, host = seen
        said = tuple(r.reason if r.host in ("*", host) else f"{r.host}: {r.reason}" for r in refusals)
        return InstanceStatus(name, service, component, state, host, step, _drifted(step), said)

    rows = [
        row(want.name, want.key.service, want.key.component, _seen(want, current))
        for want in current.desired.instances
    ]
    wanted = {want.uuid for want in current.desired.instances}
    for state in _states(current.observed):
        if state.uuid not in wanted:
            seen = (state.power.value, str(state.host))
            rows.append(row(state.name, state.key.service, state.key.component, seen))
    return Status(
        instances=tuple(sorted(rows, key=lambda entry: (entry.service, entry.component, entry.name))),
        retained=tuple(_retained(current.observed)),
        unknown=current.observed.unknown,
    )


def _states(observed: Observed) -> Iterable[InstanceState]:
    return (state for host in observed.hosts for state in host.instances)


def _drifted(step: Step | None) -> bool:
    if step is None:
        return False
    return any(isinstance(why, Change) and why.origin is Origin.DRIFT for why in step.because)


def _seen(want: Instance, current: Round) -> tuple[str, str]:
    """State in a word, and the host."""
    everywhere = frozenset(host.name for host in current.desired.fleet.hosts)
    match current.observed.sighting(want.uuid, could_be_on=everywhere):
        case Running(state=state) | Stopped(state=state):
            return state.power.value if state.complete else "incomplete", state.host
        case Absent():
            return "absent", ""
        case Unknown(hosts=hosts):
            return "unknown", " or ".join(hosts)
        case InDoubt(states=states):
            return "in doubt", ", ".join(state.host for state in states)


def _retained(observed: Observed) -> Iterable[RetainedDisk]:
    for host in observed.hosts:
        for volume in host.retained:
            yield RetainedDisk(host.host, volume.key.name, volume.disk, volume.size_mib)
