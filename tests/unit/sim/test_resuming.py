"""Whatever breaks off whenever: asking again ends where asking once would have ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace

import pytest

from reconciler.actions import Action, Create, Destroy, Impact, PutImage, Replace, Start, Stop, Update
from reconciler.actuators.sim.effects import Effect, Pause, PowerOff
from reconciler.actuators.sim.things import Box, Domain
from reconciler.actuators.sim.world import after
from reconciler.errors import ActionFailed, HostUnreachable
from reconciler.planner.diff import differences
from reconciler.specs.desired import Disk, HostName, Resources
from reconciler.state import MIGRATED, MIGRATING, HostState, InstanceState, Power
from tests.builders import image_of, image_use, instance, kept, machine, sha
from tests.unit.sim.memory import Memory, Stopwatch, host_of

HV1 = HostName("hv1")
OLD = instance("shop-db-0", machine(disks=(Disk("root", 100), kept("data", 50), Disk("scratch", 10))))
NEW = replace(OLD, machine=machine(cpus=2, disks=(Disk("root", 100), kept("data", 80), kept("log", 5))))


@dataclass(frozen=True, slots=True)
class Case:
    """What is asked of the machine as it is; and what a controller that looks again asks then."""

    name: str
    asks: Callable[[InstanceState], Action]
    asks_of_half_made: Callable[[InstanceState], Action]


REPLACE = Case("replace", lambda before: Replace(HV1, before, NEW), lambda _: Create(HV1, NEW))
DESTROY = Case("destroy", lambda before: Destroy(HV1, before), lambda before: Destroy(HV1, before))
CASES = (
    Case("stop", lambda before: Stop(HV1, before), lambda before: Stop(HV1, before)),
    Case("start", lambda before: Start(HV1, before), lambda before: Start(HV1, before)),
    Case(
        "update",
        lambda before: Update(HV1, before, NEW, Impact.RESTART),
        lambda before: Update(HV1, before, NEW, Impact.RESTART),
    ),
    REPLACE,
    DESTROY,
)


def running() -> Box:
    truth = Memory()
    play(truth, PutImage(HV1, image_of(image_use())), Create(HV1, OLD))
    return truth.box


def play(truth: Memory, *actions: Action) -> None:
    async def scene() -> None:
        for action in actions:
            await host_of(truth).perform(action)

    asyncio.run(scene())


def seen(truth: Memory) -> HostState:
    return asyncio.run(host_of(truth).observe())


def number_of_effects(case: Case) -> int:
    truth = Memory(running())
    (before,) = seen(truth).instances
    play(truth, case.asks(before))
    return len(truth.happened)


BREAKS = [(case, count) for case in CASES for count in range(number_of_effects(case))]


@pytest.mark.parametrize(("case", "count"), BREAKS, ids=[f"{case.name}-{count}" for case, count in BREAKS])
def test_action_that_broke_off_is_finished_by_asking_again(case: Case, count: int) -> None:
    whole, broken = Memory(running()), Memory(running(), breaks_after=count)
    (before,) = seen(whole).instances
    play(whole, case.asks(before))
    with pytest.raises(HostUnreachable):
        play(broken, case.asks(before))
    broken.breaks_after = None
    (left,) = seen(broken).instances
    play(broken, case.asks(left) if left.complete else case.asks_of_half_made(left))
    assert broken.box == whole.box


@pytest.mark.parametrize("count", range(7))
def test_creation_that_broke_off_is_finished_by_creating_again(count: int) -> None:
    broken = Memory()
    play(broken, PutImage(HV1, image_of(image_use())))
    broken.breaks_after = len(broken.happened) + count
    with pytest.raises(HostUnreachable):
        play(broken, Create(HV1, OLD))
    broken.breaks_after = None
    left = seen(broken).instances
    if not left or not left[0].complete:
        play(broken, Create(HV1, OLD))
    else:
        play(broken, Start(HV1, left[0]))
    assert broken.box == running()


def test_no_step_of_a_creation_leaves_disks_without_an_owner() -> None:
    for count in range(7):
        truth = Memory()
        play(truth, PutImage(HV1, image_of(image_use())))
        truth.breaks_after = len(truth.happened) + count
        with pytest.raises(HostUnreachable):
            play(truth, Create(HV1, OLD))
        assert seen(truth).retained == ()


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.name in ("replace", "destroy")], ids=["replace", "destroy"]
)
def test_machine_that_is_being_taken_apart_is_seen_as_half_made(case: Case) -> None:
    for count in range(1, number_of_effects(case) - 3):
        truth = Memory(running(), breaks_after=count)
        (before,) = seen(truth).instances
        with pytest.raises(HostUnreachable):
            play(truth, case.asks(before))
        (left,) = seen(truth).instances
        assert not left.complete


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_what_is_destroyed_in_the_middle_of_a_change_leaves_only_what_was_to_be_retained(case: Case) -> None:
    for count in range(number_of_effects(case)):
        truth = Memory(running(), breaks_after=count)
        (before,) = seen(truth).instances
        with pytest.raises(HostUnreachable):
            play(truth, case.asks(before))
        truth.breaks_after = None
        for left in seen(truth).instances:
            play(truth, Destroy(HV1, left))
        assert {volume.disk for volume in truth.box.volumes} <= {"data", "log"}


def test_a_change_of_disks_that_broke_off_can_be_taken_back() -> None:
    taken_back = replace(OLD, machine=machine(disks=(Disk("root", 100), kept("data", 50))))
    update = Case("", lambda before: Update(HV1, before, taken_back, Impact.RESTART), lambda _: Stop(HV1, _))
    for count in range(1, number_of_effects(update)):
        truth = Memory(running(), breaks_after=count)
        (before,) = seen(truth).instances
        with pytest.raises(HostUnreachable):
            play(truth, update.asks(before))
        truth.breaks_after = None
        (left,) = seen(truth).instances
        if differences(OLD.machine, left):
            play(truth, Update(HV1, left, OLD, Impact.RESTART))
        else:
            play(truth, Start(HV1, left))
        assert truth.box == running()


@dataclass
class Carter(Stopwatch):
    """While time passes for the last time of so many, a human begins to move whatever runs."""

    truth: Memory = field(default_factory=Memory)
    moves_after: int = 0
    effects: tuple[Effect, ...] = ()
    moved: Domain | None = None

    async def sleep(self, seconds: float) -> None:
        (domain,) = self.truth.box.domains.values()
        if self.moves_after == 0 and domain.power is Power.RUNNING:
            for effect in self.effects:
                self.truth.box = after(self.truth.box, effect, Resources())
            self.moved = self.truth.box.domain(domain.uuid)
        self.moves_after -= 1


WAYS = {
    "has left": (Pause(OLD.uuid, MIGRATING), PowerOff(OLD.uuid, MIGRATED)),
    "stands still": (Pause(OLD.uuid, MIGRATING),),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_who_is_moved_by_hand_at_any_moment_of_a_change_is_left_as_it_is_then(case: Case, way: str) -> None:
    for moment in range(number_of_effects(case)):
        truth = Memory(running())
        (before,) = seen(truth).instances
        carter = Carter(truth=truth, moves_after=moment, effects=WAYS[way])
        with suppress(ActionFailed):
            asyncio.run(host_of(truth, carter).perform(case.asks(before)))
        assert carter.moved in (None, truth.box.domains.get(OLD.uuid))


@pytest.mark.parametrize("impact", [Impact.RESTART, Impact.LIVE])
def test_a_guest_that_may_have_been_told_something_else_is_told_again_when_it_is_taken_back(
    impact: Impact,
) -> None:
    """What a guest was told is no longer what the record says, from the first moment to the last but one."""
    told = replace(OLD, machine=replace(OLD.machine, context=sha("a"), peers=sha("b")))
    context = sha("a" if impact is Impact.LIVE else "other")
    other = replace(OLD, machine=replace(OLD.machine, context=context, peers=sha("other")))
    whole = Memory()
    play(whole, PutImage(HV1, image_of(image_use())), Create(HV1, told))
    begun = whole.box
    (before,) = seen(whole).instances
    play(whole, Update(HV1, before, other, impact))
    first = 1 if impact is Impact.LIVE else 2  # it is switched off before anything is written
    for count in range(first, len(whole.happened) - 4):
        truth = Memory(begun, breaks_after=count)
        with suppress(HostUnreachable):
            play(truth, Update(HV1, before, other, impact))
        truth.breaks_after = None
        (left,) = seen(truth).instances
        assert {each.field for each in differences(told.machine, left)} >= {"peers"}
        play(truth, Update(HV1, left, told, impact))
        assert truth.box == begun
