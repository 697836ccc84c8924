"""The controllers: the real loop, and the real round of ``apply``, each as a process that can die."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from random import Random

from reconciler.actions import Action
from reconciler.actuators.port import Access, Actuator
from reconciler.engine import backoff
from reconciler.engine.cycle import Cycle
from reconciler.engine.hosts import Hosts
from reconciler.engine.interruption import Interruption
from reconciler.engine.logbook import Author
from reconciler.engine.loop import Loop, Pace
from reconciler.engine.patience import Patience
from reconciler.engine.rounds import Round, Wish
from reconciler.engine.run import Conditions
from reconciler.engine.ticks import Ticks
from reconciler.errors import InvalidInput, ReconcilerError
from reconciler.plan import Step, StepId
from reconciler.planner import Move
from reconciler.report import Done, Failed, Report, StepReport, Unresolved
from reconciler.specs.desired import Desired, Host, HostName, ImagePart, Instance
from reconciler.state import HostState
from tests.simulation.laws import Laws
from tests.simulation.memory import Disk, MemoryJournal
from tests.simulation.places import Place
from tests.simulation.timing import Process, State
from tests.simulation.wire import Wire
from tests.simulation.wishes import Files

PATIENCE = Patience(image=600.0)


class Directory:
    """The files, as a source: what lies there can be edited at any time."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._waiting: list[asyncio.Future[None]] = []

    @property
    def files(self) -> Files:
        return self._files

    @files.setter
    def files(self, files: Files) -> None:
        self._files = files
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def load(self) -> Desired:
        return self._files.desired()

    async def changed(self) -> None:
        waiting = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        await waiting


class NoSupplies:
    """Nothing is fetched for a simulated host."""

    async def image(self, part: ImagePart) -> Path:
        raise AssertionError(part)

    def seed(self, instance: Instance) -> bytes:
        raise AssertionError(instance)

    def telling(self, instance: Instance) -> str:
        raise AssertionError(instance)


@dataclass
class Scene:
    """What all controllers share."""

    places: dict[str, Place]
    laws: Laws
    directory: Directory
    disk: Disk
    strike: Callable[[str, Place | None], str]
    """What strikes a call (of a host, or of the journal)."""
    delay: Callable[[Place], float]
    now: Callable[[], datetime]
    note: Callable[[str], None]
    died: Callable[[Controller], None]
    crashed: Callable[[Controller, BaseException], None]


