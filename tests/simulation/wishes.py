"""What a seed's files ask for, and how a human edits them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from random import Random

from reconciler.errors import Fault as InputFault
from reconciler.errors import InvalidInput, Position
from reconciler.specs.desired import (
    Desired,
    Disk,
    Fleet,
    Instance,
    Machine,
    Nic,
    NicKind,
    Resources,
    Segment,
)
from reconciler.specs.health import HealthCheck, OnFailure, Order, TcpCheck, UpdatePolicy
from reconciler.specs.identity import bridge_of, vni_of
from reconciler.specs.limits import DeleteBudget
from reconciler.specs.placement import Affinity, Evict, Placement
from tests.builders import GIB, desired_of, fleet_of, host, image_of, image_use, instance, kept

# What hosts have: whole CPUs, GiB of memory, GiB of disk.
_ROOMY = ((6, 8, 12), (6, 8, 12), (80, 160))
_TIGHT = ((2, 3, 4), (3, 4, 6), (20, 40))
IMAGES = ("one", "two", "three")
_CHECK = HealthCheck(TcpCheck(80), interval=5, retries=3, start_period=20)


@dataclass(frozen=True)
class Component:
    """One component of the only service."""

    name: str
    replicas: int
    cpus: int = 1
    memory: int = 1
    image: int = 0
    data: bool = False
    extra: int = 0
    protect: bool = False
    cluster: str | None = None
    apart: bool = False
    depends_on: tuple[str, ...] = ()
    healthy_first: bool = False
    checked: bool = False
    most: int = 1
    monitor: int = 0
    rolls_back: bool = False
    wired: bool = False
    """Whether it is on the service's own segment."""
    start_first: bool = False
    cold: bool = False
    """Whether it is off while it leaves a host that is to be empty."""

    @property
    def _on_failure(self) -> OnFailure:
        return OnFailure.ROLLBACK if self.rolls_back and self.checked else OnFailure.PAUSE

    def instances(self, fleet: Fleet) -> list[Instance]:
        disks = [Disk("root", 4 * GIB)]
        if self.data:
            disks.append(kept("data", 6 * GIB))
        disks += [Disk(f"extra{number}", 2 * GIB) for number in range(self.extra)]
        image = image_use(IMAGES[self.image % len(IMAGES)])
        back = segment_of(fleet)
        nics = (Nic(NicKind.BRIDGE, back.bridge),) if self.wired else ()
        machine = Machine(image, self.cpus, self.memory * GIB, tuple(disks), nics, protect=self.protect)
        anti = (Affinity(self.name, "host"),) if self.apart else ()
        evict = Evict.COLD if self.cold else Evict.LIVE
        placement = Placement(cluster=self.cluster, anti_affinity=anti, evict=evict)
        order = Order.START_FIRST if self.start_first else Order.STOP_FIRST
        return [
            replace(
                instance(
                    f"shop-{self.name}-{number}",
                    machine,
                    placement=placement,
                    depends_on=self.depends_on,
                    fleet=fleet.name,
                ),
                healthy_first=self.depends_on if self.healthy_first else (),
                health=_CHECK if self.checked else None,
                update=UpdatePolicy(self.most, self.monitor, order, self._on_failure),
            )
            for number in range(self.replicas)
        ]


def segment_of(fleet: Fleet) -> Segment:
    """The only segment."""
    vni = vni_of(fleet.name, "shop", "back")
    return Segment("shop", "back", "10.9.0.0/26", vni, bridge_of(vni), 1450)


