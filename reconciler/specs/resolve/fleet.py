"""The fleet: hosts with their clusters, and connects with absolute paths."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reconciler.errors import Fault
from reconciler.specs.connect import rooted
from reconciler.specs.desired import (
    Cluster,
    Fleet,
    Host,
    HostName,
    Overcommit,
    Resources,
)
from reconciler.specs.documents import Document
from reconciler.specs.limits import DeleteBudget, MigrationLimits
from reconciler.specs.models.amounts import Capacity, Reserve
from reconciler.specs.models.base import suggestion
from reconciler.specs.models.fleet import ClusterModel, FleetModel, HostModel, MigrationsModel
from reconciler.specs.scheduling import OwnScheduler


def clusters_of(fleet: FleetModel) -> frozenset[str]:
    """Clusters by name: those that are declared, or else those that hosts name."""
    if fleet.clusters is not None:
        return frozenset(fleet.clusters)
    return frozenset(host.cluster for host in fleet.hosts.values())


def check_fleet(document: Document[FleetModel]) -> Iterator[Fault]:
    """What only shows when the parts of a fleet meet."""
    fleet = document.model
    clusters = clusters_of(fleet)
    for name, host in fleet.hosts.items():
        if host.cluster not in clusters:
            found = document.find("hosts", name, "cluster")
            place = found.node.place if found.exact else found.key or found.node.place
            hint = suggestion(host.cluster, clusters) or f"known are {', '.join(sorted(clusters))}"
            yield place.fault(f"unknown cluster {host.cluster!r}", hint=hint)
        for path in _overdrawn(host):
            yield document.find("hosts", name, "reserve", *path).node.place.fault(
                f"more {path[-1]} is reserved than the host gives out"
            )
    for name, cluster in (fleet.clusters or {}).items():
        count = sum(host.cluster == name for host in fleet.hosts.values())
        if cluster.reserve.hosts >= max(1, count):
            yield document.find("clusters", name, "reserve", "hosts").node.place.fault(
                f"a reserve of {cluster.reserve.hosts} leaves none of the cluster's hosts ({count})"
            )


def fleet_of(document: Document[FleetModel]) -> Fleet:
    """The fleet, hosts sorted by name."""
    model = document.model
    return Fleet(
        name=model.name,
        hosts=tuple(_host(document, name) for name in sorted(model.hosts)),
        deletes=DeleteBudget(max=model.limits.deletes.max, percent=model.limits.deletes.percent),
        migrations=_migrations(model.limits.migrations),
        origin=document.find("name").node.place.position,
        clusters=tuple(_cluster(model, name) for name in sorted(clusters_of(model))),
        scheduler=_scheduler(document),
    )


def _scheduler(document: Document[FleetModel]) -> OwnScheduler | None:
    model = document.model.scheduler
    if model is None:
        return None
    return OwnScheduler(
        python=model.python or "",
        command=tuple(model.command or ()),
        timeout_s=model.timeout,
        on_failure=model.on_failure,
        questions=tuple(sorted(set(model.questions))),
        origin=document.find("scheduler").node.place.position,
    )


def _cluster(fleet: FleetModel, name: str) -> Cluster:
    model = (fleet.clusters or {}).get(name, ClusterModel())
    return Cluster(name, model.policy, model.reserve.hosts, model.return_home, model.hold)


def _host(document: Document[FleetModel], name: str) -> Host:
    model = document.model.hosts[name]
    factors = model.overcommit
    found = document.find("hosts", name)
    return Host(
        name=HostName(name),
        connect=rooted(model.connect, document.source.path.parent),
        hypervisor=model.hypervisor,
        cluster=model.cluster,
        labels=tuple(sorted(model.labels.items())),
        capacity=_capacity(model.capacity),
        overcommit=Overcommit(cpu=factors.cpu, memory=factors.memory, disk=factors.disk),
        reserve=_reserve(model.reserve),
        address=model.address,
        peer=model.peer,
        storage=model.storage,
        maintenance=model.maintenance,
        devices=tuple(sorted(model.devices.items())),
        origin=(found.key or found.node.place).position,
        maintenance_origin=document.find("hosts", name, "maintenance").node.place.position,
    )


def _overdrawn(host: HostModel) -> Iterator[tuple[str, ...]]:
    if host.capacity is None:
        return
    capacity, reserve, factors = host.capacity, host.reserve, host.overcommit
    rows: list[tuple[tuple[str, ...], float, int]] = [
        (("cpus",), capacity.cpus * factors.cpu, reserve.cpus),
        (("memory",), capacity.memory * factors.memory, reserve.memory or 0),
        (("disk",), capacity.disk * factors.disk, reserve.disk or 0),
    ]
    # Of a pool that is not declared only the host knows how large it is.
    for pool in reserve.pools.keys() & capacity.pools.keys():
        rows.append((("pools", pool), capacity.pools[pool] * factors.disk, reserve.pools[pool]))
    yield from (path for path, given, kept in rows if kept > given)


def _migrations(model: MigrationsModel) -> MigrationLimits:
    return MigrationLimits(
        per_host=model.per_host,
        per_cluster=model.per_cluster,
        bandwidth_mib=model.bandwidth,
        downtime_ms=model.downtime,
        timeout_s=model.timeout,
    )


def _capacity(model: Capacity | None) -> Resources | None:
    return _amount(model.cpus, model.memory, {"": model.disk, **model.pools}) if model else None


def _reserve(model: Reserve) -> Resources:
    return _amount(model.cpus, model.memory or 0, {"": model.disk or 0, **model.pools})


def _amount(cpus: int, memory_mib: int, pools: Mapping[str, int]) -> Resources:
    return Resources(cpus, memory_mib) + Resources.on_disk(pools.items())