@dataclass(eq=False)
class Controller:
    """One process that runs the engine; what it is told, the laws may read."""

    name: str
    scene: Scene
    luck: Random
    resync: float = 600.0
    process: Process = field(init=False)
    journal: MemoryJournal = field(init=False)
    interruption: Interruption = field(init=False)
    shown: Round | None = None
    loads: bool = False
    rounds: int = 0
    done: set[StepId] = field(default_factory=set)
    """Steps of the plan that is carried out, as far as they were reported done."""
    reported: set[StepId] = field(default_factory=set)
    """Those that were reported at all."""
    resting: dict[StepId, float] = field(default_factory=dict)
    """Until when what failed is to be left alone, at the least."""
    locked: dict[HostName, float] = field(default_factory=dict)
    looked: dict[tuple[HostName, int], float] = field(default_factory=dict)
    _looks: list[HostState] = field(default_factory=list)
    wires: list[Wire] = field(default_factory=list)
    over: bool = False

    def __post_init__(self) -> None:
        self.process = Process(self.name)
        self.journal = MemoryJournal(
            self.scene.disk, lambda: self.scene.strike("journal", None), self.kill, self._may_act
        )
        self.interruption = Interruption()

    @property
    def alive(self) -> bool:
        return self.process.state is not State.DEAD and not self.over

    def now(self) -> datetime:
        return self.scene.now()

    def _may_act(self, host: str) -> bool:
        return self.alive and any(
            wire.host == host and wire.place.owner is not None and wire.place.owner is wire.session
            for wire in self.wires
        )

    # What the world does to it

    def watch(self) -> None:
        self.process.start(self._main(self._watch))

    def apply(self) -> None:
        self.process.start(self._main(self._apply))

    def move(self, number: int) -> None:
        """Migrate some instance to some host."""

        async def migrate() -> None:
            desired = await self.load()
            if desired.instances:
                instance = desired.instances[number % len(desired.instances)]
                host = desired.fleet.hosts[number // 11 % len(desired.fleet.hosts)]
                await self._once(Wish(desired, move=Move(instance.name, host.name)))

        self.process.start(self._main(migrate))

    def kill(self) -> None:
        if self.alive:
            self.process.kill()
            for wire in self.wires:
                wire.give_up(wire.session)
            self.scene.note(f"{self.name} is dead")
            self.scene.died(self)

    # What it does

    async def _main(self, verb: Callable[[], Awaitable[None]]) -> None:
        try:
            await verb()
        except ReconcilerError as error:
            self.scene.note(f"{self.name} gives up: {error}")
        except Exception as error:  # noqa: BLE001  any defect of the engine breaks the law that it has none
            self.scene.crashed(self, error)
        finally:
            self.over = True

    async def _watch(self) -> None:
        pace = Pace(self.resync, Ticks())
        loop = Loop(self, self._opened, teller=self, pace=pace, luck=self.luck)
        await loop.run(self.interruption)

    async def _apply(self) -> None:
        await self._once(Wish(await self.load()))

    async def _once(self, wish: Wish) -> None:
        async with self._opened(wish.desired) as cycle:
            await cycle.hosts.lock(str(cycle.author))
            current = await cycle.plan(wish)
            self.planned(current)
            await cycle.resolve(current)
            if current.plan.steps:
                await cycle.carry_out(current.plan, Conditions(self, self.interruption, PATIENCE))

    @asynccontextmanager
    async def _opened(self, desired: Desired) -> AsyncIterator[Cycle]:
        access = Access(desired.fleet.name, False, Path("/nowhere"), NoSupplies())
        async with Hosts(desired.fleet.hosts, access, opener=self._open, patience=PATIENCE) as hosts:
            yield Cycle(hosts, self.journal, Author(self.name, self.name, "0"), self.scene.now)

    async def _open(self, host: Host, access: Access) -> Actuator:
        wire = Wire(self.scene.places[host.name], access, self, self.name)
        self.wires.append(wire)
        await wire.linked()
        return wire

    # Where it reads from

    async def load(self) -> Desired:
        self.loads = False
        self.rounds += 1
        desired = await self.scene.directory.load()
        self.loads = True
        return desired

    async def changed(self) -> None:
        await self.scene.directory.changed()

    # What strikes it

    def strike(self, call: str, place: Place) -> str:
        fate = self.scene.strike(call, place)
        if fate:
            self.scene.note(f"{self.name} {place.name} {call}:{fate}")
        return fate

    def delay(self, place: Place) -> float:
        return self.scene.delay(place)

    def performing(self, wire: Wire, action: Action) -> None:
        self.scene.laws.performing(self, wire.place, action)

    def has_looked(self, state: HostState) -> None:
        self._looks.append(state)  # kept, so that no other look gets its identity
        self.looked[state.host, id(state)] = asyncio.get_running_loop().time()

    def has_locked(self, host: HostName) -> None:
        self.locked[host] = asyncio.get_running_loop().time()

    def has_unlocked(self, host: HostName) -> None:
        self.locked.pop(host, None)

    # What it tells

    def loaded(self, desired: Desired) -> None:
        self.scene.note(f"{self.name} loaded {len(desired.instances)} instances")

    def refused(self, error: InvalidInput) -> None:
        self.scene.note(f"{self.name} cannot load")

    def planned(self, current: Round) -> None:
        self.shown = current
        self.done.clear()
        self.reported.clear()
        kept = {id(state) for state in current.observed.hosts}
        self._looks = [state for state in self._looks if id(state) in kept]
        self.looked = {key: time for key, time in self.looked.items() if key[1] in kept}
        steps = " ".join(step.id for step in current.plan.steps)
        blocked = " ".join(f"{entry.instance}({entry.kind})" for entry in current.plan.blocked)
        unknown = " ".join(each.host for each in current.observed.unknown)
        self.scene.note(f"{self.name} plans [{steps}] blocked [{blocked}] unknown [{unknown}]")

    def carried_out(self, report: Report) -> None:
        return None

    def failed(self, error: ReconcilerError) -> None:
        self.scene.note(f"{self.name} round failed: {error}")

    def begun(self, step: Step) -> None:
        self.scene.note(f"{self.name} begins {step.id}")

    def ended(self, report: StepReport) -> None:
        self.reported.add(report.step.id)
        if isinstance(report.outcome, Done):
            self.done.add(report.step.id)
        if isinstance(report.outcome, Failed | Unresolved) and self.name.startswith("watch"):
            rest = backoff.FIRST_S * (1 - backoff.JITTER)
            self.resting[report.step.id] = asyncio.get_running_loop().time() + rest
        if self.alive:
            self.scene.laws.ended(self, report)
            if report.step.id in self.journal.open:
                self.scene.laws.breach("journal", f"{report.step.id} is over, and no outcome was written")
        self.scene.note(f"{self.name} ended {report.step.id}: {report.outcome}")
