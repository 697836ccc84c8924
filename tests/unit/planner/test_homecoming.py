"""Who had to leave a host comes home when that takes it again, once, and if it may be there."""

from __future__ import annotations

import pytest

from reconciler.actions import Migrate
from reconciler.plan import Cause, Plan
from reconciler.planner import after, make_plan
from reconciler.specs.desired import Cluster
from reconciler.specs.placement import Policy
from reconciler.state import Observed
from tests.fleets import Recorded, fleet_from, returning


def planned(text: str, cluster: Cluster | None = None) -> Plan:
    fleet = fleet_from(text, default=cluster or returning())
    return make_plan(fleet.desired, fleet.observed)


def moves(plan: Plan) -> dict[str, str]:
    """Who moves, from where to where, and what it remembers then."""
    actions = (step.action for step in plan.steps)
    return {
        each.before.name: f"{each.from_host} -> {each.host}, {each.home}"
        for each in actions
        if isinstance(each, Migrate)
    }


def carried_out(fleet: Recorded) -> Observed:
    seen = fleet.observed
    for step in make_plan(fleet.desired, seen).steps:
        seen = after(step, seen)
    return seen


def test_who_has_to_leave_remembers_its_home() -> None:
    plan = planned("hv1 4c/4G draining\nhv2 4c/4G\n\nshop-web-0 1c/1G on=hv1")
    assert moves(plan) == {"shop-web-0": "hv1 -> hv2, hv1"}


def test_nobody_remembers_where_the_cluster_does_not_say_so() -> None:
    text = "hv1 4c/4G draining\nhv2 4c/4G\n\nshop-web-0 1c/1G on=hv1 was=hv2"
    assert moves(planned(text, Cluster(""))) == {"shop-web-0": "hv1 -> hv2, None"}


def test_who_has_to_leave_twice_remembers_the_first_host() -> None:
    text = "hv1 4c/4G draining\nhv2 4c/4G draining\nhv3 4c/4G\n\nshop-web-0 1c/1G on=hv2 was=hv1"
    assert moves(planned(text)) == {"shop-web-0": "hv2 -> hv3, hv1"}


def test_who_leaves_for_another_reason_has_no_home_to_return_to() -> None:
    text = 'hv1 4c/4G\nhv2 4c/4G disk=ssd\n\nshop-web-0 1c/1G on=hv1 require=host.labels.disk=="ssd"'
    assert moves(planned(text)) == {"shop-web-0": "hv1 -> hv2, None"}


def test_it_comes_home_says_why_and_stays() -> None:
    fleet = fleet_from("hv1 4c/4G\nhv2 4c/4G\n\nshop-web-0 1c/1G on=hv2 was=hv1", default=returning())
    plan = make_plan(fleet.desired, fleet.observed)
    (step,) = (step for step in plan.steps if isinstance(step.action, Migrate))
    assert step.because == (Cause("hv1 is its home"),)
    seen = carried_out(fleet)
    assert make_plan(fleet.desired, seen).steps == ()
    assert [state.home for host in seen.hosts for state in host.instances] == [None]


def test_nobody_comes_home_where_the_cluster_does_not_say_so_or_moves_nobody() -> None:
    text = "hv1 4c/4G\nhv2 4c/4G\n\nshop-web-0 1c/1G on=hv2 was=hv1"
    assert planned(text, Cluster("")).steps == ()
    assert planned(text, returning(Policy.FIXED)).steps == ()


@pytest.mark.parametrize("hv1", ["4c/4G cordoned", "4c/4G maintenance", "4c/4G silent", "1c/512M"])
def test_it_stays_away_as_long_as_its_home_is_not_open_to_it(hv1: str) -> None:
    plan = planned(f"hv1 {hv1}\nhv2 4c/4G\n\nshop-web-0 1c/1G on=hv2 was=hv1")
    assert (plan.steps, plan.blocked) == ((), ())


def test_it_stays_away_where_its_home_is_gone_from_the_fleet() -> None:
    plan = planned("hv2 4c/4G\n\nshop-web-0 1c/1G on=hv2 was=hv1")
    assert (plan.steps, plan.blocked) == ((), ())


def test_it_stays_away_where_it_would_break_a_rule() -> None:
    plan = planned(
        """
        hv1  4c/4G
        hv2  4c/4G

        shop-web-0 1c/1G on=hv1 apart=host
        shop-web-1 1c/1G on=hv2 apart=host was=hv1
        """
    )
    assert plan.steps == ()


def test_it_stays_away_where_others_would_break_a_rule_without_it() -> None:
    plan = planned(
        """
        hv1  4c/4G rack=r1
        hv2  4c/4G rack=r2
        hv3  4c/4G rack=r2

        shop-db-0  1c/1G on=hv2
        shop-db-1  1c/1G on=hv1
        shop-db-2  1c/1G on=hv3 was=hv1 spread=rack
        shop-app-0 1c/1G on=hv3 near=db:host
        """
    )
    assert plan.steps == ()


def test_who_has_to_leave_goes_home_at_once_if_that_is_open() -> None:
    """Host after host is emptied: it is carried once, and not from refuge to refuge."""
    text = "hv1 4c/4G\nhv2 4c/4G draining\nhv3 16c/64G\n\nshop-web-0 1c/1G on=hv2 was=hv1"
    assert moves(planned(text)) == {"shop-web-0": "hv2 -> hv1, hv1"}


def test_who_has_to_leave_comes_before_who_would_like_to_go_home() -> None:
    plan = planned(
        """
        hv1  4c/1G
        hv2  4c/1G
        hv3  4c/1G draining

        shop-web-0 1c/1G on=hv2 was=hv1
        shop-app-0 1c/1G on=hv3
        """
    )
    assert moves(plan) == {"shop-app-0": "hv3 -> hv1, hv3"}
