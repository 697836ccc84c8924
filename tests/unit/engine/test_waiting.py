"""Waiting for health: as long as it may take, and by watch without standing still."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from reconciler.actions import Await, Start
from reconciler.engine.interruption import Interruption
from reconciler.engine.run import Conditions, run
from reconciler.engine.waiting import Vigils, says_no
from reconciler.errors import ActionFailed, HostError, HostUnreachable, Unsupported
from reconciler.plan import Basis, Cause, Plan, Step, StepId
from reconciler.report import Abandoned, Done, Failed, NotYet, Outcome, Report, Skipped, Unhealthy, Unresolved
from reconciler.specs.desired import HostName, Instance, Sha256
from reconciler.specs.health import HealthCheck, TcpCheck
from tests.builders import instance
from tests.simulation.timing import run_virtually
from tests.unit.engine.scripted import Mood, Notes, ScriptedHost, hosts_of, logbook, stopped

HV1 = HostName("hv1")
CHECK = HealthCheck(TcpCheck(80), interval=10, retries=3, start_period=30)
WEB = replace(instance("shop-web-0"), health=CHECK)

Answer = Callable[[float], HostError | None]
"""What a guest says at a time: nothing where it is healthy."""

NO = ActionFailed("hv1", "connection refused")


def healthy_from(time: float) -> Answer:
    return lambda now: None if now >= time else NO


@dataclass
class Guest:
    """Somebody who is asked."""

    answer: Answer
    asked: list[float] = field(default_factory=list)

    async def probe(self) -> None:
        now = asyncio.get_running_loop().time()
        self.asked.append(now)
        if error := self.answer(now):
            raise error


def waited(answer: Answer, *, steady: int = 0) -> tuple[Outcome, float, Guest]:
    guest, ended = Guest(answer), []

    async def scene() -> None:
        outcome = await Vigils().over(Await(HV1, WEB, steady), guest.probe)
        ended.append((outcome, asyncio.get_running_loop().time()))

    run_virtually(scene())
    return (*ended[0], guest)


def test_who_is_healthy_already_is_asked_once() -> None:
    outcome, seconds, guest = waited(healthy_from(0))
    assert (outcome, seconds, len(guest.asked)) == (Done(), 0, 1)


def test_a_guest_that_boots_is_noticed_soon_and_is_not_asked_all_the_time() -> None:
    outcome, seconds, guest = waited(healthy_from(20))
    assert outcome == Done()
    assert 20 <= seconds <= 30
    assert len(guest.asked) < 15


def test_a_guest_that_never_answers_is_unhealthy_when_its_time_is_over() -> None:
    outcome, seconds, _ = waited(lambda _: NO)
    assert outcome == Unhealthy("not healthy within 60 s (tcp 80): connection refused")
    assert 60 <= seconds <= 70


def test_a_guest_must_stay_healthy_for_as_long_as_was_asked() -> None:
    outcome, seconds, _ = waited(lambda now: NO if 15 <= now < 25 else None, steady=40)
    assert outcome == Done()
    assert 65 <= seconds <= 85
    outcome, seconds, _ = waited(lambda now: NO if now % 20 >= 10 else None, steady=40)
    assert isinstance(outcome, Unhealthy)
    assert 100 <= seconds <= 110


def test_a_host_that_falls_silent_leaves_the_outcome_open() -> None:
    outcome, _, _ = waited(lambda _: HostUnreachable("hv1", "no route"))
    assert outcome == Unresolved("hv1: no route")
    outcome, _, _ = waited(lambda now: HostUnreachable("hv1", "no route") if now < 20 else None)
    assert outcome == Done()


def test_one_asking_that_never_returns_is_a_no() -> None:
    ended = []

    async def scene() -> None:
        ended.append(await Vigils().over(Await(HV1, WEB), asyncio.Event().wait))  # type: ignore[arg-type]

    run_virtually(scene())
    assert ended == [Unhealthy("not healthy within 60 s (tcp 80): nothing was heard of it")]


def test_watch_asks_once_a_round_and_remembers_since_when_it_waits() -> None:
    guest, ended = Guest(healthy_from(50)), []

    async def scene() -> None:
        vigils = Vigils(patient=False)
        for _ in range(12):
            ended.append(await vigils.over(Await(HV1, WEB, 20), guest.probe))
            vigils.keep(frozenset({StepId("wait/shop-web-0")}))
            await asyncio.sleep(10)

    run_virtually(scene())
    assert len(guest.asked) == 12
    assert [type(outcome) for outcome in ended] == [NotYet] * 7 + [Done] * 5
    assert isinstance(ended[6], NotYet) and ended[6].error == "healthy for 10 of 20 s"


def test_what_was_known_of_a_guest_is_over_when_something_is_done_to_it() -> None:
    async def scene() -> None:
        vigils, guest = Vigils(patient=False), Guest(lambda _: NO)
        await vigils.over(Await(HV1, WEB), guest.probe)
        await asyncio.sleep(100)
        assert isinstance(await vigils.over(Await(HV1, WEB), guest.probe), Unhealthy)
        vigils.forget(WEB.name)
        assert isinstance(await vigils.over(Await(HV1, WEB), guest.probe), NotYet)
        bigger = replace(WEB, machine=replace(WEB.machine, cpus=7))
        await asyncio.sleep(100)
        assert isinstance(await vigils.over(Await(HV1, bigger), guest.probe), NotYet)
        await asyncio.sleep(100)
        vigils.keep(frozenset())
        assert isinstance(await vigils.over(Await(HV1, bigger), guest.probe), NotYet)

    run_virtually(scene())


# In a run


class Asked(ScriptedHost):
    """A host whose guests answer."""

    def __init__(self, answer: Answer, *others: Mood) -> None:
        super().__init__("hv1", {stopped(f"s{number}"): mood for number, mood in enumerate(others)})
        self.guest = Guest(answer)

    async def probe(self, instance: Instance) -> None:
        await self.guest.probe()


def plan_of(host: Asked) -> Plan:
    """Everything that is stopped is started, the first of it after shop-web-0 is healthy."""
    wait = Step(StepId("wait/shop-web-0"), Await(HV1, WEB), (Cause("asked"),))
    starts = [
        Step(StepId(f"start/{state.key.service}"), Start(HV1, state), (Cause("stopped"),), needs)
        for number, state in enumerate(host.states.values())
        for needs in ((wait.id,) if number == 0 else (),)
    ]
    return Plan(Basis(Sha256("a" * 64), Sha256("b" * 64)), (wait, *starts))


def carried_out(host: Asked, interruption: Interruption | None = None) -> tuple[Report, float]:
    found: list[tuple[Report, float]] = []
    asked = interruption or Interruption()

    async def scene() -> None:
        async with hosts_of(host) as hosts:
            await hosts.observe()
            if interruption:
                asyncio.get_running_loop().call_at(5.0, interruption.ask)
            report = await run(plan_of(host), hosts, logbook(), Conditions(Notes(), asked, per_host=1))
            found.append((report, asyncio.get_running_loop().time()))

    run_virtually(scene())
    return found[0]


def test_a_wait_holds_up_no_other_step_of_its_host() -> None:
    host = Asked(healthy_from(20), Mood.WELL, Mood.WELL)
    report, _ = carried_out(host)
    assert [entry.outcome for entry in report.steps] == [Done(), Done(), Done()]
    assert report.steps[2].seconds < 1
    assert host.asked == ["s1-x-0", "s0-x-0"]


def test_dependants_of_the_unhealthy_are_skipped_by_name() -> None:
    report, _ = carried_out(Asked(lambda _: NO, Mood.WELL, Mood.WELL))
    wait, skipped, done = (entry.outcome for entry in report.steps)
    assert isinstance(wait, Unhealthy)
    assert skipped == Skipped(StepId("wait/shop-web-0"))
    assert done == Done()
    assert report.cause(report.steps[1]) == wait


def test_an_interrupt_ends_a_wait_at_once() -> None:
    report, seconds = carried_out(Asked(lambda _: NO, Mood.WELL), Interruption())
    assert seconds == 5.0
    assert report.steps[0].outcome == Abandoned(begun=False)


def test_only_a_clear_no_makes_anybody_sick() -> None:
    closed = Unsupported("hv1", "not by who may only look")
    assert says_no(NO)
    assert not any(says_no(answer) for answer in (closed, HostUnreachable("hv1", "no route"), None))


def test_what_cannot_be_asked_is_not_waited_for() -> None:
    outcome, seconds, _ = waited(lambda _: Unsupported("hv1", "nobody is in it"))
    assert (outcome, seconds) == (Failed("hv1: nobody is in it"), 0)
