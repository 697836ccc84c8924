"""The life of a simulated machine, in a time that nobody has to wait for."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from reconciler.actions import Create, PutImage, Start, Stop
from reconciler.actuators.sim import interfere
from reconciler.actuators.sim.effects import Define
from reconciler.actuators.sim.host import SimHost, World
from reconciler.actuators.sim.store import Store
from reconciler.actuators.sim.things import Box, Domain, live_of
from reconciler.actuators.sim.world import after
from reconciler.errors import ActionFailed, AlreadyExists, HostUnreachable
from reconciler.specs.desired import HostName, InstanceName, InstanceUuid, Resources
from reconciler.state import Power
from tests.builders import host, image_of, image_use, instance
from tests.unit.sim.memory import Memory, OpenDoor, Stopwatch, access_to, host_of, writing

HV1 = HostName("hv1")
IMAGE = PutImage(HV1, image_of(image_use()))
DB = instance("shop-db-0")


def test_boot_and_shutdown_take_virtual_time() -> None:
    async def scene() -> None:
        clock = Stopwatch()
        actuator = host_of(Memory(), clock)
        await actuator.perform(IMAGE)
        assert clock.seconds == pytest.approx(5.12)
        await actuator.perform(Create(HV1, DB))
        (running,) = (await actuator.observe()).instances
        before = clock.seconds
        await actuator.perform(Stop(HV1, running))
        assert clock.seconds == pytest.approx(before + 3)
        await actuator.perform(Start(HV1, running))
        assert clock.seconds == pytest.approx(before + 3 + 0.01 + 5)

    asyncio.run(scene())


@dataclass
class Watcher:
    """A clock that looks at the host each time it is asked to pass."""

    truth: Memory
    seen: list[tuple[Power, str]]

    async def sleep(self, seconds: float) -> None:
        for state in (await host_of(self.truth).observe()).instances:
            self.seen.append((state.power, state.detail))


def test_machine_is_seen_while_it_boots() -> None:
    truth = Memory()
    watcher = Watcher(truth, [])

    async def scene() -> None:
        actuator = SimHost(host("hv1"), access_to(Path("/nowhere")), World(truth, watcher, OpenDoor()))
        await actuator.perform(IMAGE)
        await actuator.perform(Create(HV1, DB))
        (state,) = (await actuator.observe()).instances
        assert (state.power, state.detail) == (Power.RUNNING, "")

    asyncio.run(scene())
    assert list(dict.fromkeys(watcher.seen)) == [(Power.STOPPED, ""), (Power.RUNNING, "")]


def test_time_of_a_stored_world_goes_on_where_it_stopped(tmp_path: Path) -> None:
    async def scene() -> None:
        async with writing(tmp_path) as actuator:
            await actuator.perform(IMAGE)

    asyncio.run(scene())
    store = Store(tmp_path, HV1)
    store.advance(1.5)
    assert store.now() == pytest.approx(5.12 + 1.5)


def test_host_that_is_closed_in_the_middle_stops_there() -> None:
    truth = Memory()

    @dataclass
    class Closing:
        left: int

        async def sleep(self, seconds: float) -> None:
            self.left -= 1
            if self.left == 0:
                await actuator.close()

    actuator = SimHost(host("hv1"), access_to(Path("/nowhere")), World(truth, Closing(3), OpenDoor()))

    async def scene() -> None:
        await actuator.perform(IMAGE)
        with pytest.raises(HostUnreachable, match="closed"):
            await actuator.perform(Create(HV1, DB))

    asyncio.run(scene())
    assert len(truth.happened) == 2


def test_silent_host_answers_nothing_until_it_wakes(tmp_path: Path) -> None:
    async def scene() -> None:
        async with writing(tmp_path) as actuator:
            await actuator.perform(IMAGE)
            interfere.silence(Store(tmp_path, HV1))
            with pytest.raises(HostUnreachable, match="does not answer"):
                await actuator.observe()
            with pytest.raises(HostUnreachable, match="does not answer"):
                await actuator.perform(Create(HV1, DB))
            interfere.wake(Store(tmp_path, HV1))
            assert (await actuator.observe()).instances == ()

    asyncio.run(scene())


def test_paused_machine_is_not_started(tmp_path: Path) -> None:
    async def scene() -> None:
        async with writing(tmp_path) as actuator:
            await actuator.perform(IMAGE)
            await actuator.perform(Create(HV1, DB))
            interfere.pause(Store(tmp_path, HV1), DB.name)
            (paused,) = (await actuator.observe()).instances
            assert (paused.power, paused.detail) == (Power.PAUSED, "user")
            with pytest.raises(ActionFailed, match="already paused"):
                await actuator.perform(Start(HV1, paused))

    asyncio.run(scene())


def test_uuid_that_somebody_else_has_is_refused(tmp_path: Path) -> None:
    async def scene() -> None:
        async with writing(tmp_path) as actuator:
            await actuator.perform(IMAGE)
            store = Store(tmp_path, HV1)
            interfere.foreign(store, "pet", uuid=DB.uuid)
            with pytest.raises(AlreadyExists, match=f"pet .UUID {DB.uuid}"):
                await actuator.perform(Create(HV1, DB))
            assert store.look().domain(InstanceUuid(DB.uuid)).name == InstanceName("pet")

    asyncio.run(scene())


def test_machine_does_not_change_its_name() -> None:
    domain = Domain(DB.uuid, DB.name, live_of(DB.machine))
    box = after(Box(HV1), Define(domain), Resources())
    with pytest.raises(AlreadyExists, match="belongs to shop-db-0"):
        after(box, Define(replace(domain, name=InstanceName("renamed"))), Resources())


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("foreign", "hv1", "pet"), 0),
        (("stop", "hv1", "nobody"), 1),
        (("dance", "hv1", "pet"), 64),
        (("stop",), 64),
        (("edit", "hv1", "pet", "many"), 64),
    ],
)
def test_words_of_a_human_are_done_refused_or_not_understood(
    tmp_path: Path, words: tuple[str, ...], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    interfere.foreign(Store(tmp_path, HostName("hv1")), "another")
    if words[0] == "edit":
        interfere.foreign(Store(tmp_path, HostName("hv1")), "pet")
    assert interfere.main((str(tmp_path), *words)) == code
    assert bool(capsys.readouterr().err) == (code != 0)
