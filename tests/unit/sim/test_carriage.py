"""A cold migration between two simulated hosts, cut after any effect: the disks that count are never lost."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path

import pytest

from reconciler.actions import Create, Migrate, PairAction, PutImage, Resume, Settle, Terms
from reconciler.actuators.sim.effects import (
    AddVolume,
    Define,
    DropVolume,
    Effect,
    GuestUp,
    PowerOff,
    PowerOn,
    Undefine,
)
from reconciler.actuators.sim.host import PHYSICAL, SimHost, World
from reconciler.actuators.sim.things import Box, Domain, VolumeId
from reconciler.errors import ActionFailed, HostError, HostUnreachable, NoRoom
from reconciler.plan import BlockKind, Step, StepId
from reconciler.planner import make_plan
from reconciler.specs.desired import Desired, HostName, Instance, Resources
from reconciler.specs.placement import Evict, Placement
from reconciler.state import HostUnknown, InstanceState, Observed, Power
from tests.builders import GIB, desired_of, fleet_of, host, image_of, instance, kept, machine
from tests.unit.sim.memory import Memory, OpenDoor, Stopwatch, access_to

HV1, HV2 = HostName("hv1"), HostName("hv2")
DB = instance("shop-db-0", machine(disks=(kept("data", 8 * GIB),)), placement=Placement(evict=Evict.COLD))
DESIRED = desired_of(fleet_of(hv1=64 * GIB, hv2=64 * GIB), DB)
EMPTIED = replace(
    DESIRED,
    fleet=replace(
        DESIRED.fleet,
        hosts=tuple(replace(each, maintenance=each.name == HV1) for each in DESIRED.fleet.hosts),
    ),
)
COLD = Terms(cold=True)


@dataclass
class Contents:
    """What is written on the disks: a guest writes whenever it boots."""

    written: dict[tuple[HostName, VolumeId], int] = field(default_factory=dict)
    newest: int = 0


@dataclass
class Witness(Memory):
    """A host's truth that sees who is started on old disks, or twice."""

    contents: Contents = field(default_factory=Contents)
    others: list[Witness] = field(default_factory=list)
    refuses: type[Effect] | None = None
    """What there is no room for."""

    def change(self, effect: Effect, room: Resources) -> None:
        if self.refuses is not None and isinstance(effect, self.refuses):
            raise NoRoom(self.box.host, "there is no room")
        super().change(effect, room)
        match effect:
            case PowerOn(uuid):
                domain = self.box.domains[uuid]
                assert not any(_runs(other.box.domains.get(uuid)) for other in self.others), "it runs twice"
                for volume in _volumes(domain):
                    assert self._has(volume) == self.contents.newest, f"started on old disks: {self.box.host}"
            case GuestUp(uuid):
                self.contents.newest += 1
                for volume in _volumes(self.box.domains[uuid]):
                    self.contents.written[self.box.host, volume] = self.contents.newest
            case AddVolume(volume):
                (other,) = self.others
                copied = [each for each in other.box.domains.values() if volume in _volumes(each)]
                assert not any(_runs(each) for each in copied), "copied while it is written"
                self.contents.written[self.box.host, volume] = other._has(volume) if copied else 0
            case DropVolume(volume):
                del self.contents.written[self.box.host, volume]
                assert any(other._has(volume) == self.contents.newest for other in self.others), (
                    "the only disks"
                )

    def _has(self, volume: VolumeId) -> int:
        return self.contents.written.get((self.box.host, volume), -1)


def _runs(domain: Domain | None) -> bool:
    return domain is not None and domain.power is Power.RUNNING


def _volumes(domain: Domain) -> list[VolumeId]:
    assert domain.mark is not None
    return [domain.mark.volume(disk.name) for disk in domain.mark.applied.disks]


