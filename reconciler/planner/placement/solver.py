"""CP-SAT: a few hosts at a time, all their machines packed anew. The only importer of ortools.

Machines of one shape are counted, not told apart: how many of each shape on each host. One thread, a
fixed seed and deterministic time: the same question has the same answer on every machine.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from importlib.util import find_spec
from math import gcd
from typing import TYPE_CHECKING

import numpy as np

from reconciler.planner.placement.climb import away
from reconciler.planner.placement.objective import steepness
from reconciler.planner.placement.part import Packed, Part
from reconciler.planner.placement.problem import NOWHERE, Flags, Integers, Policy, Relation, Rule
from reconciler.planner.placement.stand import Stand

if TYPE_CHECKING:
    from ortools.sat.python.cp_model import IntVar, LinearExpr, LinearExprT

_MODEL = 0.03
"""What it takes to put a question, in the work that it takes to answer it."""
_FINE = 10**7
"""Parts of 1 of a balance's score that are told apart."""


def is_there() -> bool:
    """Whether ortools is installed."""
    return find_spec("ortools") is not None


def pack(stand: Stand, part: Part) -> Packed:
    """The best there is for a part, or the best found."""
    return _Model(stand, part).solved()


class _Model:
    """One question to CP-SAT. ``count[shape, host]`` is the number of movers of a shape on a host."""

    def __init__(self, stand: Stand, part: Part) -> None:
        from ortools.sat.python import cp_model

        self.cp, self.model = cp_model, cp_model.CpModel()
        self.stand, self.part, self.problem = stand, part, stand.problem
        self.outside: dict[tuple[int, str], Integers] = {}
        movable = self.problem.movable & np.isin(stand.host, part.hosts)
        self.movers = np.flatnonzero(movable)
        shapes = sorted(set(self.problem.shape[self.movers].tolist()))
        self.of_shape = {shape: self.movers[self.problem.shape[self.movers] == shape] for shape in shapes}
        self.count = {
            (shape, host): self.model.new_int_var(0, len(own), "")
            for shape, own in self.of_shape.items()
            for host in part.hosts
            if self.problem.shapes[shape].allowed[host] or (stand.host[own] == host).any()
        }
        for shape, own in self.of_shape.items():
            self.model.add(sum(self._on(shape, part.hosts)) == len(own))
        self._keep_room()
        for rule in self.problem.rules:
            if {rule.group, rule.other} & self.groups:
                self._keep(rule)
        self._hint_and_stays()

    @cached_property
    def groups(self) -> set[int]:
        return {self.problem.shapes[shape].group for shape in self.of_shape}

    def _on(self, shape: int, hosts: Iterable[int]) -> list[IntVar]:
        return [self.count[shape, host] for host in hosts if (shape, host) in self.count]

    def _of(self, group: int, hosts: Iterable[int]) -> list[IntVar]:
        own = [shape for shape in self.of_shape if self.problem.shapes[shape].group == group]
        return [variable for shape in own for variable in self._on(shape, hosts)]

    @cached_property
    def fixed(self) -> Integers:
        """What the machines that stay take, (H, R)."""
        taken = self.stand.used.copy()
        np.subtract.at(taken, self.stand.host[self.movers], self.stand.demand[self.movers])
        return taken

    def _load(self, host: int, resource: int) -> LinearExprT:
        return sum(
            int(self.problem.shapes[shape].demand[resource]) * self.count[shape, host]
            for shape in self.of_shape
            if (shape, host) in self.count and self.problem.shapes[shape].demand[resource] > 0
        )

    def _keep_room(self) -> None:
        self.is_used = {host: self.model.new_bool_var("") for host in self.part.hosts}
        for host, is_used in self.is_used.items():
            if (self.stand.host == host).sum() > (self.stand.host[self.movers] == host).sum():
                self.model.add(is_used == 1)
            for resource in range(len(self.problem.resources)):
                room = int(self.problem.room[host, resource] - self.fixed[host, resource])
                # Who takes nothing of it may be on a host that has given out too much.
                self.model.add(self._load(host, resource) <= max(0, room) * is_used)
            for variable in (self.count[key] for key in self.count if key[1] == host):
                self.model.add(variable <= len(self.movers) * is_used)

    def _keep(self, rule: Rule) -> None:
        values = self.problem.labels[rule.over]
        by_value: dict[int, list[int]] = {}
        for host in self.part.hosts:
            by_value.setdefault(int(values[host]), []).append(host)
        if rule.strict and rule.relation == Relation.APART:
            self._keep_apart(rule, by_value)
        else:
            # As many at each value as there are now: it is neither broken nor mended.
            for group in {rule.group, rule.other} & self.groups:
                for hosts in by_value.values():
                    now = int((np.isin(self.stand.host[self.movers], hosts) & self._is(group)).sum())
                    self.model.add(sum(self._of(group, hosts)) == now)

    def _is(self, group: int) -> Flags:
        return np.asarray(self.stand.group[self.movers] == group, np.bool_)

    def _keep_apart(self, rule: Rule, by_value: dict[int, list[int]]) -> None:
        for value, hosts in by_value.items():
            one, other = self._of(rule.group, hosts), self._of(rule.other, hosts)
            if value == NOWHERE:
                self.model.add(sum(one) == 0)
            elif rule.group == rule.other:
                self.model.add(sum(one) + self._outside(rule.group, rule.over, value) <= 1)
            else:
                which = self.model.new_bool_var("")
                most = len(self.movers)
                self.model.add(sum(one) + self._outside(rule.group, rule.over, value) <= most * which)
                self.model.add(sum(other) + self._outside(rule.other, rule.over, value) <= most * (1 - which))

    def _outside(self, group: int, over: str, value: int) -> int:
        """Members of a group at a value that are not packed here."""
        if (group, over) not in self.outside:
            there = (self.stand.group == group) & (self.stand.host != NOWHERE)
            there[self.movers] = False
            values = self.problem.labels[over][self.stand.host[there]] + 1
            size = int(self.problem.labels[over].max(initial=NOWHERE)) + 2
            self.outside[group, over] = np.bincount(values, minlength=size)
        return int(self.outside[group, over][value + 1])

    def _hint_and_stays(self) -> None:
        home = self.problem.home
        self.stays: list[IntVar] = []
        for (shape, host), variable in self.count.items():
            own = self.of_shape[shape]
            self.model.add_hint(variable, int((self.stand.host[own] == host).sum()))
            at_home = int((home[own] == host).sum())
            if at_home:
                stay = self.model.new_int_var(0, at_home, "")
                self.model.add(stay <= variable)
                self.model.add_hint(stay, int(min(at_home, (self.stand.host[own] == host).sum())))
                self.stays.append(stay)
        elsewhere = away(self.stand) - int((self.stand.host[self.movers] != home[self.movers]).sum())
        self.away = len(self.movers) - self.cp.LinearExpr.sum(self.stays)
        self.model.add(self.away + elsewhere <= self.part.moves)

    def _aim(self) -> None:
        if self.part.cluster.policy is Policy.CONSOLIDATE:
            used, moved = sum(self.is_used.values()), self.away
            # Ten thousand moves are worth a host at the very least, or none would ever be emptied.
            move = max(1, round(self.part.least * 10_000))
            hosts = 10_000 * used + move * moved
            if self.part.victim is None:
                self.model.minimize(hosts)
            else:
                self.model.minimize(1_000 * hosts + self._weight(self.part.victim))
            return
        self.model.minimize(self._unevenness() + max(1, round(self.part.least * _FINE)) * self.away)

    def _weight(self, host: int) -> LinearExpr:
        scale = np.maximum(1, self.problem.room.max(axis=0))
        return self.cp.LinearExpr.sum(
            [
                int(100_000 * (self.problem.shapes[shape].demand / scale).sum()) * variable
                for (shape, at), variable in self.count.items()
                if at == host
            ]
        )

    def _unevenness(self) -> LinearExpr:
        steep = steepness(self.problem, self.part.cluster)
        terms: list[LinearExpr] = []
        for resource in range(len(self.problem.resources)):
            amounts = [int(self.problem.shapes[shape].demand[resource]) for shape in self.of_shape]
            unit = gcd(*amounts)
            if not unit:
                continue
            for host in self.part.hosts:
                fixed, most = (
                    int(self.fixed[host, resource]),
                    sum(
                        amount // unit * len(own)
                        for amount, own in zip(amounts, self.of_shape.values(), strict=True)
                    ),
                )
                load = self.model.new_int_var(0, most, "")
                self.model.add(load * unit == self._load(host, resource))
                square = self.model.new_int_var(0, most * most, "")
                self.model.add_multiplication_equality(square, [load, load])
                each = float(steep[host, resource]) * _FINE
                terms.append(round(each * unit * unit) * square + round(2 * each * unit * fixed) * load)
        return self.cp.LinearExpr.sum(terms)

    def solved(self) -> Packed:
        """Ask, and tell who goes where."""
        self._aim()
        solver = self.cp.CpSolver()
        solver.parameters.num_workers = 1
        solver.parameters.random_seed = 1
        solver.parameters.max_deterministic_time = self.part.effort
        status = solver.solve(self.model)
        work = _MODEL + float(solver.response_proto.deterministic_time)
        if status not in (self.cp.OPTIMAL, self.cp.FEASIBLE):
            return Packed({}, proven=False, work=work)
        to: dict[int, int] = {}
        for shape, own in self.of_shape.items():
            wanted = {
                host: int(solver.value(self.count[key]))
                for key in self.count
                if key[0] == shape
                for host in (key[1],)
            }
            to |= _told_apart(own.tolist(), wanted, self.problem.home, self.stand.host)
        return Packed(to, status == self.cp.OPTIMAL, work)


def _told_apart(own: list[int], wanted: dict[int, int], *known: Integers) -> dict[int, int]:
    """Which machine goes where, of those that are the same: home first, then where it is, then anywhere."""
    to: dict[int, int] = {}
    left = dict(wanted)
    for where in known:
        for machine in own:
            host = int(where[machine])
            if machine not in to and left.get(host, 0) > 0:
                to[machine] = host
                left[host] -= 1
    rest = [host for host, count in sorted(left.items()) for _ in range(count)]
    return to | dict(zip((machine for machine in own if machine not in to), rest, strict=True))
