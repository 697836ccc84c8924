"""Disks in other pools than images lie in: each has its own room, and who mixes them up is caught."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings

from reconciler.planner import after, confirmed, make_plan
from reconciler.specs.desired import Host, InstanceKey, Machine, Resources
from reconciler.state import HostState, InstanceState, Observed, VolumeState
from tests.builders import GIB
from tests.properties import laws
from tests.properties.broken import Line, broken
from tests.properties.laws import Law, Planner
from tests.properties.repeatable import REPEATABLE
from tests.properties.worlds import World, worlds

POOL = "fast"
ROOMS = (40 * GIB, None, 70 * GIB)
"""What hosts have of that pool; None: there is none."""


def split(world: World) -> World:
    """The same world, whose data disks lie in a pool of their own, but for those of the web."""
    rooms = {host.name: ROOMS[number % 3] for number, host in enumerate(world.fleet.hosts)}

    def with_pool(size: Resources, room: int | None) -> Resources:
        return size if room is None else size + Resources.on_disk([(POOL, room)])

    def boxed(host: Host) -> Host:
        size = host.capacity
        return host if size is None else replace(host, capacity=with_pool(size, rooms[host.name]))

    def answered(state: HostState) -> HostState:
        return replace(
            state,
            capacity=with_pool(state.capacity, rooms.get(state.host)),
            instances=tuple(map(_split_state, state.instances)),
            volumes=tuple(map(_split_volume, state.volumes)),
        )

    def seen(observed: Observed) -> Observed:
        return replace(observed, hosts=tuple(map(answered, observed.hosts)))

    fleet = replace(world.fleet, hosts=tuple(map(boxed, world.fleet.hosts)))
    instances = tuple(
        replace(each, machine=_split(each.machine, each.key)) for each in world.desired.instances
    )
    desired = replace(world.desired, fleet=fleet, instances=instances)
    return World(desired, seen(world.observed), seen(world.truth))


def _pool_of(key: InstanceKey, disk: str) -> str:
    return POOL if disk == "data" and key.component != "web" else ""


def _split(machine: Machine, key: InstanceKey) -> Machine:
    disks = (replace(disk, pool=_pool_of(key, disk.name)) for disk in machine.disks)
    return replace(machine, disks=tuple(disks))


def _split_state(state: InstanceState) -> InstanceState:
    former = None if state.former is None else _split(state.former, state.key)
    return replace(state, applied=_split(state.applied, state.key), former=former)


def _split_volume(volume: VolumeState) -> VolumeState:
    return replace(volume, pool=_pool_of(volume.key, volume.disk))


def try_law(law: Law, planner: Planner, *, examples: int) -> None:
    @settings(REPEATABLE, max_examples=examples)
    @given(worlds().map(split))
    def holds(world: World) -> None:
        law(planner, world)

    holds()


MUTANTS: tuple[tuple[str, Law, Line], ...] = (
    (
        "a disk is counted where images lie, wherever it is",
        laws.room,
        Line(
            "placement.footprints",
            'pool = disk.pool if isinstance(disk, Disk) else pools.get(disk.name, "")',
            'pool = ""',
        ),
    ),
    (
        "nobody sees which pools machines need",
        laws.room,
        Line("placement.rows", "machine.resources.devices for", "machine.devices for"),
    ),
    (
        "a disk that was kept takes nothing of its pool",
        laws.room,
        Line(
            "placement.footprints",
            "(volume.pool, volume.size_mib or 0) for volume",
            '("", volume.size_mib or 0) for volume',
        ),
    ),
    (
        "a disk that grows takes nothing more of its pool",
        laws.room,
        Line(
            "placement.ledger",
            "return disks + Resources(\n        max(0, machine.cpus",
            "return replace(disks, devices=()) + Resources(\n        max(0, machine.cpus",
        ),
    ),
)


@pytest.mark.parametrize("law", [laws.room, laws.converge, laws.resume], ids=lambda law: law.__name__)
def test_the_planner_counts_each_pool(law: Law) -> None:
    try_law(law, Planner(make_plan, after, confirmed), examples=100)


@pytest.mark.parametrize(("law", "line"), [pytest.param(law, line, id=wrong) for wrong, law, line in MUTANTS])
def test_a_planner_that_mixes_pools_up_is_caught(law: Law, line: Line) -> None:
    # A line that is gone from the source is a fault of the test, and none that a law has caught.
    planner = broken(line)
    with pytest.raises(AssertionError):
        try_law(law, planner, examples=1000)
