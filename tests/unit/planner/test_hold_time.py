"""Who was moved a short while ago is not moved again for a policy's sake, and is told of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from reconciler.actions import Migrate
from reconciler.planner.hold_time import held_until, longest_hold
from reconciler.planner.rebalancing import Rebalance, Rebalanced, plan_rebalance
from reconciler.specs.desired import Cluster
from reconciler.specs.placement import Policy
from tests.fleets import Recorded, fleet_from

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
CROWDED = """
    hv1 16c/32G
    hv2 16c/32G
    far 16c/32G cluster=edge

    shop-web-0 1c/4G on=hv1
    shop-web-1 1c/4G on=hv1
    shop-web-2 1c/4G on=hv1
    shop-web-3 1c/4G on=hv1
    shop-web-4 1c/4G on=hv1
    shop-web-5 1c/4G on=hv1
    shop-far-0 1c/4G on=far cluster=edge
    """


def fleet(**clusters: Cluster) -> Recorded:
    return fleet_from(CROWDED, **clusters)


def rebalanced(of: Recorded, **seconds_ago: float) -> Rebalanced:
    """As of noon, when these replicas (``web_0``) had been moved so long ago."""
    moved = {
        f"shop-{name.replace('_', '-')}": NOON - timedelta(seconds=ago) for name, ago in seconds_ago.items()
    }
    held = held_until(of.desired.fleet, of.observed, moved, now=NOON)
    return plan_rebalance(of.desired, of.observed, Rebalance(held=held))


def movers(of: Rebalanced) -> set[str]:
    actions = (step.action for step in of.plan.steps)
    return {each.before.name for each in actions if isinstance(each, Migrate)}


def test_who_was_moved_lately_stays_and_others_go_in_its_place() -> None:
    free = movers(rebalanced(fleet()))
    assert len(free) == 3
    last = min(free)
    held = rebalanced(fleet(), **{last.removeprefix("shop-").replace("-", "_"): 599.5})
    assert last not in movers(held)
    assert len(movers(held)) == 3
    assert held.gain.notes == (f"moved lately, and held where they are: {last} (until 2026-01-01T12:00:01Z)",)


def test_who_was_moved_as_long_ago_as_the_hold_is_free_again() -> None:
    free = rebalanced(fleet())
    assert rebalanced(fleet(), web_0=600, web_1=601, web_2=86_400) == free
    assert free.gain.notes == ()


def test_a_move_that_is_yet_to_come_holds_nobody() -> None:
    assert rebalanced(fleet(), web_0=-1, web_1=-3600) == rebalanced(fleet())


def test_each_cluster_has_its_own_hold() -> None:
    of = fleet(default=Cluster("", hold_s=60), edge=Cluster("", hold_s=7200))
    assert longest_hold(of.desired.fleet) == timedelta(hours=2)
    lately = dict.fromkeys(("shop-web-0", "shop-far-0"), NOON - timedelta(minutes=5))
    held = held_until(of.desired.fleet, of.observed, lately, now=NOON)
    assert held == {"shop-far-0": NOON + timedelta(minutes=115)}


def test_without_a_hold_nobody_is_held() -> None:
    none = fleet(default=Cluster("", hold_s=0), edge=Cluster("", hold_s=0))
    assert rebalanced(none, web_0=0, web_1=1).gain.notes == ()


def test_many_are_counted() -> None:
    (note,) = rebalanced(fleet(), web_0=60, web_1=120, web_2=30, web_3=300).gain.notes
    assert note == (
        "moved lately, and held where they are: 4 instances"
        " (the first until 2026-01-01T12:05:00Z, the last until 2026-01-01T12:09:30Z)"
    )


@pytest.mark.parametrize("policy", [Policy.FIXED, Policy.CONSOLIDATE])
def test_nobody_is_told_of_who_would_not_be_moved_anyway(policy: Policy) -> None:
    of = fleet(default=Cluster("", policy))
    notes = rebalanced(of, web_0=1, db_7=1).gain.notes
    assert bool(notes) is (policy is Policy.CONSOLIDATE)
