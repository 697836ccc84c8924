"""Devices are counted as everything else is, and planners that miscount them are caught."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings

from reconciler.planner import after, confirmed, make_plan
from reconciler.specs.desired import Devices, Host, Instance
from reconciler.state import InstanceState, Observed
from tests.properties import laws
from tests.properties.broken import Line, broken
from tests.properties.laws import Law, Planner
from tests.properties.repeatable import REPEATABLE
from tests.properties.worlds import World, worlds

KINDS: tuple[Devices, ...] = ((), (("gpu", 1),), (("fpga", 1), ("gpu", 2)))
"""What machines ask for."""
BOXES: tuple[Devices, ...] = ((("gpu", 2),), (), (("fpga", 1), ("gpu", 3)))
"""What hosts have."""


def equipped(world: World) -> World:
    """The same world with devices: what runs has been given them, or is to be given more."""
    boxes = {host.name: BOXES[number % 3] for number, host in enumerate(world.fleet.hosts)}
    hosts: tuple[Host, ...] = tuple(replace(each, devices=boxes[each.name]) for each in world.fleet.hosts)
    instances = tuple(
        replace(each, machine=replace(each.machine, devices=_wanted(each)))
        for each in world.desired.instances
    )
    asked = {each.uuid: each.machine.devices for each in instances}

    def seen(observed: Observed) -> Observed:
        def given_to(state: InstanceState) -> InstanceState:
            has = asked.get(state.uuid, ()) if state.key.ordinal % 2 == 0 else ()
            return replace(state, applied=replace(state.applied, devices=has))

        found = (replace(each, instances=tuple(map(given_to, each.instances))) for each in observed.hosts)
        return replace(observed, hosts=tuple(found))

    fleet = replace(world.fleet, hosts=hosts)
    desired = replace(world.desired, fleet=fleet, instances=instances)
    return World(desired, seen(world.observed), seen(world.truth))


def _wanted(instance: Instance) -> Devices:
    return KINDS[(instance.machine.cpus + instance.key.ordinal) % 3]


def try_law(law: Law, planner: Planner, *, examples: int) -> None:
    @settings(REPEATABLE, max_examples=examples)
    @given(worlds().map(equipped))
    def holds(world: World) -> None:
        law(planner, world)

    holds()


MUTANTS: tuple[tuple[str, Law, Line], ...] = (
    (
        "machines take no devices",
        laws.room,
        Line("placement.rows", "devices = dict(amount.devices)", "devices: dict[str, int] = {}"),
    ),
    (
        "who runs has no devices",
        laws.room,
        Line("placement.footprints", "in applied.disks]), applied.devices)", "in applied.disks]))"),
    ),
    (
        "who gets more of them grows for nothing",
        laws.room,
        Line("placement.ledger", "for name, more in devices if more > 0", "for name, more in ()"),
    ),
    (
        "nobody sees that more of them are wanted",
        laws.converge,
        Line("diff", '"devices": dict(of.devices),'),
    ),
)


@pytest.mark.parametrize("law", [laws.room, laws.converge, laws.resume], ids=lambda law: law.__name__)
def test_the_planner_counts_devices(law: Law) -> None:
    try_law(law, Planner(make_plan, after, confirmed), examples=100)


@pytest.mark.parametrize(("law", "line"), [pytest.param(law, line, id=wrong) for wrong, law, line in MUTANTS])
def test_a_planner_that_miscounts_devices_is_caught(law: Law, line: Line) -> None:
    # A line that is gone from the source is a fault of the test, and none that a law has caught.
    planner = broken(line)
    with pytest.raises(AssertionError):
        try_law(law, planner, examples=1000)
