"""What machines take of each pool of a host."""

from __future__ import annotations

from dataclasses import replace

from reconciler.planner.placement.footprints import footprint
from reconciler.planner.placement.ledger import Ledger, Site, demand, growth
from reconciler.specs.desired import Disk, Instance, OnDelete, Resources
from reconciler.state import HostState, VolumeState
from tests.builders import GIB, host, host_state, instance, machine, running, size

INDEX = Disk("index", 10 * GIB, OnDelete.RETAIN, "nvme")
DB = instance("shop-db-0", machine(disks=(Disk("root", 5 * GIB), INDEX)))
ROOMY = size() + Resources.on_disk([("nvme", 100 * GIB)])


def left(of: Instance, gib: int, *, on: str = "h1", pool: str = "nvme") -> HostState:
    """A host with a disk of it that no machine has."""
    return host_state(on, capacity=ROOMY, volumes=[VolumeState(of.key, "index", gib * GIB, pool)])


def opened(*states: HostState) -> Ledger:
    return Ledger.opened(Site(host(state.host, ROOMY), state) for state in states)


def taken(root: int, nvme: int) -> Resources:
    return Resources.on_disk([("", root * GIB), ("nvme", nvme * GIB)])


def disks(of: Resources) -> Resources:
    """An amount without what is no disk."""
    return replace(of, cpus=0, memory_mib=0)


def test_each_disk_is_counted_in_its_pool() -> None:
    state = running(DB, on="h1")
    assert disks(footprint(state)) == taken(5, 10)
    free = opened(host_state("h1", state, capacity=ROOMY)).free(host("h1").name)
    assert dict(free.devices) == {"pool:nvme": 90 * GIB}
    assert free.disk_mib == size().disk_mib - 5 * GIB


def test_a_disk_that_is_found_spares_the_room_of_its_own_pool_only() -> None:
    assert disks(demand(DB, opened(left(DB, 10)))) == taken(5, 0)
    assert disks(demand(DB, opened(left(DB, 4)))) == taken(5, 6)
    assert disks(demand(DB, opened(left(DB, 10, pool="")))) == taken(5, 10)


def test_where_several_hosts_have_a_disk_it_spares_what_it_does_on_each() -> None:
    assert disks(demand(DB, opened(left(DB, 4), left(DB, 9, on="h2")))) == taken(5, 6)
    mixed = (left(DB, 4), replace(left(DB, 9, on="h2"), volumes=(VolumeState(DB.key, "root", GIB),)))
    assert disks(demand(DB, opened(*mixed))) == taken(5, 10)


def test_a_disk_that_grows_takes_more_of_its_pool() -> None:
    state = running(DB, on="h1")
    larger = replace(DB.machine, disks=(Disk("root", 6 * GIB), replace(INDEX, size_mib=30 * GIB)))
    ledger = opened(host_state("h1", state, capacity=ROOMY))
    assert growth(state, larger, ledger) == taken(1, 20)


def test_of_a_pool_that_is_declared_only_so_much_is_given_out() -> None:
    declared = replace(host("h1"), capacity=size() + Resources.on_disk([("nvme", 40 * GIB)]))
    physical = ROOMY + Resources.on_disk([("hdd", 7 * GIB)])
    assert dict(declared.usable(physical).pooled) == {"pool:hdd": 7 * GIB, "pool:nvme": 40 * GIB}
    kept = replace(declared, reserve=Resources.on_disk([("nvme", GIB)]))
    assert dict(kept.usable(physical).pooled)["pool:nvme"] == 39 * GIB
