"""Carrying a plan out: only what is seen is believed, and a failure harms only what needs it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from reconciler.engine.interruption import Interruption
from reconciler.engine.patience import Patience
from reconciler.engine.run import run
from reconciler.plan import Plan, StepId
from reconciler.report import Abandoned, Done, Failed, Outcome, Report, Skipped, Unresolved
from reconciler.state import InstanceState, Power
from tests.unit.engine.scripted import (
    Memo,
    Mood,
    Notes,
    ScriptedHost,
    conditions,
    hosts_of,
    logbook,
    starting,
    stopped,
)

_PATIENCE = Patience()


def carried_out(
    plan: Plan,
    *hosts: ScriptedHost,
    notes: Notes | None = None,
    memo: Memo | None = None,
    patience: Patience = _PATIENCE,
) -> Report:
    async def scene() -> Report:
        async with hosts_of(*hosts) as opened:
            await opened.observe()
            return await run(plan, opened, logbook(memo), conditions(notes or Notes(), patience=patience))

    return asyncio.run(scene())


def outcome_of(mood: Mood, patience: Patience = _PATIENCE) -> Outcome:
    state = stopped("db")
    report = carried_out(starting(state), ScriptedHost("hv1", {state: mood}), patience=patience)
    return report.steps[0].outcome


def test_a_step_is_done_when_a_fresh_look_shows_it() -> None:
    assert outcome_of(Mood.WELL) == Done()


def test_a_lost_reply_hides_no_success() -> None:
    assert outcome_of(Mood.REPLY_LOST) == Done()


def test_a_call_that_returned_is_not_believed() -> None:
    assert outcome_of(Mood.LIES) == Failed("hv1: the call returned, but a fresh look does not show it done")


def test_a_refusal_is_reported_in_the_hosts_words() -> None:
    assert outcome_of(Mood.SAYS_NO) == Failed("hv1: no")


def test_a_call_that_never_returns_is_cut_and_its_outcome_not_known() -> None:
    assert outcome_of(Mood.HANGS, Patience(work=0.01)) == Unresolved(
        "hv1: start/db did not answer within 0.01 s; the connection was cut"
    )


def test_a_defect_in_one_step_does_not_lose_the_report_of_the_others() -> None:
    broken, sound = stopped("a"), stopped("b")
    host = ScriptedHost("hv1", {broken: Mood.BREAKS, sound: Mood.WELL})
    report = carried_out(starting(broken, sound), host)
    assert report.steps[0].outcome == Failed("hv1: internal error: ZeroDivisionError('a defect')")
    assert report.steps[1].outcome == Done()


def test_a_failure_skips_those_that_need_it_by_name_and_no_others() -> None:
    db, app, web, other = (stopped(name) for name in ("db", "app", "web", "other"))
    host = ScriptedHost("hv1", {db: Mood.SAYS_NO, app: Mood.WELL, web: Mood.WELL, other: Mood.WELL})
    plan = starting(db, app, web, other, needs={"app": "db", "web": "app"})
    report = carried_out(plan, host)
    assert [entry.outcome for entry in report.steps] == [
        Failed("hv1: no"),
        Skipped(plan.steps[0].id),
        Skipped(plan.steps[1].id),
        Done(),
    ]
    assert host.asked == ["db-x-0", "other-x-0"]


def test_what_follows_a_step_waits_for_it_and_goes_on_when_it_fails() -> None:
    for mood, ended in ((Mood.SAYS_NO, Failed("hv1: no")), (Mood.WELL, Done())):
        db, app = stopped("db"), stopped("app")
        notes = Notes()
        host = ScriptedHost("hv1", {db: mood, app: Mood.WELL})
        report = carried_out(starting(db, app, follows={"app": "db"}), host, notes=notes)
        assert [entry.outcome for entry in report.steps] == [ended, Done()]
        assert notes.told == ["begun start/db", "ended start/db", "begun start/app", "ended start/app"]


def test_what_follows_a_step_that_is_skipped_goes_on() -> None:
    db, app, web = stopped("db"), stopped("app"), stopped("web")
    host = ScriptedHost("hv1", {db: Mood.SAYS_NO, app: Mood.WELL, web: Mood.WELL})
    plan = starting(db, app, web, needs={"app": "db"}, follows={"web": "app"})
    report = carried_out(plan, host)
    assert [type(entry.outcome) for entry in report.steps] == [Failed, Skipped, Done]


def test_what_follows_a_step_that_is_left_for_later_waits_for_nobody() -> None:
    db, app = stopped("db"), stopped("app")
    left = starting(db, app, follows={"app": "db"}).without({StepId("start/db")})
    assert [(step.id, step.follows) for step in left.steps] == [("start/app", ())]


def test_what_is_needed_is_done_before_what_needs_it_begins() -> None:
    db, app = stopped("db"), stopped("app")
    notes = Notes()
    host = ScriptedHost("hv1", {db: Mood.WELL, app: Mood.WELL})
    carried_out(starting(db, app, needs={"app": "db"}), host, notes=notes)
    assert notes.told == ["begun start/db", "ended start/db", "begun start/app", "ended start/app"]


def test_one_host_is_given_only_so_much_at_a_time_and_hosts_do_not_wait_for_each_other() -> None:
    crowd = [stopped(f"s{number}") for number in range(9)]
    elsewhere = [stopped(f"t{number}", "hv2") for number in range(9)]
    first = ScriptedHost("hv1", dict.fromkeys(crowd, Mood.WELL))
    second = ScriptedHost("hv2", dict.fromkeys(elsewhere, Mood.WELL))
    report = carried_out(starting(*crowd, *elsewhere), first, second)
    assert {entry.outcome for entry in report.steps} == {Done()}
    assert (first.most, second.most) == (2, 2)


def test_a_hung_host_does_not_hold_up_another() -> None:
    hung, sound = stopped("a"), stopped("b", "hv2")
    hosts = (ScriptedHost("hv1", {hung: Mood.HANGS}), ScriptedHost("hv2", {sound: Mood.WELL}))
    notes = Notes()
    carried_out(starting(hung, sound), *hosts, notes=notes, patience=Patience(work=0.05))
    assert notes.told.index("ended start/b") < notes.told.index("ended start/a")


def interrupted(states: dict[InstanceState, Mood], *, times: int) -> tuple[Report, ScriptedHost]:
    host = ScriptedHost("hv1", states)

    async def scene() -> Report:
        interruption = Interruption()
        async with hosts_of(host) as opened:
            await opened.observe()
            running = asyncio.create_task(
                run(starting(*states), opened, logbook(), conditions(Notes(), interruption))
            )
            while len(host.asked) < 2:
                await asyncio.sleep(0)
            for _ in range(times):
                interruption.ask()
            return await running

    return asyncio.run(scene()), host


def test_an_interrupt_lets_what_has_begun_finish_and_begins_nothing() -> None:
    states = dict.fromkeys((stopped(f"s{number}") for number in range(4)), Mood.WELL)
    report, host = interrupted(states, times=1)
    assert report.interrupted
    assert [entry.outcome for entry in report.steps] == [Done(), Done(), Abandoned(False), Abandoned(False)]
    assert host.asked == ["s0-x-0", "s1-x-0"]


def test_a_second_interrupt_waits_for_nothing() -> None:
    states = dict.fromkeys((stopped(f"s{number}") for number in range(4)), Mood.HANGS)
    report, _ = interrupted(states, times=2)
    assert [entry.outcome for entry in report.steps] == [
        Abandoned(True),
        Abandoned(True),
        Abandoned(False),
        Abandoned(False),
    ]


def test_each_intent_is_written_before_its_effect_and_each_outcome_after() -> None:
    db, app = stopped("db"), stopped("app")
    memo = Memo()
    host = ScriptedHost("hv1", {db: Mood.WELL, app: Mood.SAYS_NO})
    carried_out(starting(db, app, needs={"app": "db"}), host, memo=memo)
    assert memo.told == [
        "intend start/db",
        "settle start/db: Done",
        "intend start/app",
        "settle start/app: Failed",
    ]


def test_a_step_whose_intent_cannot_be_written_is_not_begun() -> None:
    db = stopped("db")
    host = ScriptedHost("hv1", {db: Mood.WELL})
    report = carried_out(starting(db), host, memo=Memo(full_at="intend"))
    assert report.steps[0].outcome == Failed("not begun: history.sqlite: database or disk is full")
    assert host.asked == []


def test_an_outcome_that_cannot_be_written_is_not_called_done() -> None:
    db = stopped("db")
    host = ScriptedHost("hv1", {db: Mood.WELL})
    report = carried_out(starting(db), host, memo=Memo(full_at="settle"))
    assert report.steps[0].outcome == Unresolved(
        "its outcome cannot be written down: history.sqlite: database or disk is full"
    )


def test_a_machine_that_somebody_changed_since_the_plan_is_left_alone() -> None:
    db = stopped("db")
    host = ScriptedHost("hv1", {db: Mood.WELL})
    host.states[db.uuid] = replace(db, applied=replace(db.applied, cpus=7))
    report = carried_out(starting(db), host)
    assert report.steps[0].outcome == Failed("hv1: no longer as planned: something else was applied to it")
    assert host.asked == []


def test_what_somebody_else_has_done_already_is_done() -> None:
    db = stopped("db")
    host = ScriptedHost("hv1", {db: Mood.WELL})
    host.states[db.uuid] = replace(db, power=Power.RUNNING)
    assert carried_out(starting(db), host).steps[0].outcome == Done()
    assert host.asked == []
