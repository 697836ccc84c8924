"""An instance of BtrPlace as a question to our scheduler, and its answer in order.

Who may not be on one node with whom is a rule between groups: VMs that are in the same ``spread``s are one
group. An ``among`` is held to the part where most of its VMs are already, and where somebody
finds no place there, to the next.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce

import numpy as np

from benchmarks.btrplace_instance import Instance
from reconciler.planner.ordering.course import Course, Route
from reconciler.planner.ordering.order import in_order
from reconciler.planner.placement.greedy import greedy
from reconciler.planner.placement.problem import (
    NOWHERE,
    Ask,
    Flags,
    Integers,
    Problem,
    Question,
    Relation,
    Rule,
    Shape,
)

_MEMORY = ("memory", "mem")
_MIB_A_SECOND = 100.0
_TRIES = 8


@dataclass(frozen=True, slots=True, eq=False)
class Solved:
    """The answer, and the order in which it is reached."""

    course: Course
    route: Route
    overloaded: int

    @property
    def relocated(self) -> int:
        """How many VMs move."""
        home, goal = self.course.problem.home, self.course.goal
        return int(((home != goal) & (home != NOWHERE) & (goal != NOWHERE)).sum())

    def summary(self) -> str:
        """In one line."""
        home, goal = self.course.problem.home, self.course.goal
        booted = int(((home == NOWHERE) & (goal != NOWHERE)).sum())
        return (
            f"{self.overloaded} overloaded {self.relocated} relocated {self.route.extra} extra"
            f" {booted} booted {len(self.route.stuck)} stuck {len(self.route.legs)} legs"
        )


def solve(instance: Instance) -> Solved:
    """Where everything is to be, and how it gets there."""
    ranked = _parts_of(instance)
    parts = [each[0] for each in ranked]
    for _ in range(_TRIES):
        problem = _problem(instance, parts)
        goal = greedy(problem, Ask(Question.REPAIR)).host
        if (goal == NOWHERE).any():
            goal = greedy(replace(problem, home=goal), Ask(Question.PLACE)).host
        lost = _lost(problem, goal)
        if not lost.any() or not _next_parts(instance, ranked, parts, lost):
            break
    goal = np.where(problem.leaving, NOWHERE, goal)
    course = Course(
        problem,
        goal,
        1.0 + problem.cost / _MIB_A_SECOND,
        np.zeros(len(goal), np.bool_),
        now=_now(instance),
    )
    over = np.zeros_like(problem.room)
    placed = problem.home != NOWHERE
    demands = np.array([shape.demand for shape in problem.shapes], np.int64)[problem.shape]
    np.add.at(over, problem.home[placed], demands[placed])
    return Solved(course, in_order(course), int((over > problem.room).any(axis=1).sum()))


def _now(instance: Instance) -> Integers | None:
    now = instance.now[listed(instance)]
    return None if np.array_equal(instance.now, instance.then) else now


def listed(instance: Instance) -> Integers:
    """The VMs that take part: those that are somewhere, then those that are to be, the largest first."""
    is_new = instance.home == NOWHERE
    new = np.nonzero(instance.wanted & is_new)[0]
    by_size = np.lexsort(
        (new, *instance.then[new].T, -(instance.then[new] / instance.room.max(axis=0)).max(axis=1))
    )
    return np.concatenate([np.nonzero(~is_new)[0], new[by_size]])


def _lost(problem: Problem, goal: Integers) -> Flags:
    """VMs that are nowhere, or where they may not be."""
    allowed = np.fromiter(
        (
            at != NOWHERE and bool(problem.shapes[shape].allowed[at])
            for shape, at in zip(problem.shape, goal, strict=True)
        ),
        np.bool_,
        len(goal),
    )
    return ~allowed & ~problem.leaving


def _parts_of(instance: Instance) -> list[list[int]]:
    """The parts for each ``among``, the best first: where most of its VMs are, then where most is free."""
    taken = np.zeros_like(instance.room)
    placed = instance.home != NOWHERE
    np.add.at(taken, instance.home[placed], instance.then[placed])
    left = np.where(instance.usable[:, None], instance.room - taken, 0)
    known: dict[int, tuple[Flags, Integers]] = {}
    chosen: list[list[int]] = []
    for vms, parts in instance.amongs:
        for part in parts:
            if id(part) not in known:
                inside = np.zeros(len(instance.nodes) + 1, np.bool_)
                inside[part] = True
                known[id(part)] = (inside, left[part].sum(axis=0))
        homes = instance.home[vms]
        need = instance.then[vms[homes == NOWHERE]].sum(axis=0)

        def worth(number: int) -> tuple[int, float, int]:
            inside, room = known[id(parts[number])]  # noqa: B023  asked at once
            return int(inside[homes].sum()), float((room / (1 + need)).min()), -number  # noqa: B023  so here

        ranked = sorted(range(len(parts)), key=worth, reverse=True)
        known[id(parts[ranked[0]])][1].__isub__(need)
        chosen.append(ranked)
    return chosen


def _next_parts(instance: Instance, ranked: list[list[int]], parts: list[int], lost: Flags) -> bool:
    """Another part for each ``among`` that has lost a VM; whether there is one."""
    place = np.full(len(instance.vms), NOWHERE)
    order = listed(instance)
    place[order] = np.arange(len(order))
    found = False
    for number, (vms, _) in enumerate(instance.amongs):
        there = place[vms]
        if lost[there[there != NOWHERE]].any() and len(ranked[number]) > 1:
            # What was tried last is tried again last.
            ranked[number] = [*ranked[number][1:], ranked[number][0]]
            parts[number] = ranked[number][0]
            found = True
    return found


def _problem(instance: Instance, parts: list[int]) -> Problem:
    order = listed(instance)
    groups, rules = _groups(instance)
    allowed, kinds = _allowed(instance, parts)
    shape_of, first = _kinds(np.column_stack([instance.then, groups, kinds])[order])
    demand = instance.then[order[first]]
    group, kind = groups[order[first]].tolist(), kinds[order[first]].tolist()
    shapes = tuple(
        Shape("", group[number], demand[number], allowed[kind[number]]) for number in range(len(first))
    )
    memory = next((number for number, name in enumerate(instance.resources) if name in _MEMORY), 0)
    home = instance.home[order]
    return Problem(
        tuple(map(str, instance.nodes.tolist())),
        instance.resources,
        instance.room,
        shapes,
        shape_of,
        home,
        np.ones(len(order), np.bool_),
        ~instance.wanted[order],
        instance.then[order, memory].astype(np.float64),
        {"host": np.arange(len(instance.nodes))},
        rules,
    )


def _kinds(rows: Integers) -> tuple[Integers, Integers]:
    """The kind of each row, and a row of each kind."""
    key = np.zeros(len(rows), np.int64)
    for column in rows.T:
        low = int(column.min(initial=0))
        key = key * (int(column.max(initial=0)) - low + 1) + column - low
    _, first, kind = np.unique(key, return_index=True, return_inverse=True)
    return kind, first


def _groups(instance: Instance) -> tuple[Integers, tuple[Rule, ...]]:
    """The group of each VM, by the spreads it is in, and which groups keep apart."""
    count = len(instance.vms)
    groups = np.zeros(count, np.int64)
    if not instance.spreads:
        return groups, ()
    own: dict[int, tuple[int, ...]] = {}
    for number, vms in enumerate(instance.spreads):
        for vm in vms.tolist():
            own[vm] = (*own.get(vm, ()), number)
    names: dict[tuple[int, ...], int] = {}
    for vm, spreads in own.items():
        groups[vm] = names.setdefault(spreads, len(names) + 1)
    in_spread: dict[int, list[int]] = {}
    for spreads, group in names.items():
        for number in spreads:
            in_spread.setdefault(number, []).append(group)
    pairs = {(one, other) for members in in_spread.values() for one in members for other in members}
    return groups, tuple(Rule(Relation.APART, one, "host", other) for one, other in sorted(pairs))


def _allowed(instance: Instance, parts: list[int]) -> tuple[list[Flags], Integers]:
    """The different sets of nodes, and the number of each VM's."""
    count = len(instance.vms)
    kinds = np.zeros(count, np.int64)
    if not (instance.amongs or instance.fences or instance.bans):
        return [instance.usable], kinds
    limits: list[Flags] = []
    own: dict[int, tuple[int, ...]] = {}
    known: dict[tuple[int, bool], int] = {}

    def limit(vms: Integers, nodes: Integers, *, inside: bool) -> None:
        number = known.setdefault((id(nodes), inside), len(limits))
        if number == len(limits):
            flags = np.full(len(instance.nodes), not inside)
            flags[nodes] = inside
            limits.append(flags)
        for vm in vms.tolist():
            own[vm] = (*own.get(vm, ()), number)

    for (vms, each), part in zip(instance.amongs, parts, strict=True):
        limit(vms, each[part], inside=True)
    for vms, nodes in instance.fences:
        limit(vms, nodes, inside=True)
    for vms, nodes in instance.bans:
        limit(vms, nodes, inside=False)
    allowed = [instance.usable]
    names: dict[tuple[int, ...], int] = {(): 0}
    for vm, numbers in own.items():
        key = tuple(sorted(set(numbers)))
        if key not in names:
            names[key] = len(allowed)
            allowed.append(reduce(np.logical_and, (limits[number] for number in key), instance.usable))
        kinds[vm] = names[key]
    return allowed, kinds
