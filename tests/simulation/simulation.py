"""One schedule from its first fault to 24 hours after its last."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random

from reconciler.actuators.sim.host import PHYSICAL
from reconciler.actuators.sim.things import Domain
from reconciler.actuators.sim.view import view
from reconciler.engine import backoff
from reconciler.engine.rounds import decide
from reconciler.plan import BlockKind
from reconciler.planner.prepare import prepared
from reconciler.specs.desired import Desired, Instance
from reconciler.state import Observed, Power
from tests.simulation import faults as kinds
from tests.simulation import mischief
from tests.simulation.controllers import Controller, Directory, Scene
from tests.simulation.ending import orphans, unlike, untied
from tests.simulation.faults import Fault
from tests.simulation.laws import Laws
from tests.simulation.memory import Disk
from tests.simulation.places import Happened, Place
from tests.simulation.scenario import Result, Scenario
from tests.simulation.timing import Stuck, later, run_virtually

DAY = 24 * 3600.0
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
WORK = 4000.0
"""Seconds after which the longest call that hung has been given up: the upload of an image."""
SETTLED = 1.0


def simulate(scenario: Scenario) -> Result:
    """Run one schedule."""
    simulation = _Simulation(scenario)
    try:
        run_virtually(simulation.main())
    except Stuck as error:
        simulation.laws.broken.append(f"- stuck: {error}")
    return Result(
        scenario,
        tuple(simulation.laws.broken),
        tuple(simulation.trace),
        dict(simulation.calls),
        simulation.end,
    )


class _Simulation:
    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.trace: list[str] = []
        self.calls: Counter[str] = Counter()
        self.end: tuple[str, ...] = ()
        self._armed: list[Fault] = [fault for fault in scenario.faults if fault.nth is not None]
        self._happenings = 2 * len(scenario.faults)
        self._wall = timedelta()
        self._restart = 5.0
        self._controllers: list[Controller] = []
        fleet = scenario.files.fleet
        self.places = tuple(Place(host, self._happened) for host in fleet.hosts)
        self.laws = Laws(fleet.name, self.places, self._now)
        self.directory = Directory(scenario.files)
        self.disk = Disk()
        self.scene = Scene(
            {place.name: place for place in self.places},
            self.laws,
            self.directory,
            self.disk,
            strike=self._strike,
            delay=lambda _: 0.5 + 7 * (len(self.trace) % 5),
            now=self._now,
            note=self._note,
            died=lambda _: later(self._restart, self._keep_watching),
            crashed=lambda who, error: self.laws.breach("crash", f"{who.name}: {error!r}"),
        )

    async def main(self) -> None:
        self._keep_watching()
        for fault in self.scenario.faults:
            if fault.nth is None:
                await self._until(fault.at)
                self._note(f"fault {fault.kind} {fault.number} {fault.seconds}")
                self._inflict(fault)
        last = max((fault.at + fault.seconds for fault in self.scenario.faults), default=0.0)
        await self._until(max(last, 60.0))
        self._heal()
        await self._converge()
        if not self.laws.broken:  # what has failed is not watched for another day
            await self._rest()
        for controller in self._controllers:
            await controller.process.bury()

    # Faults

    def _inflict(self, fault: Fault) -> None:
        place = self.places[fault.number % len(self.places)]
        family, _, what = fault.kind.partition(":")
        if fault.kind in kinds.WIRE or (family == "journal" and what != "full"):
            self._armed.append(fault)
        elif fault.kind in mischief.BOXES:
            mischief.BOXES[fault.kind](place, fault)
        elif fault.kind in kinds.IMAGES:
            mischief.image(self.places, fault)
        elif fault.kind in mischief.HANDS or fault.kind == "human:migrate":
            mischief.by_human(self.places, fault)
        elif family == "edit":
            self.directory.files = self.directory.files.edited(what, fault.number)
        else:
            _OTHERS[fault.kind](self, place, fault)

    def _strike(self, call: str, place: Place | None) -> str:
        number = self.calls[call]
        self.calls[call] += 1
        for fault in self._armed:
            family, _, what = fault.kind.partition(":")
            if family != call:
                continue
            if fault.nth is not None and fault.nth != number:
                continue
            if fault.nth is None and place and self.places[fault.number % len(self.places)] is not place:
                continue
            self._armed.remove(fault)
            self._restart = min(60.0, max(1.0, fault.seconds))
            return what
        return ""

    def journal_full(self, _: Place, fault: Fault) -> None:
        self.disk.full = True
        later(fault.seconds, setattr, self.disk, "full", False)

    def kill(self, _: Place, fault: Fault) -> None:
        self._restart = min(60.0, fault.seconds)
        if living := self._living():
            living[fault.number % len(living)].kill()

    def pause(self, _: Place, fault: Fault) -> None:
        if living := self._living():
            controller = living[fault.number % len(living)]
            controller.process.pause()
            # A host hears nothing of it for a while, and gives it up.
            for wire in controller.wires:
                if wire.session is not None and fault.seconds > 20:
                    later(20.0, wire.place.end, wire.session)
            later(fault.seconds, controller.process.resume)

    def apply(self, _: Place, fault: Fault) -> None:
        name = f"apply{len(self._controllers)}"
        controller = Controller(name, self.scene, Random(fault.number))
        self._controllers.append(controller)
        controller.apply()

    def migrate(self, _: Place, fault: Fault) -> None:
        name = f"migrate{len(self._controllers)}"
        controller = Controller(name, self.scene, Random(fault.number))
        self._controllers.append(controller)
        controller.move(fault.number)

    def stop(self, _: Place, fault: Fault) -> None:
        self._restart = min(60.0, fault.seconds)
        for controller in self._living():
            controller.interruption.ask()
            if fault.number % 2:
                later(1.0, controller.interruption.ask)
        later(self._restart, self._keep_watching)

    def wall(self, _: Place, fault: Fault) -> None:
        sign = 1 if fault.kind.endswith("ahead") else -1
        self._wall += sign * timedelta(seconds=fault.seconds * 20)

    def _heal(self) -> None:
        self._note("everything is well again")
        self._armed = [fault for fault in self._armed if fault.nth is not None]
        self.disk.full = False
        for controller in self._controllers:
            controller.process.resume()
        for place in self.places:
            mischief.healed(place)
        # What refused its human for want of a network is tried again once there has been a round.
        for wait in (0.0, self.scenario.resync):
            later(wait, mischief.advised, self.places)
        self.directory.files = self.directory.files.mended()
        self._keep_watching()

    # Controllers

    def _living(self) -> list[Controller]:
        return [controller for controller in self._controllers if controller.alive]

    def _keep_watching(self) -> None:
        if any(controller.name.startswith("watch") for controller in self._living()):
            if any(controller.interruption.asked for controller in self._living()):
                later(5.0, self._keep_watching)
            return
        name = f"watch{len(self._controllers)}"
        luck = Random(f"luck/{self.scenario.seed}/{name}")
        controller = Controller(name, self.scene, luck, self.scenario.resync)
        self._controllers.append(controller)
        controller.watch()

    # The end

    async def _converge(self) -> None:
        """Three rounds and the longest rest, and what a round takes."""
        rest = backoff.LONGEST_S * (1 + backoff.JITTER)
        healed = self._time()
        await self._until(healed + 3 * self.scenario.resync + rest + WORK)
        if unlike(self._wanted(), self.places):
            # What the budget of the hour does not allow is done in the next.
            await self._until(self._time() + 3600.0 + 2 * self.scenario.resync)
        held = self._held()
        if self._cramped():
            return
        for name, why in unlike(self._wanted(), self.places).items():
            if held.get(name) not in _EXCUSES:
                self.laws.breach("converge", f"{name} {why} ({held.get(name, 'and nothing holds it')})")

    def _cramped(self) -> bool:
        """Whether some host is too full for what its machines need, in a way that nobody can plan.

        How large an image is shows when it is there; and humans move machines without counting. What
        meets that is tried again, for ever.
        """
        wanted = {each.uuid: each for each in self._wanted().instances}
        return any(
            uuid in wanted and _is_too_full(place, domain, wanted[uuid])
            for place in self.places
            for uuid, domain in place.box.domains.items()
        )

    def _truth(self, fleet: str) -> Observed:
        states = tuple(view(place.box, fleet, place.host.capacity or PHYSICAL) for place in self.places)
        return Observed(fleet, states)

    def _wanted(self) -> Desired:
        """What the files say, and what follows from it: addresses, and what guests are told of each other."""
        desired = self.directory.files.desired()
        return prepared(desired, self._truth(desired.fleet.name)).desired

    def _held(self) -> dict[str, BlockKind]:
        """What the planner says about the truth."""
        desired = self.directory.files.desired()
        current = decide(desired, self._truth(desired.fleet.name))
        return {str(blocked.instance): blocked.kind for blocked in current.plan.blocked}

    async def _rest(self) -> None:
        """Nothing is left to do, and for a day nothing is done."""
        self.laws.calm = not self._cramped()
        await self._until(self._time() + DAY)
        self.laws.calm = False
        await self._last_round()
        rounds, reasons = sum(each.rounds for each in self._controllers), self._happenings
        quiet = 60 + 3 * reasons + 3 * self._time() / self.scenario.resync
        if rounds > quiet and not self._cramped():
            self.laws.breach("busy", f"{rounds} rounds, and {reasons} reasons for one")
        for place in self.places:
            if place.owner is not None:
                self.laws.breach("lock", f"{place.owner.who} holds {place.name} and does nothing")
        for entry in self.disk.entries.values():
            if not entry.outcome:
                self.laws.breach("journal", f"{entry.step} has no outcome")
        for entry in self.disk.overruled:
            self.laws.breach("journal", f"{entry.step} was settled while its run was at it")
        excused = self.laws.retained | self.laws.abandoned
        for orphan in orphans(self.laws.fleet, self.places, excused):
            self.laws.breach("orphans", orphan)
        for loose in untied(self.laws.fleet, self.places):
            self.laws.breach("tied", loose)
        domains = [domain for place in self.places for domain in place.box.domains.values()]
        volumes = [volume for place in self.places for volume in place.box.volumes.items()]
        self.end = (
            *sorted(f"{each.name} {each.power} {each.live}" for each in domains),
            *sorted(f"{volume.key.name}/{volume.disk} {size} MiB" for volume, size in volumes),
        )

    async def _last_round(self) -> None:
        """Where something is tried for ever a day may end in the middle of a round, which is let end.

        Whoever does nothing and holds a lock holds it as long as that, too.
        """
        until = self._time() + WORK
        while self._at_work() and self._time() < until and self._cramped():
            await asyncio.sleep(SETTLED)

    def _at_work(self) -> bool:
        unsettled = any(not entry.outcome for entry in self.disk.entries.values())
        return unsettled or any(place.owner is not None for place in self.places)

    # Small things

    def _happened(self, event: Happened) -> None:
        self._happenings += 1
        who = "late" if event.late else event.session.who if event.session else "world"
        self._note(f"{event.place.name} {who} {event.told()}")
        self.laws.happened(event)

    def _note(self, line: str) -> None:
        self.trace.append(f"{self._time():.3f} {line}")

    async def _until(self, time: float) -> None:
        await asyncio.sleep(max(0.0, time - self._time()))

    def _now(self) -> datetime:
        return EPOCH + timedelta(seconds=self._time()) + self._wall

    def _time(self) -> float:
        return asyncio.get_running_loop().time()


def _is_too_full(place: Place, domain: Domain, wanted: Instance) -> bool:
    capacity, machine = place.host.capacity or PHYSICAL, wanted.machine
    running = [each for each in place.box.domains.values() if each.power is not Power.STOPPED]
    memory = machine.memory_mib + sum(each.live.memory_mib for each in running if each.uuid != domain.uuid)
    has_image = place.box.images.issuperset(machine.image.digests)
    return memory > capacity.memory_mib or (
        not has_image and sum(place.box.volumes.values()) >= capacity.disk_mib
    )


_EXCUSES = frozenset({BlockKind.NO_PLACE, BlockKind.GUARD, BlockKind.INVALID, BlockKind.REFUSED})

_OTHERS = {
    "journal:full": _Simulation.journal_full,
    "controller:kill": _Simulation.kill,
    "controller:pause": _Simulation.pause,
    "controller:apply": _Simulation.apply,
    "controller:stop": _Simulation.stop,
    "controller:migrate": _Simulation.migrate,
    "human:foreign": lambda _, place, fault: mischief.foreign(place, fault),
    "human:foreign-stop": lambda _, place, fault: mischief.foreign_stop(place, fault),
    "human:unlink": lambda _, place, fault: mischief.unlink(place, fault),
    "human:wall-ahead": _Simulation.wall,
    "human:wall-back": _Simulation.wall,
}
