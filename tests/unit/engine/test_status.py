"""Which disks are told of as kept."""

from __future__ import annotations

from dataclasses import replace

from reconciler.engine.rounds import Round
from reconciler.engine.status import RetainedDisk, status_of
from reconciler.planner import make_plan
from reconciler.specs.desired import Fleet
from reconciler.state import Observed
from tests.builders import (
    GIB,
    desired_of,
    fleet_of,
    host_state,
    instance,
    machine,
    observed_of,
    running,
    volume,
    with_host,
)

APART = fleet_of(hv1=16 * GIB, hv2=16 * GIB)
SHARED = replace(APART, hosts=tuple(replace(host, storage="san1") for host in APART.hosts))
DB = instance("shop-db-0", machine())
ON_HV2 = host_state("hv2", volumes=[volume(DB, "data", 1024)])


def kept(fleet: Fleet, observed: Observed) -> tuple[RetainedDisk, ...]:
    desired = desired_of(fleet, DB)
    return status_of(Round(desired, observed, make_plan(desired, observed))).retained


def test_a_disk_in_a_shared_pool_is_not_kept_while_its_machine_is_on_any_host_of_it() -> None:
    seen = with_host(observed_of(APART, running(DB, on="hv1")), ON_HV2)
    assert kept(SHARED, seen) == ()
    assert [(disk.host, disk.disk) for disk in kept(APART, seen)] == [("hv2", "data")]


def test_no_disk_in_a_shared_pool_is_told_of_as_kept_while_a_host_of_it_is_silent() -> None:
    seen = with_host(observed_of(APART, silent=["hv1"]), ON_HV2)
    assert kept(SHARED, seen) == ()
    assert [disk.host for disk in kept(APART, seen)] == ["hv2"]
