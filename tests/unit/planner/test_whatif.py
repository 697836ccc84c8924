"""What a host's death would do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.errors import InvalidInput
from reconciler.planner.whatif import WhatIf, what_if
from reconciler.specs.desired import Disk, OnDelete
from tests import builders
from tests.fleets import Recorded, fleet_from, recorded


def without(fleet: Recorded, *hosts: str) -> WhatIf:
    return what_if(fleet.desired, fleet.observed, hosts)


def places(answer: WhatIf) -> dict[str, str | None]:
    return {each.instance: each.host for each in answer.lost}


def test_who_ran_on_a_dead_host_finds_another_place_if_there_is_one() -> None:
    answer = without(recorded("two-racks"), "hv1")
    assert set(places(answer)) == {"shop-db-0", "shop-app-0"}
    assert answer.homeless == ()
    assert places(answer)["shop-db-0"] in {"hv2", "hv4"}


def test_who_finds_no_place_is_told_why_on_every_host() -> None:
    answer = without(recorded("two-racks"), "hv1", "hv2")
    (db,) = answer.homeless
    assert db.instance == "shop-db-0"
    assert [each.host for each in db.refusals] == ["hv3", "hv4"]
    assert all(each.reason.startswith("needs 16 GiB of memory, ") for each in db.refusals)


def test_nothing_else_is_planned() -> None:
    fleet = fleet_from(
        """
        hv1 4c/4G
        hv2 4c/4G

        shop-db-0  1c/1G on=hv1
        shop-web-0 1c/1G on=hv2 off
        shop-web-1 1c/4G -
        """
    )
    assert places(without(fleet, "hv1")) == {"shop-db-0": "hv2"}


def test_what_is_to_grow_elsewhere_has_not_grown_yet() -> None:
    fleet = fleet_from("hv1 4c/4G\nhv2 4c/4G\n\nshop-db-0 1c/3G on=hv1\nshop-web-0 1c/1G on=hv2")
    larger = builders.instance("shop-web-0", builders.machine(1, 4 * builders.GIB))
    desired = replace(fleet.desired, instances=(fleet.desired.instances[0], larger))
    assert places(what_if(desired, fleet.observed, ["hv1"])) == {"shop-db-0": "hv2"}


def test_a_silent_host_is_not_counted_on_and_loses_nothing() -> None:
    fleet = fleet_from("hv1 4c/4G\nhv2 4c/4G silent\n\nshop-db-0 1c/1G on=hv1\nshop-web-0 1c/1G -")
    answer = without(fleet, "hv1")
    assert places(answer) == {"shop-db-0": None}
    assert [each.host for each in answer.unknown] == ["hv2"]


def test_a_cordoned_host_takes_nobody_in() -> None:
    fleet = fleet_from("hv1 4c/4G\nhv2 4c/4G cordoned\n\nshop-db-0 1c/1G on=hv1")
    (lost,) = without(fleet, "hv1").homeless
    assert lost.refusals[0].reason.startswith("is cordoned by")


def test_what_is_declared_no_more_is_lost_and_not_made_again() -> None:
    fleet = fleet_from("hv1 4c/4G\nhv2 4c/4G\n\nshop-db-0 1c/1G on=hv1")
    answer = what_if(replace(fleet.desired, instances=()), fleet.observed, ["hv1"])
    assert (answer.lost, answer.strays) == ((), ("shop-db-0",))


def with_data(storage: str | None) -> Recorded:
    fleet = fleet_from("hv1 4c/4G\nhv2 4c/4G")
    db = builders.instance(
        "shop-db-0", builders.machine(disks=(Disk("root", 10240), Disk("data", 10240, OnDelete.RETAIN)))
    )
    hosts = tuple(replace(host, storage=storage) for host in fleet.desired.fleet.hosts)
    desired = builders.desired_of(replace(fleet.desired.fleet, hosts=hosts), db)
    seen = builders.host_state("hv1", builders.running(db, on="hv1"))
    return Recorded(desired, builders.with_host(fleet.observed, seen))


@pytest.mark.parametrize(("storage", "lost"), [(None, ("data",)), ("san1", ())])
def test_data_is_lost_with_its_host_unless_another_shares_its_pool(
    storage: str | None, lost: tuple[str, ...]
) -> None:
    (entry,) = without(with_data(storage), "hv1").lost
    assert entry.disks == lost


def test_an_unknown_host_is_no_host_to_think_away() -> None:
    with pytest.raises(InvalidInput, match="no host is called 'hv9'"):
        without(recorded("two-racks"), "hv9")
