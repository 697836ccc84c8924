"""Small fleets in every state of disrepair, for the laws of the planner.

What a silent host runs is drawn too: ``World.truth`` has it, ``World.observed`` has not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import strategies as st

from reconciler.specs.desired import (
    Desired,
    Fleet,
    Host,
    HostName,
    Instance,
    InstanceUuid,
    Resources,
)
from reconciler.state import (
    HostState,
    HostUnknown,
    InstanceState,
    Journey,
    LiveDisk,
    Observed,
    Power,
    VolumeState,
)
from tests.builders import (
    GIB,
    desired_of,
    fleet_of,
    host,
    host_state,
    image_use,
    incomplete,
    instance,
    machine,
    paused,
    running,
    size,
    stopped,
)
from tests.properties.wishes import among, checks, desires, machines, policies, rarely, tweaked

KINDS = ("absent",) * 4 + ("same",) * 2 + ("tweaked",) * 4 + ("stopped", "half", "paused", "twice", "journey")
"""How instances are met with, and how often."""


class World:
    """What is asked for, what the hosts say, and what they would say if none were silent.

    Not a dataclass: Hypothesis would print tens of kB of it, and take that for a mistake.
    """

    def __init__(self, desired: Desired, observed: Observed, truth: Observed) -> None:
        self.desired = desired
        self.observed = observed
        self.truth = truth

    def __repr__(self) -> str:
        asked = ", ".join(each.name for each in self.desired.instances)
        return f"<{asked} on {len(self.fleet.hosts)} hosts>"

    @property
    def fleet(self) -> Fleet:
        return self.desired.fleet


@st.composite
def found(  # noqa: PLR0911  a row a kind
    draw: st.DrawFn, of: Instance, names: Sequence[str]
) -> list[InstanceState]:
    """How an instance is met with: absent, or on some host, as it should be or not."""
    kind = draw(st.sampled_from(KINDS))
    if kind == "absent":
        return []
    was = of
    if kind == "tweaked" or (kind in ("stopped", "half") and draw(rarely())):
        was = replace(of, machine=draw(tweaked(of.machine)))
    if kind == "journey" and len(names) > 1:
        return draw(travelling(was, draw(st.permutations(names))[:2]))
    on = draw(st.sampled_from(names))
    match kind:
        case "stopped":
            return [draw(drifted(stopped(was, on=on)))]
        case "paused":
            return [paused(was, on=on)]
        case "half":
            return [incomplete(was, on=on)]
        case "twice" if len(names) > 1:
            return [running(was, on=each) for each in draw(st.permutations(names))[:2]]
    return [draw(drifted(running(was, on=on)))]


@st.composite
def travelling(draw: st.DrawFn, of: Instance, ends: Sequence[str]) -> list[InstanceState]:
    """What a migration of ours, or a human's, may have left."""
    source, destination = ends
    journey = draw(among(None, Journey(HostName(source), HostName(destination))))
    moving = "migrating"
    here, there = running(of, on=source), running(of, on=destination)
    met = draw(
        st.sampled_from(
            [
                [here],
                [there],
                [replace(there, persistent=False)],
                [here, stopped(of, on=destination, detail="failed")],
                [there, stopped(of, on=source, detail="migrated")],
                [there, paused(of, on=source, detail=moving)],
                [here, replace(paused(of, on=destination, detail=moving), persistent=False)],
                [paused(of, on=source, detail=moving)],
                [paused(of, on=source, detail=moving), stopped(of, on=destination, detail="failed")],
                [stopped(of, on=source, detail="crashed")],
                [stopped(of, on=source, detail="migrated")],
                [stopped(of, on=source, detail="migrated"), stopped(of, on=destination, detail="")],
            ]
        )
    )
    return [replace(state, journey=journey) for state in met]


