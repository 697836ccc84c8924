"""Hosts that share a pool have its room together: a disk on it is there once, wherever its machine runs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.actions import Create, Migrate
from reconciler.plan import Plan
from reconciler.planner import Move, make_plan, plan_move
from reconciler.planner.draining import Drain, plan_drain
from reconciler.planner.hosts import hosts_of
from reconciler.planner.rebalancing import Rebalance, plan_rebalance
from reconciler.planner.whatif import what_if
from reconciler.specs.desired import Cluster, Desired, HostName, Instance
from reconciler.specs.placement import Policy
from reconciler.state import Cordon, Observed
from tests.builders import volume
from tests.fleets import Recorded, fleet_from

CORDON = Cordon("ops@desk", "2026-11-25T06:40:00Z", "")


def shared(text: str, *hosts: str, seen_everywhere: bool = True, **clusters: Cluster) -> Recorded:
    """The fleet as it is written; ``hosts`` have one pool, and each sees all that lies in it."""
    fleet = fleet_from(text, **clusters)
    pool = {
        volume(each, disk.name, disk.size_mib)
        for each in fleet.desired.instances
        for disk in each.machine.disks
        if any(
            state.uuid == each.uuid
            for host in fleet.observed.hosts
            if host.host in hosts
            for state in host.instances
        )
    }
    declared = tuple(
        replace(each, storage="san1") if each.name in hosts else each for each in fleet.desired.fleet.hosts
    )
    desired = replace(fleet.desired, fleet=replace(fleet.desired.fleet, hosts=declared))
    if not seen_everywhere:
        return Recorded(desired, fleet.observed)
    answers = []
    for host in fleet.observed.hosts:
        own = {(each.key, each.disk) for each in host.volumes}
        more = [each for each in pool if (each.key, each.disk) not in own] if host.host in hosts else []
        volumes = sorted((*host.volumes, *more), key=lambda each: (each.key, each.disk))
        answers.append(replace(host, volumes=tuple(volumes)))
    return Recorded(desired, replace(fleet.observed, hosts=tuple(answers)))


def moves(plan: Plan) -> dict[str, str]:
    actions = (step.action for step in plan.steps)
    return {each.before.name: each.host for each in actions if isinstance(each, Migrate)}


def made(plan: Plan) -> dict[str, str]:
    actions = (step.action for step in plan.steps)
    return {each.instance.name: each.host for each in actions if isinstance(each, Create)}


def reasons(plan: Plan) -> dict[str, dict[str, str]]:
    return {
        each.instance: {refusal.host: refusal.reason for refusal in each.refusals} for each in plan.blocked
    }


TWO = """
hv1 8c/16G/200G
hv2 8c/16G/200G

