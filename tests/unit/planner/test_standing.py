"""Who is given something new: not a host that is cordoned, being drained, or in maintenance."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.actions import Create
from reconciler.errors import Position
from reconciler.plan import Cause
from reconciler.planner import Move, make_plan, plan_move
from reconciler.planner.explain import explain
from reconciler.planner.hosts import HostStanding, hosts_of
from reconciler.specs.desired import HostName, Instance
from reconciler.specs.health import HealthCheck, OnFailure, TcpCheck, UpdatePolicy
from reconciler.state import Cordon, from_json, to_json
from tests.builders import with_host
from tests.fleets import Recorded, fleet_from, recorded

_CORDON = "is cordoned by ops@desk since 2026-11-25T06:40:00Z"


def places(fleet: Recorded) -> dict[str, str]:
    """Where what is missing is to be made."""
    actions = (step.action for step in make_plan(fleet.desired, fleet.observed).steps)
    return {each.instance.name: each.host for each in actions if isinstance(each, Create)}


def refusals(fleet: Recorded, name: str) -> dict[str, str]:
    """Why it is not on each of the other hosts."""
    others = explain(fleet.desired, fleet.observed, name).others
    return {each.host: each.reason for each in others}


def test_only_a_host_that_is_up_is_given_something_new() -> None:
    fleet = fleet_from(
        """
        hv1  4c/2G
        hv2  16c/64G cordoned
        hv3  16c/64G draining
        hv4  16c/64G maintenance

        shop-web-0 1c/1G -
        """
    )
    assert places(fleet) == {"shop-web-0": "hv1"}


def test_a_refusal_says_who_cordoned_the_host_since_when_and_why() -> None:
    said = refusals(recorded("standing"), "shop-web-1")
    assert said["hv2"] == f"{_CORDON}: new-memory"
    assert said["hv3"] == "is being drained by ops@desk since 2026-11-25T06:40:00Z"
    assert said["hv4"] == "is in maintenance: hosts.hv4.maintenance"
    assert said["hv5"] == "did not answer: no answer"


def test_maintenance_cites_the_line_that_says_so() -> None:
    fleet = fleet_from("hv1 4c/4G maintenance\n\nshop-web-0 1c/1G -")
    (host,) = fleet.desired.fleet.hosts
    host = replace(host, maintenance_origin=Position("/somewhere/fleet.yaml", 7, 18))
    desired = replace(fleet.desired, fleet=replace(fleet.desired.fleet, hosts=(host,)))
    (blocked,) = make_plan(desired, fleet.observed).blocked
    assert blocked.refusals[0].reason == "is in maintenance: hosts.hv1.maintenance (fleet.yaml:7)"


def test_what_runs_on_a_cordoned_host_stays_and_breaks_no_rule() -> None:
    fleet = fleet_from("hv1 4c/4G cordoned\nhv2 4c/4G\n\nshop-web-0 1c/1G on=hv1")
    assert make_plan(fleet.desired, fleet.observed).steps == ()
    assert explain(fleet.desired, fleet.observed, "shop-web-0").broken == ()


def test_nobody_is_moved_to_a_cordoned_host_by_hand_either() -> None:
    fleet = fleet_from("hv1 4c/4G\nhv2 4c/4G cordoned=why\n\nshop-web-0 1c/1G on=hv1")
    (blocked,) = plan_move(fleet.desired, fleet.observed, Move("shop-web-0", "hv2")).blocked
    assert blocked.refusals[0].reason == f"{_CORDON}: why"


def test_a_cordoned_rack_does_not_count_as_one_that_is_left_empty() -> None:
    fleet = fleet_from(
        """
        hv1  16c/64G rack=r1
        hv2  16c/64G rack=r2 cordoned

        shop-web-0 1c/1G on=hv1 spread=rack
        shop-web-1 1c/1G -      spread=rack
        """
    )
    assert places(fleet) == {"shop-web-1": "hv1"}


def test_a_stopped_machine_on_a_cordoned_host_is_started_there() -> None:
    fleet = fleet_from("hv1 4c/4G cordoned\nhv2 4c/4G\n\nshop-web-0 1c/1G on=hv1 off")
    (step,) = make_plan(fleet.desired, fleet.observed).steps
    assert step.id == "start/shop-web-0"


def test_every_host_is_listed_with_its_standing_and_its_room() -> None:
    fleet = recorded("standing")
    reports = {each.host: each for each in hosts_of(fleet.desired, fleet.observed)}
    assert [each.standing for each in reports.values()] == [
        HostStanding.UP,
        HostStanding.CORDONED,
        HostStanding.DRAINING,
        HostStanding.MAINTENANCE,
        HostStanding.SILENT,
    ]
    two = reports[HostName("hv2")]
    assert two.why == f"{_CORDON}: new-memory"
    assert (two.instances, two.cluster, dict(two.labels)) == (1, "default", {"rack": "r1"})
    assert two.room is not None
    assert (two.room.ours.cpus, two.room.free.cpus, two.room.free.memory_mib) == (4, 12, 56 * 1024)
    assert reports[HostName("hv5")].room is None


def test_free_is_what_is_left_of_what_may_be_given_out() -> None:
    fleet = fleet_from("hv1 16c/64G reserve=4 foreign=8\n\nshop-web-0 1c/2G on=hv1")
    (report,) = hosts_of(fleet.desired, fleet.observed)
    room = report.room
    assert room is not None
    assert room.capacity - room.reserved == room.usable
    assert room.usable - room.ours - room.foreign == room.free
    assert room.free.memory_mib == (64 - 4 - 8 - 2) * 1024


@pytest.mark.parametrize("cordon", [None, Cordon("me", "now", "why", draining=True)])
def test_a_recorded_fleet_keeps_its_cordons(cordon: Cordon | None) -> None:
    observed = fleet_from("hv1 4c/4G").observed
    seen = replace(observed, hosts=(replace(observed.hosts[0], cordon=cordon),))
    assert from_json(to_json(seen)) == seen


def test_a_fleet_recorded_before_there_were_cordons_is_read() -> None:
    observed = fleet_from("hv1 4c/4G\n\nshop-web-0 1c/1G on=hv1").observed
    old = to_json(observed).replace(b',\n        "cordon": null', b"")
    assert b"cordon" not in old
    assert from_json(old) == observed


def steps(fleet: Recorded) -> list[str]:
    return [step.id for step in make_plan(fleet.desired, fleet.observed).steps]


@pytest.mark.parametrize("standing", ["maintenance", "draining"])
def test_who_is_evicted_by_a_stop_is_shut_down_and_stays_down(standing: str) -> None:
    line = "shop-web-0 1c/1G on=hv1 evict=stop"
    assert steps(fleet_from(f"hv1 4c/4G {standing}\nhv2 4c/4G\n\n{line}")) == ["stop/shop-web-0"]
    assert steps(fleet_from(f"hv1 4c/4G {standing}\nhv2 4c/4G\n\n{line} off")) == []


def test_who_was_evicted_by_a_stop_is_started_when_it_is_over() -> None:
    assert steps(fleet_from("hv1 4c/4G\n\nshop-web-0 1c/1G on=hv1 evict=stop off")) == ["start/shop-web-0"]
    cordoned = fleet_from("hv1 4c/4G cordoned\n\nshop-web-0 1c/1G on=hv1 evict=stop off")
    assert steps(cordoned) == ["start/shop-web-0"]


def checked(*instances: Instance) -> tuple[Instance, ...]:
    """With a health check, and given back what they were where a new form is not healthy."""
    policy = UpdatePolicy(1, on_failure=OnFailure.ROLLBACK)
    return tuple(replace(each, health=HealthCheck(TcpCheck(80)), update=policy) for each in instances)


def test_nobody_waits_for_the_health_of_who_is_shut_down() -> None:
    fleet = fleet_from(
        """
        hv1  4c/4G maintenance
        hv2  4c/4G

        shop-db-0  1c/1G on=hv1 evict=stop
        shop-db-1  1c/1G on=hv2
        shop-app-0 1c/1G on=hv2
        """
    )
    app, *dbs = checked(*fleet.desired.instances)
    app = replace(
        app,
        machine=replace(app.machine, cpus=2),
        depends_on=("db",),
        healthy_first=("db",),
    )
    made = make_plan(replace(fleet.desired, instances=(app, *dbs)), fleet.observed, wait=True)
    assert {step.id for step in made.steps} == {
        "stop/shop-db-0",
        "wait/shop-db-1",
        "update/shop-app-0",
        "wait/shop-app-0",
        "accept/shop-app-0",
    }


def test_a_new_form_is_not_put_to_the_test_by_who_is_shut_down() -> None:
    fleet = fleet_from(
        """
        hv1  4c/4G maintenance
        hv2  4c/4G

        shop-web-0 1c/1G on=hv1 evict=stop
        shop-web-1 1c/1G on=hv2
        """
    )
    desired = replace(fleet.desired, instances=checked(*fleet.desired.instances))
    seen = fleet.observed
    (web,) = seen.hosts[1].instances
    changed = replace(web, former=replace(web.applied, cpus=2))
    seen = with_host(seen, replace(seen.hosts[1], instances=(changed,)))
    # Nobody is waited for in vain, which would have it given up; it is taken for good once all are back.
    assert [step.id for step in make_plan(desired, seen).steps] == ["stop/shop-web-0"]


def test_who_sits_it_out_is_changed_when_it_is_over() -> None:
    fleet = fleet_from("hv1 4c/4G maintenance\n\nshop-web-0 1c/1G on=hv1 evict=stop off")
    (web,) = fleet.desired.instances
    larger = replace(fleet.desired, instances=(replace(web, machine=replace(web.machine, cpus=2)),))
    assert make_plan(larger, fleet.observed).steps == ()


def test_the_reason_of_a_stop_says_why_the_host_is_to_be_empty() -> None:
    fleet = fleet_from("hv1 4c/4G draining=fire\n\nshop-web-0 1c/1G on=hv1 evict=stop")
    (step,) = make_plan(fleet.desired, fleet.observed).steps
    (cause,) = step.because
    assert str(cause) == str(Cause("hv1 is being drained by ops@desk since 2026-11-25T06:40:00Z: fire"))
