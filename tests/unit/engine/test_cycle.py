"""A round plans anew exactly when the files, the fleet or what may be deleted is not as it was; a rebalance
knows who was moved lately.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from reconciler.engine.cycle import Cycle
from reconciler.engine.guard import Allowance
from reconciler.engine.logbook import Author
from reconciler.engine.rounds import Answer, Wish, decide
from reconciler.planner.rebalancing import Rebalance
from reconciler.specs.limits import DeleteBudget
from reconciler.state import HostState
from tests.builders import desired_of, fleet_of, host, host_state, instance, observed_of, replicas, running
from tests.builders import stopped as stopped_instance
from tests.unit.engine.scripted import Memo, Mood, ScriptedHost, hosts_of

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
WEB, DB = instance("shop-web-0"), instance("shop-db-0")
FLEET = replace(fleet_of(host("hv1")), deletes=DeleteBudget(1, 0))
DESIRED = desired_of(FLEET, WEB)
WELL = observed_of(FLEET, running(WEB, on="hv1"))


def test_a_fleet_that_looks_as_before_is_not_planned_for_again() -> None:
    answer = Answer()
    first = answer.to(DESIRED, WELL, Allowance(), wait=False)
    again = answer.to(replace(DESIRED), replace(WELL), Allowance(), wait=False)
    assert again.plan is first.plan
    assert again == decide(DESIRED, WELL)


def test_each_new_question_gets_an_answer_of_its_own() -> None:
    answer = Answer()
    both = observed_of(FLEET, running(WEB, on="hv1"), running(DB, on="hv1"))
    questions = [
        (DESIRED, WELL, Allowance()),
        (DESIRED, observed_of(FLEET, stopped_instance(WEB, on="hv1")), Allowance()),
        (DESIRED, both, Allowance()),
        (DESIRED, both, Allowance(spent=1)),
        (desired_of(FLEET, WEB, DB), both, Allowance(spent=1)),
        (DESIRED, WELL, Allowance()),
    ]
    answers = [answer.to(*question, wait=False).plan for question in questions]
    assert answers == [decide(*question).plan for question in questions]
    assert len({plan.digest() for plan in answers}) == 5


class Still(ScriptedHost):
    """A host on which machines run, and nothing is asked of it."""

    async def observe(self) -> HostState:
        return host_state(self.host, *self.states.values())


def notes_at(now: datetime) -> tuple[str, ...]:
    """What a rebalance at that time says, when one of four was moved at noon."""
    web = replicas(4, "shop-web")
    fleet = fleet_of(host("hv1"), host("hv2"))

    async def asked() -> tuple[str, ...]:
        crowded = Still("hv1", {running(each, on="hv1"): Mood.WELL for each in web})
        async with hosts_of(crowded, Still("hv2", {})) as hosts:
            journal = Memo(went={"shop-web-0": NOON})
            cycle = Cycle(hosts, journal, Author("rebalance", "me", "0"), lambda: now)
            current = await cycle.plan(Wish(desired_of(fleet, *web), rebalance=Rebalance()))
        assert current.gain is not None
        assert current.gain.moves == 2
        return current.gain.notes

    return asyncio.run(asked())


def test_a_rebalance_holds_who_was_moved_lately_by_the_clock_of_the_engine() -> None:
    (note,) = notes_at(NOON + timedelta(seconds=599))
    assert note.endswith("shop-web-0 (until 2026-01-01T12:10:00Z)")
    assert notes_at(NOON + timedelta(minutes=10)) == ()
    assert notes_at(NOON - timedelta(seconds=1)) == ()
