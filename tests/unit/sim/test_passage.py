"""A migration between two simulated hosts that is cut after any effect, and what mending asks for."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.actions import Create, Migrate, PairAction, PutImage, Resume, Settle
from reconciler.actuators.sim.effects import Define, PowerOff
from reconciler.actuators.sim.host import PHYSICAL, SimHost, World
from reconciler.actuators.sim.things import Box
from reconciler.errors import ActionFailed, HostError
from reconciler.plan import Step
from reconciler.planner import make_plan
from reconciler.specs.desired import HostName
from reconciler.state import InstanceState, Journey, Observed, Power
from tests.builders import GIB, desired_of, fleet_of, host, image_of, instance, kept, machine
from tests.unit.sim.memory import Memory, OpenDoor, Stopwatch, access_to

DB = instance("shop-db-0", machine(disks=(kept("data", 8 * GIB),)))
DESIRED = desired_of(fleet_of(hv1=64 * GIB, hv2=64 * GIB), DB)
GOES = Journey(HostName("hv1"), HostName("hv2"))


class Pair:
    """Two hosts; the machine runs on the first, and its image is on both."""

    def __init__(self) -> None:
        self.truths = {name: Memory(Box(HostName(name))) for name in ("hv1", "hv2")}
        self.hosts = {
            name: SimHost(host(name), access_to(Path("/nowhere")), World(truth, Stopwatch(), OpenDoor()))
            for name, truth in self.truths.items()
        }
        for each in self.hosts.values():
            self.run(PutImage(each.host, image_of(DB.machine.image)))
        self.run(Create(HostName("hv1"), DB))
        for truth in self.truths.values():
            truth.happened.clear()

    def run(self, action: PutImage | Create | PairAction) -> None:
        """Carry one action out."""
        asyncio.run(self._run(action))

    async def _run(self, action: PutImage | Create | PairAction) -> None:
        here = self.hosts[action.host]
        if isinstance(action, Migrate):
            await self.hosts[action.from_host].migrate(action, here)
        elif isinstance(action, Resume | Settle):
            await here.reunite(action, None if action.from_host is None else self.hosts[action.from_host])
        else:
            await here.perform(action)

    def seen(self) -> Observed:
        async def look() -> Observed:
            return Observed("lab", tuple([await each.observe() for each in self.hosts.values()]))

        return asyncio.run(look())

    def state(self, name: str = "hv1") -> InstanceState:
        answer = self.seen().host(HostName(name))
        assert answer is not None
        (state,) = answer.instances
        return state

    def migrate(self) -> None:
        self.run(Migrate(HostName("hv2"), HostName("hv1"), self.state()))

    def client_is_gone(self) -> None:
        """The wires are whole again, and what was coming in over them is gone."""
        for truth in self.truths.values():
            truth.breaks_after = None
            for domain in tuple(truth.box.domains.values()):
                if domain.is_coming:
                    truth.change(PowerOff(domain.uuid, "destroyed"), PHYSICAL)

    def mended(self) -> None:
        """Plan and do, until nothing is left to do."""
        for _ in range(3):
            plan = make_plan(DESIRED, self.seen())
            assert plan.blocked == ()
            for step in plan.steps:
                self.run(_mend(step))
        assert make_plan(DESIRED, self.seen()).steps == ()

    def set(self, name: str, *, power: Power, why: str = "", journey: Journey | None = GOES) -> None:
        """Have the machine on a host, in this state."""
        truth, model = self.truths[name], self.truths["hv1"].box.domains.get(DB.uuid)
        assert model is not None
        assert model.mark is not None
        for disk in DB.machine.disks:
            truth.box = replace(
                truth.box, volumes={**truth.box.volumes, model.mark.volume(disk.name): disk.size_mib}
            )
        domain = replace(model, mark=replace(model.mark, journey=journey), power=power, why=why)
        truth.change(Define(domain), PHYSICAL)


def _mend(step: Step) -> PairAction:
    assert isinstance(step.action, Resume | Settle)
    return step.action


def _effects() -> dict[str, int]:
    pair = Pair()
    pair.migrate()
    return {name: len(truth.happened) for name, truth in pair.truths.items()}


EFFECTS = _effects()


@pytest.mark.parametrize(
    ("where", "after"), [(name, count) for name, most in EFFECTS.items() for count in range(most)]
)
def test_a_migration_that_is_cut_after_any_effect_is_finished_or_undone(where: str, after: int) -> None:
    pair = Pair()
    pair.truths[where].breaks_after = after
    with pytest.raises(HostError):
        pair.migrate()
    running = [
        domain
        for truth in pair.truths.values()
        for domain in truth.box.domains.values()
        if domain.power is Power.RUNNING
    ]
    assert len(running) <= 1
    pair.client_is_gone()
    pair.mended()
    boxes = [truth.box for truth in pair.truths.values()]
    (home,) = (box for box in boxes if box.domains)
    (other,) = (box for box in boxes if not box.domains)
    (domain,) = home.domains.values()
    assert (domain.power, domain.persistent) == (Power.RUNNING, True)
    assert (len(home.volumes), len(other.volumes)) == (1, 0)


@pytest.mark.parametrize("power", Power)
def test_what_stands_still_does_not_go_on_once_it_did_elsewhere(power: Power) -> None:
    pair = Pair()
    pair.set("hv1", power=Power.PAUSED, why="migrating")
    state = pair.state()
    pair.set("hv2", power=power)
    with pytest.raises(ActionFailed):
        pair.run(Resume(HostName("hv1"), HostName("hv2"), state))
    assert pair.state().power is Power.PAUSED


@pytest.mark.parametrize("power", [Power.STOPPED, Power.PAUSED])
def test_what_stands_still_is_not_ended_unless_it_runs_elsewhere(power: Power) -> None:
    pair = Pair()
    pair.set("hv2", power=power, why="migrating")
    pair.set("hv1", power=Power.PAUSED, why="migrating")
    with pytest.raises(ActionFailed):
        pair.run(Settle(HostName("hv2"), HostName("hv1"), pair.state("hv2")))
    assert pair.state().power is Power.PAUSED


def test_what_stands_still_where_it_was_to_come_is_not_ended() -> None:
    pair = Pair()
    pair.set("hv2", power=Power.PAUSED, why="migrating")
    pair.set("hv1", power=Power.RUNNING)
    with pytest.raises(ActionFailed):
        pair.run(Settle(HostName("hv1"), HostName("hv2"), pair.state()))
    assert pair.state("hv2").power is Power.PAUSED


def test_no_disk_is_removed_that_no_journey_explains() -> None:
    pair = Pair()
    pair.set("hv2", power=Power.STOPPED, journey=None)
    pair.run(Settle(HostName("hv1"), HostName("hv2"), pair.state()))
    assert len(pair.truths["hv2"].box.volumes) == 1
    assert pair.truths["hv2"].box.domains == {}


def test_disks_that_two_hosts_share_are_never_removed() -> None:
    pair = Pair()
    pair.set("hv1", power=Power.RUNNING, journey=replace(GOES, copies=False))
    pair.set("hv2", power=Power.STOPPED, journey=replace(GOES, copies=False))
    pair.run(Settle(HostName("hv1"), HostName("hv2"), pair.state()))
    assert len(pair.truths["hv2"].box.volumes) == 1


def test_a_guest_that_dies_while_it_is_copied_leaves_nothing_over_there() -> None:
    pair = Pair()
    before = pair.state()

    class Dies(Stopwatch):
        async def sleep(self, seconds: float) -> None:
            if seconds > 1:
                pair.truths["hv1"].change(PowerOff(DB.uuid, "crashed"), PHYSICAL)

    world = World(pair.truths["hv1"], Dies(), OpenDoor())
    pair.hosts["hv1"] = SimHost(host("hv1"), access_to(Path("/nowhere")), world)
    with pytest.raises(ActionFailed):
        pair.run(Migrate(HostName("hv2"), HostName("hv1"), before))
    assert pair.state().power is Power.STOPPED
    assert pair.truths["hv2"].box.volumes == {}
