"""A migration concerns two hosts: it takes a turn on both, and both must show it done."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from reconciler.actions import Migrate
from reconciler.engine.run import run
from reconciler.plan import Basis, Cause, Plan, Step, StepId
from reconciler.report import Done, Failed, Report
from reconciler.specs.desired import HostName, Sha256
from reconciler.specs.limits import MigrationLimits
from reconciler.state import InstanceState, Power
from tests.unit.engine.scripted import Mood, Notes, ScriptedHost, conditions, hosts_of, logbook, stopped

SERVICES = ("a", "b", "c", "d")


def running(service: str, host: str) -> InstanceState:
    return replace(stopped(service, host), power=Power.RUNNING)


def moving(*states: InstanceState, to: str) -> Plan:
    steps = (
        Step(
            StepId(f"migrate/{state.name}"),
            Migrate(HostName(to), state.host, state),
            (Cause("asked for"),),
        )
        for state in states
    )
    return Plan(Basis(Sha256("a" * 64), Sha256("b" * 64)), tuple(steps))


def carried_out(plan: Plan, *hosts: ScriptedHost, limits: MigrationLimits) -> Report:
    async def scene() -> Report:
        async with hosts_of(*hosts) as opened:
            await opened.observe()
            return await run(plan, opened, logbook(), replace(conditions(Notes()), migrations=limits))

    return asyncio.run(scene())


def test_a_host_takes_part_in_no_more_migrations_than_it_may() -> None:
    states = [running(name, "hv1") for name in SERVICES]
    hosts = ScriptedHost("hv1", dict.fromkeys(states, Mood.WELL)), ScriptedHost("hv2", {})
    report = carried_out(moving(*states, to="hv2"), *hosts, limits=MigrationLimits(per_host=1))
    assert {type(entry.outcome) for entry in report.steps} == {Done}
    assert [host.most for host in hosts] == [1, 1]


def test_a_cluster_has_no_more_migrations_under_way_than_it_may() -> None:
    states = [running(name, f"hv{number}") for number, name in enumerate(SERVICES)]
    hosts = [ScriptedHost(state.host, {state: Mood.WELL}) for state in states]
    target = ScriptedHost("hv9", {})
    report = carried_out(
        moving(*states, to="hv9"), *hosts, target, limits=MigrationLimits(per_host=4, per_cluster=1)
    )
    assert {type(entry.outcome) for entry in report.steps} == {Done}
    assert target.most == 1


def test_a_migration_that_neither_host_shows_is_not_done() -> None:
    state = running("a", "hv1")
    hosts = ScriptedHost("hv1", {state: Mood.LIES}), ScriptedHost("hv2", {})
    (entry,) = carried_out(moving(state, to="hv2"), *hosts, limits=MigrationLimits()).steps
    assert isinstance(entry.outcome, Failed)


def test_machines_that_change_places_do_not_wait_for_each_other() -> None:
    one, other = running("a", "hv1"), running("b", "hv2")
    hosts = ScriptedHost("hv1", {one: Mood.WELL}), ScriptedHost("hv2", {other: Mood.WELL})
    plan = replace(
        moving(one, to="hv2"), steps=(*moving(one, to="hv2").steps, *moving(other, to="hv1").steps)
    )
    report = carried_out(plan, *hosts, limits=MigrationLimits(per_host=1, per_cluster=1))
    assert {type(entry.outcome) for entry in report.steps} == {Done}
