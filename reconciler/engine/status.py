"""What the fleet looks like beside what it should be: the answer to ``reconcile status``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from reconciler.actions import Await, RecordAction, subject
from reconciler.engine.cycle import Cycle
from reconciler.engine.rounds import Round
from reconciler.engine.waiting import says_no
from reconciler.errors import HostError
from reconciler.plan import Change, Origin, Step
from reconciler.sighting import Absent, InDoubt, Running, Stopped, Stranded, Unknown, sighting_of
from reconciler.specs.desired import HostName, Instance, InstanceName, InstanceUuid
from reconciler.specs.disks import DEFAULT_POOL
from reconciler.state import HostUnknown, InstanceState, Observed


class Health(StrEnum):
    """What an instance says of itself."""

    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    STARTING = "starting"
    """Not healthy, and started so lately that it need not be."""
    UNKNOWN = "unknown"
    """It was not asked, or could not be."""
    NONE = "none"
    """It has no health check."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Somebody's health, and why it is no better."""

    health: Health
    why: str = ""


@dataclass(frozen=True, slots=True)
class InstanceStatus:
    """One instance: ``state`` in a word, ``host`` where it is (empty where it is not anywhere).

    ``pending`` is the action the next apply would take (None: none); ``drift`` says that the
    machine is not what was last applied; ``notes`` says why it is left as it is. ``health`` in a word.
    """

    name: InstanceName
    service: str
    component: str
    state: str
    host: str
    pending: Step | None
    drift: bool
    notes: tuple[str, ...]
    health: Health = Health.NONE


@dataclass(frozen=True, slots=True)
class RetainedDisk:
    """A disk whose machine is gone, kept until the same instance returns."""

    host: HostName
    instance: InstanceName
    disk: str
    size_mib: int | None
    pool: str


@dataclass(frozen=True, slots=True)
class Status:
    """The whole fleet, sorted by name."""

    instances: tuple[InstanceStatus, ...]
    retained: tuple[RetainedDisk, ...]
    unknown: tuple[HostUnknown, ...]


async def health_of(current: Round, cycle: Cycle) -> Mapping[InstanceUuid, Condition]:
    """Ask everybody who runs and has a health check, once."""
    asked = {each.instance.uuid: each.instance for each in current.askable}
    said = await cycle.hosts.health(current.askable)
    young = await cycle.journal.started()
    return {
        uuid: Condition(_health(asked[uuid], answer, young, cycle.now()), answer.message if answer else "")
        for uuid, answer in said.items()
    }


def _health(
    instance: Instance, answer: HostError | None, started: Mapping[str, datetime], now: datetime
) -> Health:
    if answer is None:
        return Health.HEALTHY
    if not says_no(answer):
        return Health.UNKNOWN
    since, check = started.get(instance.name), instance.health
    is_young = since and check and now - since < timedelta(seconds=check.start_period)
    return Health.STARTING if is_young else Health.UNHEALTHY


def status_of(current: Round, health: Mapping[InstanceUuid, Condition] = {}) -> Status:
    """Lay what was observed beside what is desired and planned, and beside what was said of ``health``."""
    aside = Await | RecordAction
    steps = {subject(step.action): step for step in current.plan.steps if not isinstance(step.action, aside)}
    notes = {entry.instance: entry.refusals for entry in current.plan.blocked}

    def row(name: InstanceName, service: str, component: str, seen: tuple[str, str]) -> InstanceStatus:
        step = steps.get(name)
        refusals = notes.get(name, ())
        state, host = seen
        said = tuple(r.reason if r.host in ("*", host) else f"{r.host}: {r.reason}" for r in refusals)
        return InstanceStatus(name, service, component, state, host, step, _drifted(step), said)

    rows = [
        _with_health(row(want.name, want.key.service, want.key.component, _seen(want, current)), want, health)
        for want in current.desired.instances
    ]
    wanted = {want.uuid for want in current.desired.instances}
    for state in _states(current.observed):
        if state.uuid not in wanted:
            seen = (state.power.value, str(state.host))
            rows.append(row(state.name, state.key.service, state.key.component, seen))
    return Status(
        instances=tuple(sorted(rows, key=lambda entry: (entry.service, entry.component, entry.name))),
        retained=tuple(_retained(current)),
        unknown=current.observed.unknown,
    )


def _with_health(
    entry: InstanceStatus, want: Instance, health: Mapping[InstanceUuid, Condition]
) -> InstanceStatus:
    if want.health is None:
        return entry
    found = health.get(want.uuid, Condition(Health.UNKNOWN))
    return replace(entry, health=found.health, notes=(*entry.notes, *([found.why] if found.why else [])))


def _states(observed: Observed) -> Iterable[InstanceState]:
    return (state for host in observed.hosts for state in host.instances)


def _drifted(step: Step | None) -> bool:
    if step is None:
        return False
    return any(isinstance(why, Change) and why.origin is Origin.DRIFT for why in step.because)


def _seen(want: Instance, current: Round) -> tuple[str, str]:
    """State in a word, and the host."""
    everywhere = frozenset(host.name for host in current.desired.fleet.hosts)
    match sighting_of(current.observed, want.uuid, could_be_on=everywhere):
        case Running(state=state) | Stopped(state=state) | Stranded(state=state):
            return state.power.value if state.complete else "incomplete", state.host
        case Absent():
            return "absent", ""
        case Unknown(hosts=hosts):
            return "unknown", " or ".join(hosts)
        case InDoubt(states=states):
            return "in doubt", ", ".join(state.host for state in states)


def _retained(current: Round) -> Iterable[RetainedDisk]:
    """Disks whose machine is gone: from their host and from all that share its pool, who all answer."""
    fleet, observed = current.desired.fleet, current.observed
    there = {(state.key, state.host) for state in _states(observed)}
    for host in observed.hosts:
        for volume in host.retained:
            # No other pool of theirs is shared.
            sharing = frozenset([host.host]) if volume.pool else fleet.sharing(host.host)
            if any(observed.host(other) is None for other in sharing):
                continue
            if all((volume.key, other) not in there for other in sharing):
                yield RetainedDisk(
                    host.host, volume.key.name, volume.disk, volume.size_mib, volume.pool or DEFAULT_POOL
                )
