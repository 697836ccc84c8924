"""Fleets written by hand: one line a host, one line an instance.

    # name  size          what is particular about it
    hv1     16c/64G/1T    rack=r1 disk=ssd
    hv2     16c/64G       rack=r2 cluster=prod cordoned
    hv3     8c/32G        rack=r2 maintenance

    shop-db-0   4c/8G/20G   on=hv1 apart=host require=host.labels.disk=="ssd"
    shop-web-0  1c/1G       on=hv2 spread=rack evict=stop priority=5
    shop-web-1  1c/1G       -

Hosts first, then an empty line, then instances. A disk that is not named has 1 TiB on a host, and 10 GiB as
a root disk. What is not ``on`` a host is on none; ``was=…`` is the home that it remembers, ``off`` says that
it does not run.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from reconciler.specs.desired import (
    Cluster,
    Desired,
    Disk,
    Fleet,
    Host,
    HostName,
    Instance,
    Resources,
)
from reconciler.specs.placement import Affinity, Evict, Placement, Policy, Spread
from reconciler.state import Cordon, HostState, HostUnknown, InstanceState, Observed
from tests import builders
from tests.builders import GIB

FIXTURES = Path(__file__).parent / "fixtures" / "fleets"
_SIZE = re.compile(r"(\d+)c/(\d+)([MG])(?:/(\d+)([GT]))?")
_UNITS = {"M": 1, "G": GIB, "T": 1024 * GIB}


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a fleet should be, and what was seen of it."""

    desired: Desired
    observed: Observed


@dataclass(frozen=True, slots=True)
class _Line:
    name: str
    size: str
    pairs: tuple[tuple[str, str], ...]
    flags: frozenset[str]

    @staticmethod
    def read(text: str) -> _Line:
        name, size, *rest = text.split()
        pairs = tuple((key, value) for key, _, value in (word.partition("=") for word in rest) if value)
        return _Line(name, size, pairs, frozenset(word for word in rest if "=" not in word and word != "-"))

    def one(self, key: str, otherwise: str = "") -> str:
        return dict(self.pairs).get(key, otherwise)

    def all(self, key: str) -> tuple[str, ...]:
        return tuple(value for name, value in self.pairs if name == key)

    def amount(self, *, disk_mib: int) -> Resources:
        found = _SIZE.fullmatch(self.size)
        assert found, f"{self.name}: no size: {self.size}"
        cpus, memory, memory_unit, disk, disk_unit = found.groups()
        disk_mib = int(disk) * _UNITS[disk_unit] if disk else disk_mib
        return Resources(int(cpus), int(memory) * _UNITS[memory_unit], disk_mib)


def recorded(name: str) -> Recorded:
    """The fleet of that name among the fixtures."""
    return fleet_from((FIXTURES / f"{name}.fleet").read_text())


def fleet_from(text: str, **clusters: Cluster) -> Recorded:
    """A fleet as it is written; ``clusters`` says more of one than that hosts belong to it."""
    lines = [line.split("#")[0].strip() for line in text.strip("\n").splitlines()]
    lines = lines[next((number for number, line in enumerate(lines) if line), 0) :]
    end = lines.index("") if "" in lines else len(lines)
    hosts = [_Line.read(line) for line in lines[:end]]
    instances = [_Line.read(line) for line in lines[end:] if line]
    made = [(line, _instance(line)) for line in instances]
    fleet = Fleet(
        builders.FLEET,
        tuple(sorted(map(_host, hosts), key=lambda host: host.name)),
        clusters=tuple(replace(cluster, name=name) for name, cluster in sorted(clusters.items())),
    )
    desired = builders.desired_of(fleet, *(instance for _, instance in made))
    states = [_state(line, instance) for line, instance in made if line.one("on")]
    seen = [_seen(line, states) for line in hosts if "silent" not in line.flags]
    silent = [HostUnknown(HostName(line.name), "no answer") for line in hosts if "silent" in line.flags]
    by_name = sorted(seen, key=lambda state: state.host)
    unknown = sorted(silent, key=lambda each: each.host)
    return Recorded(desired, Observed(fleet.name, tuple(by_name), tuple(unknown)))


_OF_HOSTS = ("cluster", "reserve", "cordoned", "draining", "foreign")


def _host(line: _Line) -> Host:
    labels = {key: value for key, value in line.pairs if key not in _OF_HOSTS}
    host = builders.host(line.name, cluster=line.one("cluster", "default"), labels=labels)
    reserve = Resources(memory_mib=int(line.one("reserve", "0")) * GIB)
    return replace(host, maintenance="maintenance" in line.flags, reserve=reserve)


def _seen(line: _Line, states: list[InstanceState]) -> HostState:
    cordon = None
    for word, draining in (("cordoned", False), ("draining", True)):
        if word in line.flags or line.one(word):
            cordon = Cordon("ops@desk", "2026-11-25T06:40:00Z", line.one(word), draining)
    own = [state for state in states if state.host == line.name]
    foreign = Resources(memory_mib=int(line.one("foreign", "0")) * GIB)
    state = builders.host_state(line.name, *own, capacity=line.amount(disk_mib=1024 * GIB), foreign=foreign)
    return replace(state, cordon=cordon)


def _instance(line: _Line) -> Instance:
    key, size = builders.key_of(line.name), line.amount(disk_mib=10 * GIB)
    machine = builders.machine(size.cpus, size.memory_mib, disks=(Disk("root", size.disk_mib),))
    placement = Placement(
        cluster=line.one("cluster") or None,
        require=line.all("require"),
        anti_affinity=tuple(Affinity(*_to(value, key.component)) for value in line.all("apart")),
        affinity=tuple(Affinity(*_to(value, key.component)) for value in line.all("near")),
        spread=tuple(Spread(over) for over in line.all("spread")),
        priority=int(line.one("priority", "0")),
        evict=Evict(line.one("evict", "live")),
    )
    return builders.instance(line.name, machine, placement=placement)


def _to(value: str, own: str) -> tuple[str, str]:
    """``host``, or ``db:rack``: a component and what is shared."""
    to, _, over = value.rpartition(":")
    return to or own, over


def _state(line: _Line, instance: Instance) -> InstanceState:
    state = builders.running(instance, on=line.one("on"))
    if "off" in line.flags:
        state = builders.stopped(instance, on=line.one("on"), detail="shutdown")
    return replace(state, home=HostName(line.one("was")) if line.one("was") else None)


def returning(policy: Policy = Policy.BALANCE) -> Cluster:
    """A cluster whose instances go home."""
    return Cluster("", policy, return_home=True)
