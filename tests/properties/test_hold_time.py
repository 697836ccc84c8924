"""A rebalance leaves alone who was moved a short while ago, whatever the fleet, and nobody else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.actions import Migrate
from reconciler.planner import hold_time, rebalancing
from reconciler.specs.desired import Cluster
from reconciler.specs.placement import Policy
from reconciler.state import InstanceState
from tests.fleets import Recorded, fleet_from
from tests.properties.broken import Line, imported
from tests.properties.repeatable import REPEATABLE

_NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
_AGES = (-3600.0, -0.001, 0.0, 59.999, 60.0, 600.0, 86_400.0)
_HOLD_TIME, _REBALANCING = "reconciler.planner.hold_time", "reconciler.planner.rebalancing"
Modules = Mapping[str, ModuleType]


@dataclass(frozen=True)
class Case:
    """A fleet, and how many seconds ago some of its instances were moved."""

    fleet: Recorded
    ages: Mapping[str, float]

    def hold_of(self, state: InstanceState) -> int:
        """Of the host ``a1``, the cluster ``a``."""
        return self.fleet.desired.fleet.cluster(state.host[0]).hold_s


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Two clusters of two hosts, each with its own policy and hold, and machines anywhere on them."""
    hosts = [f"{cluster}{number}" for cluster in "ab" for number in (1, 2)]
    lines = [f"{host} 16c/32G cluster={host[0]}" for host in hosts]
    lines.append("")
    ages = dict[str, float]()
    for cluster in "ab":
        for number in range(draw(st.integers(0, 4))):
            on, memory = f"{cluster}{draw(st.integers(1, 2))}", draw(st.sampled_from((2, 4)))
            name = f"shop-{cluster}-{number}"
            lines.append(f"{name} 1c/{memory}G on={on} cluster={cluster}")
            if draw(st.booleans()):
                ages[name] = draw(st.sampled_from(_AGES))
    kinds = st.builds(
        Cluster, st.just(""), st.sampled_from(Policy), hold_s=st.sampled_from((0, 60, 60, 3600))
    )
    return Case(fleet_from("\n".join(lines), a=draw(kinds), b=draw(kinds)), ages)


def _moves(modules: Modules, case: Case, ages: Mapping[str, float]) -> list[InstanceState]:
    moved = {name: _NOON - timedelta(seconds=age) for name, age in ages.items()}
    desired, observed = case.fleet.desired, case.fleet.observed
    held = modules[_HOLD_TIME].held_until(desired.fleet, observed, moved, now=_NOON)
    ours = modules[_REBALANCING]
    steps = ours.plan_rebalance(desired, observed, ours.Rebalance(held=held)).plan.steps
    return [step.action.before for step in steps if isinstance(step.action, Migrate)]


def held_are_left_alone(modules: Modules, case: Case) -> None:
    """Nobody is moved who was moved less than the hold ago."""
    for state in _moves(modules, case, case.ages):
        age = case.ages.get(state.name)
        assert age is None or age < 0 or age >= case.hold_of(state), f"{state.name} is moved again"


def others_are_not_held(modules: Modules, case: Case) -> None:
    """A move that is long over, or that a clock put back shows as yet to come, changes nothing."""
    states = {str(state.name): state for host in case.fleet.observed.hosts for state in host.instances}
    old = {name: age for name, age in case.ages.items() if age < 0 or age >= case.hold_of(states[name])}
    assert _moves(modules, case, old) == _moves(modules, case, {})


Law = Callable[[Modules, Case], None]
LAWS: tuple[Law, ...] = (held_are_left_alone, others_are_not_held)
MUTANTS = (
    (
        "who is held is moved",
        held_are_left_alone,
        Line("rebalancing", "without_held(movable, asked.held)", "movable"),
    ),
    (
        "the shorter half of the hold is enough",
        held_are_left_alone,
        Line("hold_time", "at <= now < at + hold", "at <= now < at + hold / 2"),
    ),
    (
        "a move that is yet to come holds",
        others_are_not_held,
        Line("hold_time", "at <= now < at + hold", "now < at + hold"),
    ),
    (
        "whoever was moved once is held for ever",
        others_are_not_held,
        Line("hold_time", "at <= now < at + hold", "at <= now"),
    ),
)


def try_law(law: Law, modules: Modules, *, examples: int) -> None:
    """Hold a rebalance against a law, over the same fleets each time."""

    @settings(REPEATABLE, max_examples=examples)
    @given(cases())
    def holds(case: Case) -> None:
        law(modules, case)

    holds()


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_a_rebalance_keeps_the_law(law: Law) -> None:
    try_law(law, {_HOLD_TIME: hold_time, _REBALANCING: rebalancing}, examples=100)


@pytest.mark.parametrize(("law", "line"), [pytest.param(law, line, id=wrong) for wrong, law, line in MUTANTS])
def test_a_broken_rebalance_is_caught(law: Law, line: Line) -> None:
    modules: dict[str, ModuleType] = {}
    imported(line, _REBALANCING, modules)
    with pytest.raises(AssertionError):
        try_law(law, modules, examples=600)
