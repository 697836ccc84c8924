"""The loop goes round when something may have changed, lets failures rest, and ends when it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from random import Random

from reconciler.actions import Action, action_key, subject
from reconciler.engine.cycle import Cycle
from reconciler.engine.interruption import Interruption
from reconciler.engine.logbook import Author
from reconciler.engine.loop import Loop, Pace
from reconciler.engine.rounds import Round
from reconciler.engine.ticks import Ticks
from reconciler.errors import (
    ActionFailed,
    Fault,
    HostUnreachable,
    InvalidInput,
    LockHeld,
    Position,
    ReconcilerError,
)
from reconciler.plan import Step, StepId
from reconciler.planner import after
from reconciler.report import Report
from reconciler.specs.desired import Desired, Instance
from reconciler.specs.health import HealthCheck, OnFailure, TcpCheck, UpdatePolicy
from reconciler.state import HostState, InstanceState, Observed
from reconciler.store.port import Entry, RunId
from tests.builders import desired_of, fleet_of, host, host_state, image_use, instance, replicas, running
from tests.builders import stopped as stopped_instance
from tests.simulation.timing import run_virtually
from tests.unit.engine.scripted import Memo, Mood, Notes, ScriptedHost, hosts_of

WEB = instance("shop-web-0")
DESIRED = desired_of(fleet_of(host("hv1")), WEB)
BROKEN = InvalidInput([Fault(Position("shop.yaml", 1, 1), "half written")])


class Fleet(ScriptedHost):
    """One host with one machine, that can be locked by somebody else or lose its connection."""

    def __init__(self, state: InstanceState, mood: Mood = Mood.WELL) -> None:
        super().__init__("hv1", {state: mood})
        self.deaf = False
        self.locks = 0
        self.holder = ""
        self.happened = asyncio.Event()

    async def observe(self) -> HostState:
        return host_state("hv1", *self.states.values())

    async def lock(self, holder: str) -> None:
        if self.holder:
            raise LockHeld(self.host, self.holder)
        self.locks += 1

    async def perform(self, action: Action) -> None:
        assert self.locks, "nothing is done without the lock"
        await super().perform(action)

    async def changed(self) -> None:
        if self.deaf:
            raise HostUnreachable(self.host, "it cannot be listened to")
        await self.happened.wait()
        self.happened.clear()


class Said(Notes):
    """What the loop said, with the time."""

    def _say(self, what: str) -> None:
        self.told.append(f"{asyncio.get_running_loop().time():.1f} {what}")

    def loaded(self, desired: Desired) -> None:
        self._say("loaded")

    def refused(self, error: InvalidInput) -> None:
        self._say("refused")

    def planned(self, current: Round) -> None:
        self._say(f"planned {len(current.plan.steps)}")

    def carried_out(self, report: Report) -> None:
        self._say("carried out")

    def failed(self, error: ReconcilerError) -> None:
        self._say("failed")

    def times(self, what: str) -> list[float]:
        return [float(line.split(" ")[0]) for line in self.told if line.endswith(what)]


class Scene:
    """A loop over one host, and a directory that can be edited."""

    def __init__(self, fleet: Fleet, journal: Memo | None = None, resync: float = 60.0) -> None:
        self.content: Desired | InvalidInput = DESIRED
        self.edited = asyncio.Event()
        self.said = Said()
        self.fleet = fleet
        self.journal = journal or Memo()
        self.interruption = Interruption()
        self.loop = Loop(self, self._opened, teller=self.said, pace=Pace(resync, Ticks()), luck=Random(1))

    @asynccontextmanager
    async def _opened(self, desired: Desired) -> AsyncIterator[Cycle]:
        async with hosts_of(self.fleet) as hosts:
            yield Cycle(
                hosts, self.journal, Author("watch", "me", "0"), lambda: datetime(2026, 1, 1, tzinfo=UTC)
            )

    async def load(self) -> Desired:
        if isinstance(self.content, InvalidInput):
            raise self.content
        return self.content

    async def changed(self) -> None:
        await self.edited.wait()
        self.edited.clear()

    def edit(self, content: Desired | InvalidInput) -> None:
        self.content = content
        self.edited.set()


def play(make: Callable[[], Scene], seconds: float, *acts: tuple[float, Callable[[Scene], object]]) -> Scene:
    """Run the loop for that long, with acts at their times."""
    scenes: list[Scene] = []

    async def main() -> None:
        scene = make()
        scenes.append(scene)
        running = asyncio.create_task(scene.loop.run(scene.interruption))
        for at, act in acts:
            asyncio.get_running_loop().call_at(at, act, scene)
        await asyncio.sleep(seconds)
        scene.interruption.ask()
        await asyncio.wait_for(running, 60)

    run_virtually(main())
    return scenes[0]


def test_a_stopped_machine_is_started_and_then_nothing_is_done() -> None:
    scene = play(lambda: Scene(Fleet(stopped_instance(WEB, on="hv1"))), 3600)
    assert scene.fleet.asked == ["shop-web-0"]
    assert len(scene.said.times("planned 1")) == 1
    assert len(scene.said.times("planned 0")) == 59


def test_an_edit_is_followed_within_a_moment() -> None:
    edited = desired_of(fleet_of(host("hv1")), WEB, instance("shop-web-1"))
    scene = play(lambda: Scene(Fleet(running(WEB, on="hv1"))), 50, (10.0, lambda scene: scene.edit(edited)))
    assert scene.said.times("loaded") == [0.0, 10.2]


def test_what_happens_on_a_host_is_noticed_without_waiting() -> None:
    scene = play(
        lambda: Scene(Fleet(running(WEB, on="hv1"))), 50, (10.0, lambda scene: scene.fleet.happened.set())
    )
    assert scene.said.times("planned 0") == [0.0, 10.2]


def test_a_host_that_cannot_be_listened_to_does_not_keep_the_loop_busy() -> None:
    def deaf() -> Scene:
        scene = Scene(Fleet(running(WEB, on="hv1")))
        scene.fleet.deaf = True
        return scene

    assert len(play(deaf, 3600).said.times("planned 0")) == 60


def test_what_fails_is_tried_again_ever_more_seldom() -> None:
    scene = play(lambda: Scene(Fleet(stopped_instance(WEB, on="hv1"), Mood.SAYS_NO)), 3600)
    tries = scene.said.times("planned 1")
    waits = [after - before for before, after in pairwise(tries)]
    assert 14 <= len(tries) <= 24
    assert 4 <= waits[0] <= 7
    assert max(waits) <= 400


def test_a_store_that_cannot_be_written_to_is_said_and_rests() -> None:
    scene = play(lambda: Scene(Fleet(stopped_instance(WEB, on="hv1")), Memo(full_at="begin")), 600)
    assert scene.fleet.asked == []
    assert 5 <= len(scene.said.times("failed")) <= 12


def test_files_that_do_not_load_are_said_once_and_the_last_good_state_stays() -> None:
    scene = play(
        lambda: Scene(Fleet(running(WEB, on="hv1"))),
        600,
        (10.0, lambda scene: scene.edit(BROKEN)),
        (20.0, lambda scene: scene.fleet.states.update({WEB.uuid: stopped_instance(WEB, on="hv1")})),
    )
    assert scene.said.times("refused") == [10.2]
    assert scene.fleet.asked == ["shop-web-0"]


def left_on(name: str) -> Memo:
    """A journal in which a step on that host has no outcome."""
    begun = datetime(2025, 12, 31, tzinfo=UTC)
    return Memo(open=[Entry(RunId("r"), "start/web", "start", "shop-web-0", name, "", begun)])


def test_what_became_of_a_dead_controllers_steps_is_written_down_though_nothing_is_left_to_do() -> None:
    scene = play(lambda: Scene(Fleet(running(WEB, on="hv1")), left_on("hv1")), 600)
    assert scene.journal.told == ["resolve start/web: running on hv1"]
    assert scene.fleet.locks == 1


def test_steps_whose_controller_is_still_at_work_are_left_to_it_and_no_failure() -> None:
    def shared() -> Scene:
        scene = Scene(Fleet(running(WEB, on="hv1")), left_on("hv1"))
        scene.fleet.holder = "somebody else"
        return scene

    scene = play(shared, 600, (300.0, lambda scene: setattr(scene.fleet, "holder", "")))
    assert scene.said.times("failed") == []
    assert scene.journal.told == ["resolve start/web: running on hv1"]
    assert len(scene.said.times("planned 0")) == 10


def test_steps_on_a_host_that_is_not_declared_any_more_are_not_asked_about_for_ever() -> None:
    scene = play(lambda: Scene(Fleet(running(WEB, on="hv1")), left_on("hv9")), 600)
    assert scene.journal.told == ["resolve start/web: running on hv1"]
    assert scene.fleet.locks == 1


def test_an_interruption_ends_it_at_once_between_rounds() -> None:
    scene = play(lambda: Scene(Fleet(running(WEB, on="hv1")), resync=1e6), 5)
    assert scene.fleet.closed


class Ward(Fleet):
    """A host whose guests are sick until a time."""

    def __init__(self, *states: InstanceState, until: float) -> None:
        super().__init__(states[0])
        self.states = {state.uuid: state for state in states}
        self.moods = {state.uuid: Mood.WELL for state in states}
        self.until = until
        self.probes: list[float] = []

    async def probe(self, instance: Instance) -> None:
        now = asyncio.get_running_loop().time()
        self.probes.append(now)
        if now < self.until:
            raise ActionFailed(self.host, "connection refused")


DB = replace(instance("shop-db-0"), health=HealthCheck(TcpCheck(5432), start_period=300))
APP = replace(instance("shop-app-0", depends_on=["db"]), healthy_first=("db",))


def ward(until: float) -> Scene:
    """app is stopped and comes after db, which runs."""
    states = (stopped_instance(APP, on="hv1"), running(DB, on="hv1"), running(WEB, on="hv1"))
    scene = Scene(Ward(*states, until=until))
    scene.content = desired_of(fleet_of(host("hv1")), APP, DB, WEB)
    return scene


def test_watch_repairs_what_is_broken_while_it_waits_for_somebodys_health() -> None:
    def break_web(scene: Scene) -> None:
        scene.fleet.states[WEB.uuid] = stopped_instance(WEB, on="hv1")
        scene.fleet.happened.set()

    scene = play(lambda: ward(until=200), 190, (100.0, break_web))
    assert scene.fleet.asked == ["shop-web-0"]
    begun = [line for line in scene.said.told if "begun start/shop-web-0" in line]
    assert begun == ["begun start/shop-web-0"]


def test_watch_goes_on_when_who_was_waited_for_is_healthy() -> None:
    scene = play(lambda: ward(until=100), 150)
    assert scene.fleet.asked == ["shop-app-0"]
    # It was asked about every ten seconds, in the end, and by nobody afterwards.
    assert isinstance(scene.fleet, Ward)
    assert 10 < len(scene.fleet.probes) < 25
    assert max(scene.fleet.probes) < 120


def test_watch_asks_whoever_is_not_healthy_in_time_ever_more_seldom_and_starts_nothing() -> None:
    scene = play(lambda: ward(until=1e6), 3600)
    assert scene.fleet.asked == []
    assert isinstance(scene.fleet, Ward)
    late = [time for time in scene.fleet.probes if time > 1800]
    assert 0 < len(late) < 10


class Changing(Fleet):
    """A host that does all that it is told; whoever is made from an image that is not healthy is not."""

    def __init__(self, *states: InstanceState) -> None:
        super().__init__(states[0])
        self.state = host_state("hv1", *states)

    async def observe(self) -> HostState:
        await asyncio.sleep(0)
        return self.state

    async def perform(self, action: Action) -> None:
        assert self.locks, "nothing is done without the lock"
        self.asked.append(f"{action_key(action)} {subject(action)}")
        (self.state,) = after(Step(StepId("it"), action, ()), Observed("lab", (self.state,))).hosts

    async def probe(self, instance: Instance) -> None:
        state = self.state.instance(instance.uuid)
        if state is None or state.applied.image.name == "sick":
            raise ActionFailed(self.host, "connection refused")


def rolling_back() -> Scene:
    """Two replicas run, and are to be made from an image that is not healthy."""
    policy = UpdatePolicy(on_failure=OnFailure.ROLLBACK)
    check = HealthCheck(TcpCheck(80), interval=10, retries=1, start_period=20)
    web = [replace(each, health=check, update=policy) for each in replicas(2, "shop-web")]
    scene = Scene(Changing(*(running(each, on="hv1") for each in web)))
    sick = [replace(each, machine=replace(each.machine, image=image_use("sick"))) for each in web]
    scene.content = desired_of(fleet_of(host("hv1")), *sick)
    return scene


def test_watch_rolls_back_what_is_not_healthy_in_time_and_does_not_try_it_again() -> None:
    scene = play(rolling_back, 3600)
    assert scene.fleet.asked == [
        "image sick",
        "replace shop-web-0",
        "give_up shop-web-0",
        "give_up shop-web-1",
        "replace shop-web-0",
    ]
    assert isinstance(scene.fleet, Changing)
    assert {each.applied.image.name for each in scene.fleet.state.instances} == {"debian-12"}


def test_watch_tries_again_once_the_files_say_something_else() -> None:
    def edit(scene: Scene) -> None:
        assert isinstance(scene.content, Desired)
        well = [
            replace(each, machine=replace(each.machine, image=image_use("well")))
            for each in scene.content.instances
        ]
        scene.content = desired_of(fleet_of(host("hv1")), *well)
        scene.edited.set()

    scene = play(rolling_back, 600, (300.0, edit))
    assert isinstance(scene.fleet, Changing)
    assert {each.applied.image.name for each in scene.fleet.state.instances} == {"well"}
    assert {(each.former, each.refused) for each in scene.fleet.state.instances} == {(None, None)}