@dataclass(frozen=True)
class Files:
    """What lies in the directory. ``broken``: it does not load; ``empty``: no service is there."""

    fleet: Fleet
    components: tuple[Component, ...]
    removed: tuple[Component, ...] = ()
    broken: bool = False
    empty: bool = False

    def desired(self) -> Desired:
        """Load it. Raises InvalidInput."""
        if self.broken:
            raise InvalidInput([InputFault(Position("shop.yaml", 1, 1), "half written")])
        return self._loaded

    @cached_property
    def _loaded(self) -> Desired:
        components = () if self.empty else self.components
        there = {component.name for component in components}
        made = [
            each
            for component in components
            for each in replace(
                component, depends_on=tuple(name for name in component.depends_on if name in there)
            ).instances(self.fleet)
        ]
        desired = desired_of(self.fleet, *made)
        images = tuple(image_of(image_use(name)) for name in sorted(IMAGES))
        # Declared all the same by services that do not use it.
        segments = () if self.empty else (segment_of(self.fleet),)
        return replace(desired, images=images, directory="/files", segments=segments)

    def mended(self) -> Files:
        """The same, once it loads and asks for something."""
        return replace(self, broken=False, empty=False)

    def edited(self, kind: str, number: int) -> Files:
        """After one edit; the number says which and how much."""
        if kind in _WHOLE:
            return _WHOLE[kind](self)
        if kind == "maintenance":
            return replace(self, fleet=_with_maintenance(self.fleet, number))
        if not self.components:
            return self
        place = number % len(self.components)
        old = self.components[place]
        new = _change(kind, old, number // len(self.components), self.fleet)
        if new is None:
            rest = self.components[:place] + self.components[place + 1 :]
            return replace(self, components=rest, removed=(*self.removed, old))
        return replace(self, components=(*self.components[:place], new, *self.components[place + 1 :]))


def _with_maintenance(fleet: Fleet, number: int) -> Fleet:
    """One host is to be empty, or is so no more."""
    place = number % len(fleet.hosts)
    hosts = (
        replace(each, maintenance=not each.maintenance) if at == place else each
        for at, each in enumerate(fleet.hosts)
    )
    return replace(fleet, hosts=tuple(hosts))


def _restored(files: Files) -> Files:
    return replace(files, components=(*files.components, *files.removed), removed=())


_WHOLE: dict[str, Callable[[Files], Files]] = {
    "restore": _restored,
    "broken": lambda files: replace(files, broken=True),
    "empty": lambda files: replace(files, empty=True),
    "mend": lambda files: files.mended(),
}


def _change(kind: str, old: Component, number: int, fleet: Fleet) -> Component | None:
    """A component after an edit, or None where it is gone."""
    clusters = (None, *sorted({each.cluster for each in fleet.hosts}))
    changes: dict[str, dict[str, object]] = {
        "scale": {"replicas": number % 4},
        "cpus": {"cpus": 1 + number % 2},
        "memory": {"memory": 1 + number % 2},
        "image": {"image": number % 3},
        "disk": {"extra": min(2, old.extra + 1)},
        "no-disk": {"extra": max(0, old.extra - 1)},
        "protect": {"protect": not old.protect},
        "wire": {"wired": not old.wired},
        "cluster": {"cluster": clusters[number % len(clusters)]},
    }
    return None if kind == "remove" else replace(old, **changes[kind])  # type: ignore[arg-type]


def files_of(luck: Random) -> Files:
    """A small fleet and a service of three to eight instances."""
    names = [f"h{number}" for number in range(1, luck.randint(2, 4) + 1)]
    two_clusters = luck.random() < 0.3
    cpus, memory, disk = luck.choice((_ROOMY, _ROOMY, _ROOMY, _TIGHT))
    hosts = [
        host(
            name,
            Resources(luck.choice(cpus), luck.choice(memory) * GIB, luck.choice(disk) * GIB),
            cluster="green" if two_clusters and number == 0 else "blue",
        )
        for number, name in enumerate(names)
    ]
    fleet = replace(fleet_of(*hosts), deletes=DeleteBudget(max=luck.randint(1, 5), percent=10))
    components = [
        Component(
            "db",
            luck.randint(1, 2),
            data=True,
            protect=luck.random() < 0.2,
            apart=luck.random() < 0.5,
            cluster="blue" if two_clusters and luck.random() < 0.5 else None,
        ),
        Component("app", luck.randint(1, 3), extra=luck.randint(0, 1), depends_on=("db",)),
    ]
    if luck.random() < 0.6:
        components.append(Component("web", luck.randint(1, 3), depends_on=("app",)))
    wires = luck.choice(("all", "all", "some", "none"))
    wired = (
        replace(each, wired=wires == "all" or (wires == "some" and each.name != "db")) for each in components
    )
    # Drawn last, so that a seed's fleet and its components stay what they were.
    checked = tuple(_with_health(each, luck) for each in wired)
    rolling = [replace(each, rolls_back=luck.random() < 0.6) for each in checked]
    # As a loader would have it: whoever comes first has a check, and no disks that are to outlive it.
    may = [each.checked and not each.data for each in rolling]
    firsts = [luck.random() < 0.4 and first for first in may]
    components = [replace(each, start_first=first) for each, first in zip(rolling, firsts, strict=True)]
    return Files(fleet, tuple(replace(each, cold=luck.random() < 0.5) for each in components))


def _with_health(component: Component, luck: Random) -> Component:
    checked, most, monitor = luck.random() < 0.5, luck.choice((1, 1, 1, 2)), luck.choice((0, 0, 12))
    return replace(component, checked=checked, most=most, monitor=monitor, healthy_first=luck.random() < 0.5)
