"""A round plans anew exactly when the files, the fleet or what may be deleted is not as it was."""

from __future__ import annotations

from dataclasses import replace

from reconciler.engine.guard import Allowance
from reconciler.engine.rounds import Answer, decide
from reconciler.specs.desired import DeleteBudget
from tests.builders import desired_of, fleet_of, host, instance, observed_of, running
from tests.builders import stopped as stopped_instance

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
