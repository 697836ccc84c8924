"""How many more would fit, and what stops the next."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.errors import InvalidInput
from reconciler.planner.capacity import Capacity, capacity_for
from tests import builders
from tests.fleets import Recorded, fleet_from
from tests.properties.wired import segment


def count(fleet: Recorded, like: str = "shop/web") -> Capacity:
    return capacity_for(fleet.desired, fleet.observed, like)


def test_as_many_fit_as_there_is_room_for_beside_what_is_there() -> None:
    found = count(fleet_from("hv1 8c/8G\nhv2 4c/8G\n\nshop-web-0 1c/1G on=hv1\nshop-db-0 1c/4G on=hv1"))
    assert (found.count, dict(found.hosts)) == (7, {"hv1": 3, "hv2": 4})
    assert found.reasons == (("needs 1 CPUs", 1), ("needs 1 GiB of memory", 1))


def test_the_next_is_stopped_by_a_rule_as_well() -> None:
    found = count(fleet_from("hv1 8c/8G\nhv2 8c/8G\nhv3 8c/8G\n\nshop-web-0 1c/1G on=hv1 apart=host"))
    assert (found.count, dict(found.hosts)) == (2, {"hv2": 1, "hv3": 1})
    assert {each.reason for each in found.refusals} == {
        f"web is already on {name}" for name in ("hv1", "hv2", "hv3")
    }


def test_hosts_that_get_nothing_new_hold_no_more() -> None:
    found = count(fleet_from("hv1 4c/4G\nhv2 4c/4G cordoned\nhv3 4c/4G silent\n\nshop-web-0 1c/1G on=hv1"))
    assert dict(found.hosts) == {"hv1": 3}
    assert [each.host for each in found.unknown] == ["hv3"]


def test_what_is_pending_comes_first() -> None:
    fleet = fleet_from("hv1 4c/4G\n\nshop-web-0 1c/1G on=hv1\nshop-web-1 1c/1G -\nzoo-app-0 1c/1G -")
    assert count(fleet).count == 1


def test_none_fits_where_the_fleet_is_full() -> None:
    found = count(fleet_from("hv1 4c/1G\n\nshop-web-0 1c/1G on=hv1"))
    assert (found.count, found.hosts) == (0, ())
    assert found.reasons == (("needs 1 GiB of memory", 1),)


def test_disks_are_counted() -> None:
    found = count(fleet_from("hv1 64c/64G/100G\n\nshop-web-0 1c/1G/30G on=hv1"))
    assert (found.count, found.reasons) == (2, (("needs 30 GiB of disk", 1),))


def test_a_component_may_be_named_alone_where_one_service_has_it() -> None:
    fleet = fleet_from("hv1 4c/4G\n\nshop-web-0 1c/1G on=hv1\nzoo-web-0 1c/1G on=hv1\nzoo-app-0 1c/1G -")
    assert count(fleet, "app").like == "zoo/app"
    with pytest.raises(InvalidInput) as refused:
        count(fleet, "web")
    assert refused.value.faults[0].hint == "which one: shop/web, zoo/web?"
    with pytest.raises(InvalidInput) as refused:
        count(fleet, "shop/wbe")
    assert refused.value.faults[0].hint == "did you mean 'shop/web'?"


def test_addresses_of_others_are_not_taken() -> None:
    fleet = fleet_from("hv1 4c/4G\n\nshop-web-0 1c/1G on=hv1")
    (web,) = fleet.desired.instances
    machine = replace(web.machine, nics=(builders.bridge("br0"),))
    desired = replace(fleet.desired, instances=(replace(web, machine=machine),))
    seen = builders.host_state(
        "hv1", builders.running(desired.instances[0], on="hv1"), capacity=builders.size(4, 4096)
    )
    observed = builders.with_host(fleet.observed, replace(seen, bridges=("br0",)))
    assert capacity_for(desired, observed, "web").count == 3


def test_a_network_that_is_full_stops_the_next() -> None:
    """Few machines are on few hosts: their number and their hosts' have addresses together."""
    back = segment("shop", "back", "10.0.0.0/28")
    fleet = fleet_from("\n".join(f"hv{n} 8c/8G" for n in range(9)) + "\n\nshop-web-0 1c/1G -")
    (web,) = fleet.desired.instances
    card = builders.bridge(back.bridge)
    wired = replace(web, machine=replace(web.machine, nics=(card,)))
    desired = replace(fleet.desired, instances=(wired,), segments=(back,))
    hosts = tuple(replace(each, address=f"192.0.2.{n + 1}") for n, each in enumerate(fleet.observed.hosts))
    found = capacity_for(desired, replace(fleet.observed, hosts=hosts), "web")
    assert found.count == 14 // 2 - 1
    assert [each.reason for each in found.refusals] == [
        "shop.back is full: 10.0.0.0/28 has no address for one more beside the hosts"
    ]
