"""The laws of pools that hosts share: a disk is there once, and whoever moves between them takes none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.actions import Migrate
from reconciler.planner import after, confirmed, make_plan
from reconciler.specs.desired import Disk, Host, HostName, InstanceKey
from reconciler.state import Observed
from tests.builders import (
    GIB,
    desired_of,
    fleet_of,
    host,
    image_use,
    instance,
    machine,
    observed_of,
    running,
    size,
    volume,
    with_host,
)
from tests.properties import laws
from tests.properties.broken import Line, broken
from tests.properties.laws import Law, Planner
from tests.properties.repeatable import REPEATABLE
from tests.properties.worlds import World, crowded_worlds, worlds

POOL = "san1"


@st.composite
def pooled_worlds(draw: st.DrawFn) -> World:
    """Some hosts share their pool."""
    world = draw(st.one_of(worlds(), crowded_worlds()))
    hosts = tuple(
        replace(each, storage=draw(st.sampled_from([POOL, POOL, None]))) for each in world.fleet.hosts
    )
    fleet = replace(world.fleet, hosts=hosts)
    return World(replace(world.desired, fleet=fleet), world.observed, world.truth)


@st.composite
def full_worlds(draw: st.DrawFn) -> World:
    """A pool without room, hosts with plenty of everything else, and some of them are to be empty."""
    count = draw(st.integers(2, 4))
    disks = [draw(st.integers(1, 40)) * GIB for _ in range(draw(st.integers(1, 6)))]
    room = size(64, 256 * GIB, sum(disks) + draw(st.sampled_from([0, 0, GIB])))
    hosts = [replace(host(f"h{number}", room), storage=POOL) for number in range(count)]
    closed = draw(st.integers(1, count - 1))
    hosts = [replace(each, maintenance=number < closed) for number, each in enumerate(hosts)]
    names = [str(each.name) for each in hosts]
    there = [
        instance(f"shop-db-{number}", machine(disks=(Disk("root", amount),)))
        for number, amount in enumerate(disks)
    ]
    fleet = fleet_of(*hosts)
    states = [running(each, on=draw(st.sampled_from(names))) for each in there]
    truth = observed_of(fleet, *states)
    images = image_use().digests
    truth = replace(truth, hosts=tuple(replace(each, images=images) for each in truth.hosts))
    return World(desired_of(fleet, *there), truth, truth)


@st.composite
def poor_worlds(draw: st.DrawFn) -> World:
    """Few machines find room on each host of a pool, some of which come from a host that is to be empty."""
    room = size(64, draw(st.sampled_from([1, 2])) * GIB, draw(st.integers(2, 9)) * 10 * GIB)
    names = [f"h{number}" for number in range(draw(st.integers(2, 3)))]
    hosts = [replace(host(name, room), storage=POOL) for name in names]
    hosts.append(replace(host("old", size(64, 256 * GIB, 512 * GIB)), maintenance=True))
    there = [
        instance(f"shop-db-{number}", machine(disks=(Disk("root", draw(st.integers(1, 6)) * 10 * GIB),)))
        for number in range(draw(st.integers(1, 5)))
    ]
    fleet = fleet_of(*hosts)
    where = st.sampled_from(["", "old", "old", names[0]])
    states = [running(each, on=on) for each in there if (on := draw(where))]
    truth = observed_of(fleet, *states)
    if draw(st.booleans()):
        last = truth.host(HostName(names[-1]))
        assert last is not None
        kept = volume(instance("shop-old-0"), "data", draw(st.integers(1, 3)) * 10 * GIB)
        truth = with_host(truth, replace(last, volumes=(*last.volumes, kept)))
    return World(desired_of(fleet, *there), truth, truth)


def _members(world: World, seen: Observed) -> list[Host]:
    members = [each for each in world.fleet.hosts if each.storage == POOL]
    return [each for each in members if seen.host(each.name) is not None] if len(members) > 1 else []


def _taken(world: World, seen: Observed) -> int:
    """What lies in the pool, every disk counted once."""
    disks: dict[tuple[InstanceKey, str], int] = {}

    def put(key: InstanceKey, sizes: Mapping[str, int]) -> None:
        for name, amount in sizes.items():
            disks[key, name] = max(disks.get((key, name), 0), amount)

    for member in _members(world, seen):
        state = seen.host(member.name)
        assert state is not None
        for each in state.volumes:
            put(each.key, {each.disk: each.size_mib or 0})
        for machine_ in state.instances:
            if machine_.fleet == world.fleet.name:
                put(machine_.key, {disk.name: disk.size_mib for disk in machine_.applied.disks})
    return sum(disks.values())


def within(planner: Planner, world: World) -> None:
    """A pool is not over its size after any prefix, nor more so than it was."""
    plan = planner.make_plan(world.desired, world.observed)
    members = _members(world, world.observed)
    if not members:
        return
    limits = []
    for member in members:
        state = world.observed.host(member.name)
        assert state is not None
        others = (each.applied for each in state.instances if each.fleet != world.fleet.name)
        foreign = state.foreign.disk_mib + sum(each.resources.disk_mib for each in others)
        limits.append(member.usable(state.capacity).disk_mib - foreign)
    before = _taken(world, world.observed)
    for seen in planner.prefixes(plan, world.observed):
        taken = _taken(world, seen)
        assert taken <= max(min(limits), before), f"{taken} of {min(limits)} MiB"


def emptied(planner: Planner, world: World) -> None:
    """Who is on a host that is to be empty leaves it, however full the pool is that goes along."""
    plan = planner.make_plan(world.desired, world.observed)
    gone = {step.action.before.uuid for step in plan.steps if isinstance(step.action, Migrate)}
    for member in world.fleet.hosts:
        state = world.observed.host(member.name)
        assert state is not None
        for each in state.instances if member.maintenance else ():
            assert each.uuid in gone, f"{each.name} stays on {member.name}"


WHERE: dict[Law, st.SearchStrategy[World]] = {within: poor_worlds(), emptied: full_worlds()}


def try_law(law: Law, planner: Planner, where: st.SearchStrategy[World], *, examples: int) -> None:
    @settings(REPEATABLE, max_examples=examples)
    @given(where)
    def holds(world: World) -> None:
        law(planner, world)

    holds()


MUTANTS: tuple[tuple[str, Law, Line], ...] = (
    (
        "who moves within a pool needs its disk once more",
        emptied,
        Line("placement.rows", "0 if pool == home else amount.disk_mib", "amount.disk_mib"),
    ),
    (
        "a pool has its room on each of its hosts",
        within,
        Line("placement.ledger", "self._drawn[pool] += amount.disk_mib", "pass"),
    ),
    (
        "a scheduler is believed that gives a pool away on each of its hosts",
        within,
        Line("settle", " or not search.fits(make.instance, host)", ""),
    ),
    (
        "whoever comes to a pool is given its room on each of its hosts",
        within,
        Line(
            "settle",
            "within_pools(self.problem, mended(self.problem, self.homes, mend), ledger)",
            "mended(self.problem, self.homes, mend)",
        ),
    ),
    (
        "what a machine has in a pool is not counted",
        within,
        Line(
            "placement.ledger",
            "disks = _union(disks, _owned(each))",
            "pass",
        ),
    ),
    (
        "what is kept in a pool is not counted",
        within,
        Line("placement.ledger", "disks = _union(disks, kept)", "pass"),
    ),
)


PLANNER = Planner(make_plan, after, confirmed)


@pytest.mark.parametrize("law", WHERE, ids=lambda law: law.__name__)
def test_the_planner_counts_pools(law: Law) -> None:
    try_law(law, PLANNER, WHERE[law], examples=200)


@pytest.mark.parametrize(
    "law",
    [
        within,
        laws.converge,
        laws.resume,
        laws.mercy,
        laws.never_twice,
        laws.order_blind,
        laws.honest,
        laws.orderly,
    ],
    ids=lambda law: law.__name__,
)
def test_hosts_that_share_a_pool_keep_the_law(law: Law) -> None:
    try_law(law, PLANNER, pooled_worlds(), examples=30)


@pytest.mark.parametrize(("law", "line"), [pytest.param(law, line, id=wrong) for wrong, law, line in MUTANTS])
def test_a_planner_that_miscounts_pools_is_caught(law: Law, line: Line) -> None:
    # A line that is gone from the source is a fault of the test, and none that a law has caught.
    planner = broken(line)
    with pytest.raises(AssertionError):
        try_law(law, planner, WHERE[law], examples=1000)
