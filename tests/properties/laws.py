"""The laws of the planner. Each asserts; a planner that breaks one is caught by its assertion."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache

from reconciler.actions import (
    Action,
    Await,
    Create,
    Destroy,
    DropNetwork,
    Impact,
    Migrate,
    PairAction,
    PutImage,
    PutNetwork,
    RecordAction,
    Replace,
    Start,
    Update,
    subject,
)
from reconciler.plan import BlockKind, Plan, Step
from reconciler.planner.prepare import prepared
from reconciler.specs.desired import Desired
from reconciler.state import InstanceState, Observed, Power
from tests.properties.looks import (
    fleet_of_action,
    halfway,
    lingers,
    ours,
    places,
    reversed_desired,
    reversed_observed,
    said,
    standing,
    used,
    waits,
)
from tests.properties.worlds import World


@dataclass(frozen=True)
class Planner:
    """The functions under the law, so that a broken copy of them can be put in."""

    make_plan: Callable[[Desired, Observed], Plan]
    after: Callable[[Step, Observed], Observed]
    confirmed: Callable[..., bool]

    def remembering(self) -> Planner:
        """The same, which makes no plan twice of the same files and fleet: that it would be the same is
        another law's affair.
        """
        return replace(self, make_plan=cache(self.make_plan))

    def folded(self, steps: Iterable[Step], observed: Observed) -> Observed:
        for step in steps:
            observed = self.after(step, observed)
        return observed

    def prefixes(self, plan: Plan, observed: Observed) -> Iterator[Observed]:
        """The fleet before the first step, and after each."""
        yield observed
        for step in plan.steps:
            observed = self.after(step, observed)
            yield observed

    def end(self, world: World, start: Observed, rounds: int) -> tuple[Plan, Observed]:
        """Plan and fold that often, or until nothing is planned; the last plan, and the fleet then."""
        seen = start
        for _ in range(rounds):
            plan = self.make_plan(world.desired, seen)
            if not plan.steps:
                return plan, seen  # nor would anything come of it if it were made again
            seen = self.folded(plan.steps, seen)
        return self.make_plan(world.desired, seen), seen


Law = Callable[[Planner, World], None]

ROUNDS = 4
"""Enough for what waits for room that an earlier round sets free."""


def converge(planner: Planner, world: World) -> None:
    """Planning after the simulated plan gives an empty plan, and what is not blocked is as desired.

    Where the plan says that somebody waits for room, what it frees itself is for those that follow.
    """
    planner = planner.remembering()
    plan = planner.make_plan(world.desired, world.observed)
    rounds = ROUNDS if waits(plan) or lingers(plan) else 1
    again, end = planner.end(world, world.observed, rounds)
    assert again.steps == ()
    held = {blocked.instance for blocked in again.blocked}
    for each in prepared(world.desired, end).desired.instances:
        if each.name not in held:
            (state,) = end.by_uuid[each.uuid]
            assert (state.power, state.complete, state.applied) == (Power.RUNNING, True, each.machine)
            assert (state.live.cpus, state.live.memory_mib) == (each.machine.cpus, each.machine.memory_mib)
    wanted = {each.uuid for each in world.desired.instances}
    for state in ours(end, world):
        assert state.uuid in wanted or state.name in held


def resume(planner: Planner, world: World) -> None:
    """Stopping after any prefix, in the middle of a step or not, and planning again reaches the same end.

    The same hosts are found again unless the plan gives room back: a choice may then be better
    informed the second time.
    """
    planner = planner.remembering()
    plan = planner.make_plan(world.desired, world.observed)
    last, end = planner.end(world, world.observed, ROUNDS)
    kinds = Create | Start | PutImage | PutNetwork | Await
    frees = any(not isinstance(step.action, kinds) for step in plan.steps)
    for number, prefix in enumerate(planner.prefixes(plan, world.observed)):
        for start in (prefix, *halfway(plan.steps[number : number + 1], prefix)):
            other_last, other_end = planner.end(world, start, ROUNDS)
            assert other_last.steps == ()
            if frees and (waits(last) or waits(other_last)):
                continue
            assert standing(other_end, hosts=not frees) == standing(end, hosts=not frees)
            assert other_last.blocked == last.blocked or frees


def room(planner: Planner, world: World) -> None:
    """No host is over its capacity after any prefix, nor more so than it was."""
    plan = planner.make_plan(world.desired, world.observed)
    for seen in planner.prefixes(plan, world.observed):
        for host in world.fleet.hosts:
            start, now = world.observed.host(host.name), seen.host(host.name)
            if start is None or now is None:
                continue
            limit, before, taken = host.usable(start.capacity), used(start), used(now)
            assert taken.cpus <= max(limit.cpus, before.cpus), f"CPUs of {host.name}"
            assert taken.memory_mib <= max(limit.memory_mib, before.memory_mib), f"memory of {host.name}"
            assert taken.disk_mib <= max(limit.disk_mib, before.disk_mib), f"disk of {host.name}"
            there, were = dict(limit.devices), dict(before.devices)
            for name, count in taken.devices:
                assert count <= max(there.get(name, 0), were.get(name, 0)), f"{name} of {host.name}"


def mercy(planner: Planner, world: World) -> None:
    """Nothing foreign, unknown, in doubt, protected, blocked or still desired is destroyed."""
    plan = planner.make_plan(world.desired, world.observed)
    held = {blocked.instance for blocked in plan.blocked}
    in_doubt = {
        each.instance for each in plan.blocked if each.kind in (BlockKind.IN_DOUBT, BlockKind.UNKNOWN)
    }
    wanted = {each.uuid for each in world.desired.instances}
    seen = world.observed.by_uuid
    now = world.observed
    for step in plan.steps:
        assert world.observed.host(step.host) is not None, f"{step.id} acts on a silent host"
        if isinstance(step.action, Destroy) and step.action.before.applied.surge:
            # The same plan may have made it.
            seen = {**seen, step.action.before.uuid: now.by_uuid[step.action.before.uuid]}
        now = planner.after(step, now)
        if isinstance(step.action, PutImage | PutNetwork | DropNetwork):
            continue
        if isinstance(step.action, Await | RecordAction):
            continue
        # What a migration left is tidied up even where nothing else may be done.
        left_alone = in_doubt if isinstance(step.action, PairAction) else held
        assert subject(step.action) not in left_alone, f"{step.id} acts on what is blocked"
        assert fleet_of_action(step.action) == world.fleet.name, f"{step.id} acts on what is not ours"
        if isinstance(step.action, Destroy | Replace):
            before = step.action.before
            assert not before.applied.protect, f"{step.id} takes what is protected"
            mended = {need.partition("/")[0] for need in step.needs if need.endswith(f"/{before.name}")}
            assert seen[before.uuid] == (before,) or "settle" in mended, f"{step.id} takes what is in doubt"
            assert before.power is not Power.PAUSED or "settle" in mended, f"{step.id} takes what is in doubt"
        if loses_sight := _loses_sight(step.action):
            assert not loses_sight.live.astray, f"{step.id} loses sight of what is written elsewhere"
        if isinstance(step.action, Destroy):
            assert step.action.before.uuid not in wanted, f"{step.id} destroys what is desired"


def _loses_sight(action: Action) -> InstanceState | None:
    """The machine that an action redefines or takes apart, if it does."""
    if isinstance(action, Destroy | Replace):
        return action.before
    return action.before if isinstance(action, Update) and action.impact is Impact.RESTART else None


def never_twice(planner: Planner, world: World) -> None:
    """An instance is on at most one host at every instant, silent hosts included."""
    plan = planner.make_plan(world.desired, world.observed)
    start = places(world.truth)
    for seen in planner.prefixes(plan, world.truth):
        for uuid, count in places(seen).items():
            assert count <= max(1, start.get(uuid, 0)), uuid


def order_blind(planner: Planner, world: World) -> None:
    """The same plan for the same input backwards. (Hash seeds take a process each: test_laws.)"""
    backwards = planner.make_plan(reversed_desired(world.desired), reversed_observed(world.observed))
    assert backwards == planner.make_plan(world.desired, world.observed)


def calm(planner: Planner, world: World) -> None:
    """A fleet that matches gets no step but moves out of where a machine may not stay, and after them none:
    at once, or where a move leaves room that another one waits for, soon. For worlds that match.
    """
    planner = planner.remembering()
    kinds = Migrate | PutImage | PutNetwork | DropNetwork
    seen = world.observed
    for _ in range(ROUNDS):
        plan = planner.make_plan(world.desired, seen)
        assert all(isinstance(step.action, kinds) for step in plan.steps)
        seen = planner.folded(plan.steps, seen)
        if not any(isinstance(step.action, Migrate) for step in plan.steps):
            break
    assert planner.make_plan(world.desired, seen).steps == ()


def honest(planner: Planner, world: World) -> None:
    """No step is confirmed by what was seen before it, and each is by what is seen after it."""
    plan = planner.make_plan(world.desired, world.observed)
    seen = world.observed
    for step in plan.steps:
        if isinstance(step.action, Await):  # no look at a host tells of health
            continue
        assert not planner.confirmed(step, *said(seen, step)), f"{step.id} before it was done"
        seen = planner.after(step, seen)
        assert planner.confirmed(step, *said(seen, step)), f"{step.id} after it was done"


def orderly(planner: Planner, world: World) -> None:
    """Every step comes after what it needs, and no identifier comes twice."""
    done: set[str] = set()
    for step in planner.make_plan(world.desired, world.observed).steps:
        assert step.id not in done
        assert done.issuperset((*step.needs, *step.follows)), step.id
        done.add(step.id)