@st.composite
def drifted(draw: st.DrawFn, state: InstanceState) -> InstanceState:
    live = state.live
    if draw(rarely()):
        live = replace(live, cpus=draw(st.integers(1, 4)), memory_mib=draw(st.integers(1, 5)) * GIB)
    if draw(rarely()):
        live = replace(live, nics=())
    if draw(st.booleans()):
        live = replace(live, disks=tuple(LiveDisk(disk.name) for disk in live.disks))
    has_snapshot = draw(rarely())
    if live.disks and has_snapshot:
        # A snapshot over its first disk.
        first, *others = live.disks
        live = replace(live, disks=(replace(first, source="/elsewhere"), *others))
    return replace(state, live=live)


@st.composite
def strangers(draw: st.DrawFn, fleet: Fleet) -> list[InstanceState]:
    """Machines nobody asks for any more, and one of another fleet."""
    names = [each.name for each in fleet.hosts]
    gone = [
        instance("shop-db-7", draw(machines())),
        instance("old-app-0", draw(machines())),
        instance("old-app-0", draw(machines()), fleet="theirs"),
    ]
    return [state for each in gone if draw(st.booleans()) for state in draw(found(each, names))]


@st.composite
def answers(draw: st.DrawFn, of: Host, states: list[InstanceState], left: list[VolumeState]) -> HostState:
    assert of.capacity is not None
    state = host_state(
        of.name,
        *(each for each in states if each.host == of.name),
        capacity=of.capacity,
        foreign=Resources(draw(st.integers(0, 1)), draw(st.integers(0, 2)) * GIB, 0),
        volumes=left,
    )
    return replace(
        state,
        bridges=draw(among(None, ("br0",), ("br0", "br1"))),
        networks=draw(among(None, (), ("default",))),
        images=tuple(sorted({*state.images, *draw(among((), image_use("one").digests))})),
    )


@st.composite
def worlds(draw: st.DrawFn) -> World:
    desired = draw(desires())
    names = [str(each.name) for each in desired.fleet.hosts]
    silent = {name for name in names if draw(rarely(one_in=12))}
    states: list[InstanceState] = []
    left: dict[str, list[VolumeState]] = {name: [] for name in names}
    for each in desired.instances:
        home = each.placement.cluster
        # Instances never leave their cluster: a silent host has only those that may be there.
        open_to = [
            str(box.name)
            for box in desired.fleet.hosts
            if box.name not in silent or home in (None, box.cluster)
        ]
        met = draw(found(each, open_to)) if open_to else []
        states.extend(met)
        if not met and draw(st.booleans()):
            left[draw(st.sampled_from(names))].append(VolumeState(each.key, "data", 30 * GIB))
    states.extend(draw(strangers(desired.fleet)))
    said = [draw(answers(each, states, left[each.name])) for each in desired.fleet.hosts]
    truth = Observed(desired.fleet.name, tuple(said), sick=draw(sick_among(desired, states)))
    return World(desired, hidden(truth, silent), truth)


@st.composite
def sick_among(
    draw: st.DrawFn, desired: Desired, states: Sequence[InstanceState]
) -> tuple[InstanceUuid, ...]:
    """Some of those that run and can be asked."""
    runs = {state.uuid for state in states if state.power is Power.RUNNING}
    asked = [each.uuid for each in desired.instances if each.health is not None and each.uuid in runs]
    return tuple(sorted(uuid for uuid in asked if draw(rarely(one_in=3))))


def hidden(truth: Observed, silent: set[str]) -> Observed:
    return Observed(
        truth.fleet,
        tuple(each for each in truth.hosts if each.host not in silent),
        tuple(HostUnknown(HostName(name), "no answer within 5 s") for name in sorted(silent)),
        tuple(
            state.uuid
            for each in truth.hosts
            if each.host not in silent
            for state in each.instances
            if state.uuid in truth.sick
        ),
        tuple(
            uuid
            for uuid in truth.failed
            if any(_has(each, uuid) for each in truth.hosts if each.host not in silent)
        ),
    )


def _has(host: HostState, uuid: InstanceUuid) -> bool:
    return any(state.uuid == uuid for state in host.instances)


