"""A host that does as it is told: start machines, fail, hang, or lose its replies."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from enum import Enum, auto
from pathlib import Path

from reconciler.actions import Action, Migrate, Resume, Settle, Start
from reconciler.actuators.port import Access, Actuator
from reconciler.engine.hosts import Hosts
from reconciler.engine.interruption import Interruption
from reconciler.engine.logbook import Logbook
from reconciler.engine.patience import Patience
from reconciler.engine.run import Conditions
from reconciler.errors import ActionFailed, HostUnreachable, StoreError
from reconciler.plan import Basis, Cause, Plan, Step, StepId
from reconciler.report import StepReport
from reconciler.specs.desired import (
    Connect,
    Host,
    HostName,
    ImagePart,
    ImageUse,
    Instance,
    InstanceKey,
    InstanceUuid,
    Machine,
    Resources,
    Scheme,
    Sha256,
)
from reconciler.specs.identity import instance_uuid
from reconciler.state import HostState, InstanceState, Live, Power, StoredImage
from reconciler.store.port import Entry, Run, RunId


class Mood(Enum):
    """How a machine's start goes."""

    WELL = auto()
    SAYS_NO = auto()
    REPLY_LOST = auto()
    """Done, but the call ends in an error."""
    LIES = auto()
    """Not done, and the call returns."""
    HANGS = auto()
    BREAKS = auto()
    """A defect of ours."""


def stopped(service: str, host: str = "hv1") -> InstanceState:
    """A stopped machine called ``<service>-x-0``."""
    key = InstanceKey(service, "x", 0)
    machine = Machine(ImageUse("i", kernel=Sha256("0" * 64)), cpus=1, memory_mib=1)
    return InstanceState(
        HostName(host), key, "lab", instance_uuid("lab", key), Power.STOPPED, machine, Live(1, 1)
    )


class ScriptedHost:
    """Starts machines, each in its mood; counts what it is asked and how much at one time."""

    def __init__(self, name: str, moods: Mapping[InstanceState, Mood]) -> None:
        self.host = HostName(name)
        self.moods = {state.uuid: mood for state, mood in moods.items()}
        self.states: dict[InstanceUuid, InstanceState] = {state.uuid: state for state in moods}
        self.asked: list[str] = []
        self.now = self.most = 0
        self.closed = False

    async def observe(self) -> HostState:
        await asyncio.sleep(0)
        return HostState(self.host, Resources(64, 1 << 20, 1 << 20), instances=tuple(self.states.values()))

    async def perform(self, action: Action) -> None:
        assert isinstance(action, Start)
        self.asked.append(action.before.name)
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await self._start(action.before)
        finally:
            self.now -= 1

    async def _start(self, before: InstanceState) -> None:
        mood = self.moods[before.uuid]
        await asyncio.sleep(0)
        if mood is Mood.HANGS:
            await asyncio.Event().wait()
        if mood is Mood.SAYS_NO:
            raise ActionFailed(self.host, "no")
        if mood is Mood.BREAKS:
            raise ZeroDivisionError("a defect")
        if mood is not Mood.LIES:
            self.states[before.uuid] = replace(before, power=Power.RUNNING)
        if mood is Mood.REPLY_LOST:
            raise HostUnreachable(self.host, "the connection was reset")

    async def images(self) -> tuple[StoredImage, ...]:
        return ()

    async def migrate(self, action: Migrate, destination: Actuator) -> None:
        assert isinstance(destination, ScriptedHost)
        for host in (self, destination):
            host.now += 1
            host.most = max(host.most, host.now)
        await asyncio.sleep(0)
        moved = self.states.pop(action.before.uuid)
        if self.moods[moved.uuid] is not Mood.LIES:
            destination.states[moved.uuid] = replace(moved, host=destination.host)
        for host in (self, destination):
            host.now -= 1

    async def reunite(self, action: Resume | Settle, other: Actuator | None) -> None:
        raise AssertionError(action)

    async def probe(self, instance: Instance) -> None:
        return None

    async def lock(self, holder: str) -> None:
        return None

    async def unlock(self) -> None:
        return None

    async def changed(self) -> None:
        await asyncio.Event().wait()

    async def close(self) -> None:
        self.closed = True


