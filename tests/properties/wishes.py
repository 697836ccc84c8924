"""Small fleets, and what may be asked of them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, lru_cache
from typing import TypeVar

from hypothesis import strategies as st

from reconciler.specs.desired import (
    Desired,
    Disk,
    Host,
    Instance,
    Machine,
    Nic,
    OnDelete,
    Overcommit,
    Resources,
)
from reconciler.specs.health import HealthCheck, Order, TcpCheck, UpdatePolicy
from reconciler.specs.placement import Affinity, Placement, Spread
from tests.builders import (
    GIB,
    bridge,
    desired_of,
    fleet_of,
    host,
    image_use,
    instance,
    kept,
    network,
    sha,
    size,
)

T = TypeVar("T")

COMPONENTS = ("app", "db", "web")


@cache
def rarely(*, one_in: int = 5) -> st.SearchStrategy[bool]:
    """True now and then."""
    return st.integers(1, one_in).map(lambda number: number == one_in)


def among(*values: T) -> st.SearchStrategy[T]:
    """One of these. Strategies are kept: to make one anew for each draw took longer than to draw from it."""
    return _among(*values)  # type: ignore[return-value]


@lru_cache(maxsize=4096, typed=True)
def _among(*values: object) -> st.SearchStrategy[object]:
    return st.sampled_from(values)


@st.composite
def hosts(draw: st.DrawFn, name: str) -> Host:
    labels = {"disk": draw(among("ssd", "hdd"))}
    if not draw(rarely()):
        labels["rack"] = draw(among("r1", "r2"))
    capacity = size(
        draw(among(4, 8, 16)), draw(st.integers(3, 20)) * GIB, draw(st.integers(2, 12)) * 10 * GIB
    )
    made = host(name, capacity, cluster=draw(among("blue", "blue", "blue", "green")), labels=labels)
    return replace(
        made,
        overcommit=Overcommit(cpu=draw(among(1.0, 2.5))),
        reserve=Resources(memory_mib=draw(among(0, GIB))),
    )


@st.composite
def machines(draw: st.DrawFn) -> Machine:
    disks = [Disk("root", draw(among(5, 10)) * GIB)]
    if draw(st.booleans()):
        disks.append(Disk("data", draw(among(10, 30)) * GIB, draw(st.sampled_from(OnDelete))))
    nics: list[Nic] = draw(st.lists(among(bridge("br0"), bridge("br1"), network("default")), max_size=2))
    return Machine(
        image=replace(image_use(draw(among("one", "two"))), cmdline=""),
        cpus=draw(st.integers(1, 3)),
        memory_mib=draw(st.integers(1, 4)) * GIB,
        disks=tuple(disks),
        nics=tuple(nics),
        context=draw(among(None, sha("hello"))),
        protect=draw(rarely()),
    )


@st.composite
def tweaked(draw: st.DrawFn, of: Machine) -> Machine:
    """A machine that differs in a field or two."""
    disks = tuple(replace(disk, size_mib=disk.size_mib - GIB) for disk in of.disks)
    others = (
        {"cpus": of.cpus + 1},
        {"cpus": max(1, of.cpus - 1)},
        {"memory_mib": of.memory_mib + GIB},
        {"memory_mib": max(GIB, of.memory_mib - GIB)},
        {"protect": not of.protect},
        {"image": replace(of.image, name="three")},
        {"image": image_use("three")},
        {"image": image_use("three"), "protect": True},
        {"context": sha("hello again")},
        {"disks": disks},
        {"disks": of.disks[:1]},
        {"disks": (*of.disks[:1], kept("logs", 5 * GIB))},
    )
    return replace(of, **draw(st.sampled_from(others)))  # type: ignore[arg-type]


@st.composite
def placements(draw: st.DrawFn, component: str) -> Placement:
    over = among("host", "rack")
    others = st.sampled_from(COMPONENTS)
    affinities = st.builds(Affinity, others, over, st.booleans())
    return Placement(
        cluster=draw(among(None, None, None, "blue", "green")),
        require=draw(
            st.sampled_from(
                [(), (), ('host.labels.disk == "ssd"',), ('host.labels.rack == "r1"',), ("host.load < 4.0",)]
            )
        ),
        anti_affinity=draw(
            among((), (Affinity(component, "host"),), (Affinity(draw(others), "rack", False),))
        ),
        affinity=draw(st.one_of(st.just(()), st.tuples(affinities))),
        spread=draw(
            st.sampled_from(
                [(), (), (Spread("rack"),), (Spread("rack", 2),), (Spread("host", 1, strict=False),)]
            )
        ),
        rank=draw(among(None, "host.free.memory_gib", "0.0 - host.load")),
        priority=draw(among(0, 0, 0, 5)),
    )


@st.composite
def components(draw: st.DrawFn, service: str, name: str) -> list[Instance]:
    of, placement = draw(machines()), draw(placements(name))
    # Mostly a tree, and sometimes a circle, which a loader would refuse.
    candidates = COMPONENTS if draw(rarely()) else COMPONENTS[: COMPONENTS.index(name)]
    depends_on = [each for each in candidates if each != name and draw(st.booleans())]
    # A loader would refuse to wait for the health of what has no check; the planner must not mind.
    healthy_first = tuple(sorted(each for each in depends_on if draw(st.booleans())))
    health, update = draw(checks()), draw(policies())
    return [
        replace(
            instance(f"{service}-{name}-{ordinal}", of, placement=placement, depends_on=depends_on),
            healthy_first=healthy_first,
            health=health,
            update=update,
        )
        for ordinal in range(draw(st.integers(1, 4)))
    ]


def checks() -> st.SearchStrategy[HealthCheck | None]:
    return among(HealthCheck(TcpCheck(80)), HealthCheck(TcpCheck(80)), None)


def policies() -> st.SearchStrategy[UpdatePolicy]:
    orders = among(Order.STOP_FIRST, Order.START_FIRST)
    return st.builds(UpdatePolicy, among(1, 1, 1, 2, 3, 0), among(0, 60), orders)


@st.composite
def desires(draw: st.DrawFn) -> Desired:
    fleet = fleet_of(*(draw(hosts(f"h{number}")) for number in range(draw(among(3, 2, 4, 1)))))
    instances = [
        each
        for service in ("shop", "blog")[: draw(st.integers(1, 2))]
        for name in COMPONENTS
        if name == "db" or draw(st.booleans())
        for each in draw(components(service, name))
    ]
    return desired_of(fleet, *instances)