class Pair:
    """Two hosts; the machine runs on the first, and its image is on both."""

    def __init__(self, wanted: Instance = DB) -> None:
        self.truths = {name: Witness(Box(name)) for name in (HV1, HV2)}
        contents = Contents()
        for name, truth in self.truths.items():
            truth.contents = contents
            truth.others = [other for each, other in self.truths.items() if each != name]
        self.hosts = {
            name: SimHost(host(name), access_to(Path("/nowhere")), World(truth, Stopwatch(), OpenDoor()))
            for name, truth in self.truths.items()
        }
        for each in self.hosts.values():
            asyncio.run(each.perform(PutImage(each.host, image_of(DB.machine.image))))
        asyncio.run(self.hosts[HV1].perform(Create(HV1, wanted)))
        for truth in self.truths.values():
            truth.happened.clear()

    def run(self, step: Step) -> None:
        """Carry one step out."""
        asyncio.run(self._run(step))

    async def _run(self, step: Step) -> None:
        action = step.action
        if isinstance(action, Migrate):
            await self.hosts[action.from_host].migrate(action, self.hosts[action.host])
        elif isinstance(action, Resume | Settle):
            other = None if action.from_host is None else self.hosts[action.from_host]
            await self.hosts[action.host].reunite(action, other)
        else:
            await self.hosts[action.host].perform(action)

    def seen(self) -> Observed:
        async def look() -> Observed:
            return Observed("lab", tuple([await each.observe() for each in self.hosts.values()]))

        return asyncio.run(look())

    def state(self, name: HostName = HV1) -> InstanceState:
        answer = self.seen().host(name)
        assert answer is not None
        (state,) = answer.instances
        return state

    def carry(self) -> None:
        asyncio.run(self.hosts[HV1].migrate(Migrate(HV2, HV1, self.state(), COLD), self.hosts[HV2]))

    def act(self, action: PairAction) -> None:
        self.run(Step(StepId("by hand"), action, ()))

    def loses_power(self, name: HostName) -> None:
        truth = self.truths[name]
        for domain in tuple(truth.box.domains.values()):
            truth.change(PowerOff(domain.uuid), PHYSICAL)

    def apply(self, desired: Desired = DESIRED) -> None:
        """Plan and do, until nothing is left to do."""
        for _ in range(4):
            for step in make_plan(desired, self.seen()).steps:
                self.run(step)
        plan = make_plan(desired, self.seen())
        assert (plan.steps, plan.blocked) == ((), ())

    def ends(self) -> tuple[Box, Box]:
        """Where it is, and where it is not: there is nothing left of it."""
        boxes = [truth.box for truth in self.truths.values()]
        (home,) = (box for box in boxes if box.domains)
        (other,) = (box for box in boxes if not box.domains)
        (domain,) = home.domains.values()
        assert domain.mark is not None
        assert (domain.power, domain.mark.complete, domain.mark.journey) == (Power.RUNNING, True, None)
        assert (len(home.volumes), len(other.volumes)) == (1, 0)
        return home, other


def _effects() -> dict[HostName, int]:
    pair = Pair()
    pair.carry()
    return {name: len(truth.happened) for name, truth in pair.truths.items()}


EFFECTS = _effects()
CUTS = [(name, count) for name, most in EFFECTS.items() for count in range(most)]


each_wish = pytest.mark.parametrize("desired", [DESIRED, EMPTIED], ids=["kept", "emptied"])
each_cut = pytest.mark.parametrize(("where", "after"), CUTS)


def _cut(where: HostName, after: int) -> Pair:
    pair = Pair()
    pair.truths[where].breaks_after = after
    with pytest.raises(HostError):
        pair.carry()
    pair.truths[where].breaks_after = None
    return pair


def test_who_is_carried_runs_there_with_its_disks_and_nothing_is_left_behind() -> None:
    pair = Pair()
    pair.carry()
    home, _ = pair.ends()
    assert home.host == HV2
    assert pair.truths[HV2].contents.newest == 2


@each_cut
@pytest.mark.parametrize("dark", [(), (HV1,), (HV2,), (HV1, HV2)], ids=["", "hv1 dark", "hv2 dark", "dark"])
@each_wish
def test_a_cold_migration_that_is_cut_after_any_effect_is_finished_or_undone(
    where: HostName, after: int, dark: tuple[HostName, ...], desired: Desired
) -> None:
    pair = _cut(where, after)
    for name in dark:
        pair.loses_power(name)
    pair.apply(desired)
    home, _ = pair.ends()
    assert desired is DESIRED or home.host == HV2


@each_cut
@each_wish
def test_what_puts_it_right_may_be_cut_after_any_effect_as_well(
    where: HostName, after: int, desired: Desired
) -> None:
    for name, again in product((HV1, HV2), range(20)):
        pair = _cut(where, after)
        truth = pair.truths[name]
        truth.breaks_after = len(truth.happened) + again
        with suppress(HostUnreachable):
            pair.apply(desired)
        truth.breaks_after = None
        pair.apply(desired)
        pair.ends()


@each_cut
@pytest.mark.parametrize("silent", [HV1, HV2])
def test_who_is_cut_off_is_not_touched_while_the_other_end_is_silent(
    where: HostName, after: int, silent: HostName
) -> None:
    pair = _cut(where, after)
    seen = pair.seen()
    hosts = tuple(each for each in seen.hosts if each.host != silent)
    alone = replace(seen, hosts=hosts, unknown=(HostUnknown(silent, "no route"),))
    assert make_plan(DESIRED, alone).steps == ()


def _refused(what: type[Effect]) -> Pair:
    """Over there, such a thing cannot be done."""
    pair = Pair()
    pair.truths[HV2].refuses = what
    with pytest.raises(NoRoom):
        pair.carry()
    return pair