class Notes:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def begun(self, step: Step) -> None:
        self.told.append(f"begun {step.id}")

    def ended(self, report: StepReport) -> None:
        self.told.append(f"ended {report.step.id}")


class NoSupplies:
    """Nothing is needed to start a machine."""

    async def image(self, part: ImagePart) -> Path:
        raise AssertionError(part)

    def seed(self, instance: Instance) -> bytes:
        raise AssertionError(instance)

    def telling(self, instance: Instance) -> str:
        raise AssertionError(instance)


def starting(
    *states: InstanceState, needs: Mapping[str, str] | None = None, follows: Mapping[str, str] | None = None
) -> Plan:
    """A plan that starts machines in this order; ``needs`` maps a service to the one it needs, ``follows``
    to the one that must be over before it.
    """
    steps = tuple(
        Step(
            _step_id(state.key.service),
            Start(state.host, state),
            (Cause("stopped"),),
            needs=_step_of(state, needs),
            follows=_step_of(state, follows),
        )
        for state in states
    )
    return Plan(Basis(Sha256("a" * 64), Sha256("b" * 64)), steps)


def _step_of(state: InstanceState, others: Mapping[str, str] | None) -> tuple[StepId, ...]:
    other = (others or {}).get(state.key.service)
    return () if other is None else (_step_id(other),)


def _step_id(service: str) -> StepId:
    return StepId(f"start/{service}")


class Memo:
    """A journal in memory, as a list of what it was told. ``open`` are entries that others left there,
    ``went`` says who was moved when.
    """

    def __init__(
        self, *, full_at: str = "", open: Sequence[Entry] = (), went: Mapping[str, datetime] | None = None
    ) -> None:
        self.told: list[str] = []
        self.went = went or {}
        self.open = list(open)
        self._full_at = full_at

    async def begin(self, run: Run, plan: Plan) -> None:
        self._write(f"begin {run.verb}")

    async def intend(self, run: RunId, step: Step, *, at: datetime) -> None:
        self._write(f"intend {step.id}")

    async def settle(self, run: RunId, report: StepReport, *, at: datetime) -> None:
        self._write(f"settle {report.step.id}: {type(report.outcome).__name__}")

    async def end(self, run: RunId, *, at: datetime) -> None:
        self._write("end")

    async def destroyed_since(self, since: datetime) -> int:
        return 0

    async def unsettled(self) -> Sequence[Entry]:
        return tuple(self.open)

    async def resolve(self, entry: Entry, seen: str, *, at: datetime) -> None:
        self._write(f"resolve {entry.step}: {seen}")
        self.open.remove(entry)

    async def started(self) -> Mapping[str, datetime]:
        return {}

    async def moved(self, since: datetime, until: datetime) -> Mapping[str, datetime]:
        return {name: at for name, at in self.went.items() if since <= at <= until}

    async def spent(self, plan: str) -> bool:
        return False

    async def close(self) -> None:
        return None

    def _write(self, line: str) -> None:
        if self._full_at and line.startswith(self._full_at):
            raise StoreError("history.sqlite", "database or disk is full")
        self.told.append(line)


def logbook(journal: Memo | None = None) -> Logbook:
    """A page of a journal in memory."""
    return Logbook(journal or Memo(), RunId("run"), lambda: datetime(2026, 1, 1, tzinfo=UTC))


def conditions(
    notes: Notes, interruption: Interruption | None = None, *, patience: Patience | None = None
) -> Conditions:
    """Conditions under which nothing waits for long."""
    return Conditions(
        notes,
        interruption or Interruption(),
        patience or Patience(),
        per_host=2,
    )


def hosts_of(*scripted: ScriptedHost, patience: Patience | None = None) -> Hosts:
    """Those hosts, behind the engine's door."""
    by_name = {host.host: host for host in scripted}

    async def opener(host: Host, _: Access) -> Actuator:
        return by_name[host.name]

    hosts = tuple(Host(host.host, Connect(Scheme.SIM, "sim://")) for host in scripted)
    access = Access("lab", read_only=False, store=Path("/nowhere"), supplies=NoSupplies())
    return Hosts(hosts, access, opener=opener, patience=patience or Patience())