shop-db-0 1c/1G/120G on=hv1
"""


@pytest.mark.parametrize("seen_everywhere", [True, False])
def test_a_drain_moves_a_machine_whose_disk_is_larger_than_what_is_free_of_the_pool(
    seen_everywhere: bool,
) -> None:
    fleet = shared(TWO, "hv1", "hv2", seen_everywhere=seen_everywhere)
    plan = plan_drain(fleet.desired, fleet.observed, Drain("hv1", CORDON))
    assert (moves(plan), plan.blocked) == ({"shop-db-0": "hv2"}, ())


def test_between_pools_of_their_own_the_disk_needs_room() -> None:
    fleet = fleet_from(TWO.replace("hv2 8c/16G/200G", "hv2 8c/16G/100G"))
    plan = plan_drain(fleet.desired, fleet.observed, Drain("hv1", CORDON))
    assert moves(plan) == {}
    assert reasons(plan)["shop-db-0"]["hv2"] == "needs 120 GiB of disk, 100 GiB free"


def test_whoever_is_asked_to_move_needs_no_disk_there() -> None:
    fleet = shared(TWO, "hv1", "hv2")
    assert moves(plan_move(fleet.desired, fleet.observed, Move("shop-db-0", "hv2"))) == {"shop-db-0": "hv2"}


def test_a_machine_that_comes_from_a_pool_of_its_own_needs_room_in_the_shared_one() -> None:
    fleet = shared(
        """
        hv1 8c/16G/200G
        hv2 8c/16G/200G
        hv3 8c/16G/200G maintenance

        shop-db-0  1c/1G/120G on=hv1
        shop-web-0 1c/1G/90G  on=hv3
        """,
        *("hv1", "hv2"),
    )
    plan = make_plan(fleet.desired, fleet.observed)
    assert moves(plan) == {}
    said = reasons(plan)["shop-web-0"]
    assert said["hv1"] == said["hv2"] == "needs 90 GiB of disk, 80 GiB free"


def test_a_machine_that_leaves_the_shared_pool_needs_room_where_it_goes() -> None:
    text = """
        hv1 8c/16G/200G maintenance
        hv2 8c/16G/200G maintenance
        hv3 8c/16G/{}

        shop-db-0 1c/1G/120G on=hv1
        """
    fleet = shared(text.format("100G"), "hv1", "hv2")
    assert moves(make_plan(fleet.desired, fleet.observed)) == {}
    fleet = shared(text.format("130G"), "hv1", "hv2")
    assert moves(make_plan(fleet.desired, fleet.observed)) == {"shop-db-0": "hv3"}


@pytest.mark.parametrize("seen_everywhere", [True, False])
def test_what_one_host_has_given_out_of_the_pool_the_other_has_not(seen_everywhere: bool) -> None:
    fleet = shared(TWO + "shop-web-0 1c/1G/90G -\n", "hv1", "hv2", seen_everywhere=seen_everywhere)
    plan = make_plan(fleet.desired, fleet.observed)
    assert made(plan) == {}
    said = reasons(plan)["shop-web-0"]
    assert said == dict.fromkeys(("hv1", "hv2"), "needs 90 GiB of disk, 80 GiB free")


def test_room_of_the_pool_is_given_away_once_over_all_its_hosts() -> None:
    fleet = shared(
        """
        hv1 8c/16G/200G
        hv2 8c/16G/200G

        shop-web-0 1c/1G/150G apart=host -
        shop-web-1 1c/1G/150G apart=host -
        """,
        *("hv1", "hv2"),
    )
    plan = make_plan(fleet.desired, fleet.observed)
    assert len(made(plan)) == 1
    (said,) = reasons(plan).values()
    assert set(said.values()) & {"needs 150 GiB of disk, 50 GiB free"}


def test_machines_that_come_to_the_pool_are_given_its_room_once_over_all_its_hosts() -> None:
    fleet = shared(
        """
        hv1 8c/16G/200G
        hv2 8c/16G/200G
        hv3 8c/16G/400G maintenance

        shop-web-0 1c/1G/150G apart=host on=hv3
        shop-app-0 1c/1G/150G apart=web:host on=hv3
        """,
        *("hv1", "hv2"),
    )
    plan = make_plan(fleet.desired, fleet.observed)
    assert len(moves(plan)) == 1
    assert len(plan.blocked) == 1


def test_machines_change_places_over_a_full_pool() -> None:
    fleet = shared(
        """
        hv1 8c/16G/200G for=a
        hv2 8c/16G/200G for=b

        shop-a-0 1c/1G/100G on=hv2 require=host.labels.for=="a"
        shop-b-0 1c/1G/100G on=hv1 require=host.labels.for=="b"
        """,
        *("hv1", "hv2"),
    )
    plan = make_plan(fleet.desired, fleet.observed)
    assert (moves(plan), plan.blocked) == ({"shop-a-0": "hv1", "shop-b-0": "hv2"}, ())


def test_a_pool_that_is_over_its_size_moves_nobody_within_it() -> None:
    fleet = shared(TWO.replace("200G", "100G"), "hv1", "hv2")
    assert make_plan(fleet.desired, fleet.observed).steps == ()


def test_the_death_of_a_host_needs_no_room_for_disks_that_outlive_it() -> None:
    fleet = shared(TWO, "hv1", "hv2")
    (lost,) = what_if(fleet.desired, fleet.observed, ["hv1"]).lost
    assert lost.host == "hv2"


def test_disks_of_a_shared_pool_are_not_spread_over_its_hosts() -> None:
    text = """
        hv1 8c/16G/400G
        hv2 8c/16G/400G

        shop-a-0 1c/1G/100G on=hv1
        shop-b-0 1c/1G/10G on=hv1
        shop-c-0 1c/1G/10G on=hv2
        shop-d-0 1c/1G/10G on=hv2
        """
    fleet = shared(text, "hv1", "hv2", default=Cluster("", Policy.BALANCE))
    assert plan_rebalance(fleet.desired, fleet.observed, Rebalance()).plan.steps == ()


def test_hosts_say_what_is_free_of_the_pool_alike() -> None:
    fleet = shared(TWO, "hv1", "hv2")
    rooms = [each.room for each in hosts_of(fleet.desired, fleet.observed)]
    assert [each.free.disk_mib // 1024 for each in rooms if each is not None] == [80, 80]


def test_a_rank_sees_what_is_free_of_the_pool() -> None:
    fleet = shared(
        "hv1 8c/16G/100G\nhv2 8c/16G/100G\nhv3 8c/16G/300G\n\nshop-web-0 1c/1G/10G -", "hv1", "hv2"
    )
    (web,) = fleet.desired.instances
    ranked = replace(web, placement=replace(web.placement, rank="host.free.disk_gib"))
    assert made(make_plan(_with(fleet.desired, ranked), fleet.observed)) == {"shop-web-0": "hv3"}


def _with(desired: Desired, *instances: Instance) -> Desired:
    return replace(desired, instances=instances)


def test_a_silent_host_keeps_its_disks_in_the_pool() -> None:
    fleet = shared(TWO + "shop-web-0 1c/1G/90G -\n", "hv1", "hv2")
    seen = fleet.observed
    (there,) = (each for each in seen.hosts if each.host == "hv2")
    observed = Observed(seen.fleet, (there,), ())
    rooms = {each.host: each.room for each in hosts_of(fleet.desired, observed)}
    room = rooms[HostName("hv2")]
    assert room is not None
    assert room.free.disk_mib // 1024 == 80


def test_a_kept_disk_is_had_by_a_host_that_has_not_listed_it_since_it_was_made() -> None:
    text = 'hv1 8c/16G/100G\nhv2 8c/16G/100G rack=r2\n\nshop-web-0 1c/1G/10G - require=host.labels.rack=="r2"'
    fleet = shared(text, "hv1", "hv2")
    (web,) = fleet.desired.instances
    (disk,) = web.machine.disks
    hosts = tuple(
        replace(each, volumes=(volume(web, disk.name, disk.size_mib),)) if each.host == "hv1" else each
        for each in fleet.observed.hosts
    )
    seen = replace(fleet.observed, hosts=hosts)
    assert made(make_plan(fleet.desired, seen)) == {"shop-web-0": "hv2"}
    apart = replace(fleet.desired, fleet=fleet_from(text).desired.fleet)
    assert "does not have its disks" in str(make_plan(apart, seen).blocked)