@st.composite
def matching_worlds(draw: st.DrawFn) -> World:
    """Everything runs as it is asked for, somewhere; other machines and silent hosts as they come."""
    desired = draw(desires())
    names = [str(each.name) for each in desired.fleet.hosts]
    states = [running(each, on=draw(st.sampled_from(names))) for each in desired.instances]
    vague = [
        replace(
            state, live=replace(state.live, disks=tuple(LiveDisk(disk.name) for disk in state.live.disks))
        )
        if draw(st.booleans())
        else state
        for state in states
    ]
    stranger = running(instance("old-app-0", fleet="theirs"), on=names[0])
    said = [draw(answers(each, [*vague, stranger], [])) for each in desired.fleet.hosts]
    truth = Observed(desired.fleet.name, tuple(said), sick=draw(sick_among(desired, states)))
    return World(desired, truth, truth)


@st.composite
def crowded_worlds(draw: st.DrawFn) -> World:
    """Few rules and little room: machines that come, go and grow on hosts that are nearly full."""
    fleet = fleet_of(
        *(
            host(name, size(4, draw(st.integers(2, 8)) * GIB, draw(st.integers(3, 9)) * 10 * GIB))
            for name in ("h0", "h1")
        )
    )
    wanted = [
        instance(f"shop-{name}-{ordinal}", draw(machines())) for name in ("app", "db") for ordinal in range(2)
    ]
    states = [running(instance("shop-db-7", draw(machines())), on=draw(among("h0", "h1")))]
    left: dict[str, list[VolumeState]] = {"h0": [], "h1": []}
    for each in wanted:
        on = draw(among("h0", "h1"))
        if draw(st.booleans()):
            states.append(running(replace(each, machine=draw(tweaked(each.machine))), on=on))
        elif draw(rarely()):
            left[on].append(VolumeState(each.key, "data", 10 * GIB))
    said = [
        host_state(
            each.name,
            *(s for s in states if s.host == each.name),
            capacity=each.capacity,
            volumes=left[each.name],
        )
        for each in fleet.hosts
    ]
    roomy = [replace(each, bridges=None, networks=None) for each in said]
    truth = Observed(fleet.name, tuple(roomy))
    return World(desired_of(fleet, *wanted), truth, truth)


@st.composite
def rolling_worlds(draw: st.DrawFn) -> World:
    """Roomy hosts, and components that change while some of their replicas are away or sick, and with what
    earlier changes left to stand in for them.
    """
    fleet = fleet_of(*(host(name, size(64, 256 * GIB, 4096 * GIB)) for name in ("h0", "h1", "h2")))
    wanted: list[Instance] = []
    extras: list[Instance] = []
    for name, depends_on in (("db", ()), ("app", ("db",))):
        health, update = draw(checks()), draw(policies())
        each = [instance(f"shop-{name}-{n}", depends_on=depends_on) for n in range(draw(st.integers(1, 4)))]
        healthy_first = depends_on if draw(st.booleans()) else ()
        wanted += [replace(one, health=health, update=update, healthy_first=healthy_first) for one in each]
        extras += [instance(f"shop-{name}-{len(each) + n}") for n in range(draw(among(0, 0, 1, 2)))]
    silent = {name for name in ("h1", "h2") if draw(rarely(one_in=4))}
    states: list[InstanceState] = []
    for one in wanted:
        was = one
        if not draw(rarely(one_in=4)):
            was = replace(one, machine=draw(among(machine(image="old"), machine(3))))
        met = draw(st.sampled_from([running] * 8 + [stopped, paused, incomplete, None]))
        if met is not None:
            states.append(met(was, on=draw(among("h0", "h0", "h1", "h2"))))
    for one in extras:
        stood = replace(draw(among(machine(), machine(image="old"))), surge=True)
        met = draw(among(running, running, stopped, incomplete))
        states.append(met(replace(one, machine=stood), on=draw(among("h0", "h1", "h2"))))
    said = [
        replace(
            host_state(each.name, *(s for s in states if s.host == each.name), capacity=each.capacity),
            bridges=None,
        )
        for each in fleet.hosts
    ]
    desired = desired_of(fleet, *wanted)
    truth = Observed(fleet.name, tuple(said), sick=draw(sick_among(desired, states)))
    return World(desired, hidden(truth, silent), truth)