@pytest.mark.parametrize("what", [Define, AddVolume, PowerOn])
def test_who_cannot_come_goes_on_where_it_was_and_leaves_nothing_there(what: type[Effect]) -> None:
    pair = _refused(what)
    home, other = pair.ends()
    assert (home.host, other.domains, other.volumes) == (HV1, {}, {})


def _handed_over() -> Pair:
    """Cut when its source has given it up, and it was not started over there yet."""
    pair = _cut(HV2, 3)
    source, destination = pair.state(HV1), pair.state(HV2)
    assert source.journey is not None
    assert (source.journey.handed_over, destination.complete, destination.power) == (
        True,
        True,
        Power.STOPPED,
    )
    return pair


def _by_hand(pair: Pair, name: HostName, *effects: Effect) -> None:
    for effect in effects:
        pair.truths[name].change(effect, PHYSICAL)


def _held(pair: Pair) -> str:
    plan = make_plan(DESIRED, pair.seen())
    assert plan.steps == ()
    (blocked,) = plan.blocked
    assert blocked.kind is BlockKind.IN_DOUBT
    return blocked.refusals[0].reason


def test_what_was_handed_over_is_started_where_it_came_and_only_then_removed_where_it_was() -> None:
    pair = _handed_over()
    plan = make_plan(DESIRED, pair.seen())
    assert [step.id for step in plan.steps] == ["resume/shop-db-0", "settle/shop-db-0"]
    assert {step.host for step in plan.steps} == {HV2}
    with pytest.raises(ActionFailed):
        pair.run(plan.steps[1])
    pair.apply()
    assert pair.ends()[0].host == HV2


def test_who_is_started_by_hand_where_it_was_given_up_is_in_doubt() -> None:
    pair = _handed_over()
    before = pair.state(HV1)
    _by_hand(pair, HV1, Define(replace(pair.truths[HV1].box.domains[DB.uuid], power=Power.RUNNING)))
    assert "handed over to hv2" in _held(pair)
    with pytest.raises(ActionFailed):
        pair.act(Settle(HV1, HV2, before))


def test_who_is_started_by_hand_before_all_its_disks_are_there_is_in_doubt() -> None:
    pair = _cut(HV2, 2)
    _by_hand(pair, HV2, Define(replace(pair.truths[HV2].box.domains[DB.uuid], power=Power.RUNNING)))
    assert "not all carried here" in _held(pair)
    with pytest.raises(ActionFailed):
        pair.act(Settle(HV2, HV1, pair.state(HV2)))


@pytest.mark.parametrize("count", [2, 3])
def test_who_is_gone_at_the_end_that_counts_is_not_made_again_from_what_is_left(count: int) -> None:
    pair = _cut(HV2, count)
    gone, left = (HV1, HV2) if count == 2 else (HV2, HV1)
    _by_hand(pair, gone, Undefine(DB.uuid))
    assert _held(pair)
    assert pair.state(left).power is Power.STOPPED


def test_who_was_handed_over_and_lost_there_lives_where_a_human_starts_it() -> None:
    pair = _handed_over()
    for volume in tuple(pair.truths[HV2].box.volumes):
        pair.truths[HV2].box = replace(pair.truths[HV2].box, domains={}, volumes={})
        del pair.truths[HV2].contents.written[HV2, volume]
    assert "virsh start" in _held(pair)
    _by_hand(pair, HV1, PowerOn(DB.uuid), GuestUp(DB.uuid))
    pair.apply()
    assert pair.ends()[0].host == HV1


def test_an_end_that_does_not_count_is_not_started() -> None:
    pair = _handed_over()
    with pytest.raises(ActionFailed):
        pair.act(Resume(HV1, HV2, pair.state(HV1)))
    pair = _cut(HV2, 2)
    with pytest.raises(ActionFailed):
        pair.act(Resume(HV2, HV1, pair.state(HV2)))


def test_who_is_started_by_hand_while_it_is_carried_stays_where_it_was() -> None:
    pair = Pair()
    truth = pair.truths[HV1]

    class Meddles(Stopwatch):
        async def sleep(self, seconds: float) -> None:
            if seconds > 1 and truth.box.domains[DB.uuid].power is Power.STOPPED:
                truth.change(PowerOn(DB.uuid), PHYSICAL)

    pair.hosts[HV2] = SimHost(
        host(HV2), access_to(Path("/nowhere")), World(pair.truths[HV2], Meddles(), OpenDoor())
    )
    with pytest.raises(ActionFailed, match="was started while it was carried"):
        pair.carry()
    pair.apply()
    assert pair.ends()[0].host == HV1
