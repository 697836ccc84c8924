"""How a circle of machines that wait for each other is broken: by one that goes out of the way first.

The cheapest that lets another pass goes to a host that has room for it and is in nobody's way; where
there is none, the cheapest that may be stopped is; where there is none either, all of them stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from reconciler.planner.ordering.circles import knots
from reconciler.planner.ordering.traffic import Traffic
from reconciler.planner.placement.problem import NOWHERE

_HOSTS_TRIED = 64
"""How many of the hosts with most to spare are looked at one by one, before all are looked at."""


@dataclass(slots=True, eq=False)
class Detours:
    """The knots of one moment, and what the hosts have then.

    ``spare`` (R lists of H) is what is free when all that wait for it have come; ``roomy`` are the hosts by
    that, the most first, and ``tried`` the place in it from where on they are looked at.
    """

    traffic: Traffic
    spare: list[list[int]]
    roomy: list[int]
    leaving: dict[int, list[int]]
    """By host, who is there and wants to go."""
    stays: frozenset[int]
    """Who goes nowhere but to its goal."""
    wanted: dict[int, list[int]] = field(default_factory=dict)
    """By host, who waits for somebody to leave it."""
    tried: int = 0

    @staticmethod
    def of(traffic: Traffic, stays: frozenset[int]) -> Detours:
        """As it is now."""
        problem = traffic.course.problem
        spare = np.array(traffic.rooms.free, np.int64)
        demands = np.array([shape.demand for shape in problem.shapes], np.int64).reshape(-1, len(spare))
        coming = [each for each in traffic.pending if traffic.goal[each] != NOWHERE]
        goals = np.array([traffic.goal[each] for each in coming], np.int64)
        for resource, row in enumerate(spare):
            np.subtract.at(row, goals, demands[problem.shape[coming], resource])
        share = (spare / np.maximum(1, problem.room.T)).min(axis=0)
        leaving: dict[int, list[int]] = {}
        for machine in traffic.pending:
            leaving.setdefault(traffic.at[machine], []).append(machine)
        roomy = np.argsort(-share, kind="stable").tolist()
        return Detours(traffic, spare.tolist(), roomy, leaving, stays)

    def untie(self) -> None:
        """Break every knot once, or give up who is in it."""
        traffic, leaving = self.traffic, self.leaving
        edges: dict[int, list[int]] = {host: [] for host in leaving if host != NOWHERE}
        hopeless: list[int] = []
        for machine in traffic.pending:
            hosts = self._waits_at(machine)
            if not hosts:
                hopeless.append(machine)
            for host in hosts:
                self.wanted.setdefault(host, []).append(machine)
            if traffic.at[machine] != NOWHERE:
                edges[traffic.at[machine]] += hosts
        for machine in hopeless:
            traffic.give_up(machine, self._why_never(machine))
        if hopeless:
            # Who waited for them is looked at when it is known that they stay.
            return
        tight = [
            members
            for knot in knots(edges)
            if not self._break(members := sorted(each for host in knot for each in leaving[host]))
        ]
        if not traffic.is_moving:
            # Whoever is on the way may leave room for a detour, so that nobody is given up before that.
            for members in tight:
                for machine in members:
                    traffic.give_up(machine, self._why_not_now(machine, members))

    def _waits_at(self, machine: int) -> list[int]:
        """The hosts that somebody must leave before a machine can go on, if anybody will."""
        count = len(self.traffic.course.problem.hosts)
        hosts: dict[int, None] = {}
        for key in self.traffic.waits[machine]:
            if key < count:
                if key in self.leaving:
                    hosts[key] = None
                continue
            for group in self._groups_of(key - count):
                for other in self.traffic.pending:
                    if other != machine and self.traffic.company.group[other] == group:
                        hosts[self.traffic.at[other]] = None
        hosts.pop(NOWHERE, None)
        return list(hosts)

    def _groups_of(self, rule: int) -> set[int]:
        heads = self.traffic.company.heads[rule]
        return {heads.rule.group, heads.rule.other} - {NOWHERE}

    def _break(self, members: Sequence[int]) -> bool:
        """Let one of them go out of the way, or stop one; whether that could be done."""
        traffic, course = self.traffic, self.traffic.course
        able = [each for each in members if traffic.goal[each] not in (NOWHERE, traffic.at[each])]
        helps = {each: self._lets_pass(each) for each in able}
        able.sort(key=lambda each: (not helps[each], float(course.problem.cost[each]), each))
        for machine in able:
            if machine in self.stays or machine in traffic.detoured:
                continue
            host = self._out_of_the_way(machine)
            if host != NOWHERE:
                traffic.detoured.add(machine)
                traffic.begin(machine, host, detour=True)
                return True
        able.sort(key=lambda each: (not helps[each], float(course.seconds[each]), each))
        for machine in able:
            if (
                course.may_stop[machine]
                and machine not in self.stays
                and self._keeps_the_rules(machine, NOWHERE)
            ):
                traffic.halted.add(machine)
                traffic.begin(machine, NOWHERE, stops=True)
                return True
        return False

    def _lets_pass(self, machine: int) -> bool:
        """Whether somebody finds room once this one is gone."""
        traffic, home = self.traffic, self.traffic.at[machine]
        free = [row[home] for row in traffic.rooms.free]
        for resource, amount in traffic.before[machine]:
            free[resource] += amount
        return any(
            traffic.goal[other] != home
            or all(amount <= free[resource] for resource, amount in traffic.after[other])
            for other in self.wanted.get(home, ())
            if other != machine
        )

    def _out_of_the_way(self, machine: int) -> int:
        """A host that has room to spare where a machine can wait; NOWHERE: there is none."""
        traffic, problem = self.traffic, self.traffic.course.problem
        number = int(problem.shape[machine])
        allowed, demand = problem.shapes[number].allowed, traffic.after[machine]
        admits = problem.shapes[number].admits
        if problem.closed is not None:
            allowed = allowed & ~problem.closed
        not_there = (traffic.at[machine], traffic.goal[machine])

        def will_do(host: int) -> bool:
            return (
                bool(allowed[host])
                and host not in not_there
                and (admits is None or admits(host, traffic.rooms.free_of(host)))
                and self._keeps_the_rules(machine, host)
            )

        for step in range(min(_HOSTS_TRIED, len(self.roomy))):
            place = (self.tried + step) % len(self.roomy)
            host = self.roomy[place]
            if (
                all(amount <= self.spare[resource][host] for resource, amount in demand)
                and traffic.rooms.fits(demand, host)
                and will_do(host)
            ):
                self.tried = place + 1
                for resource, amount in demand:
                    self.spare[resource][host] -= amount
                return host
        good = allowed.copy()
        for resource, amount in demand:
            good &= np.array(traffic.rooms.free[resource]) >= amount
        # Who waits for that room can still come when this one has gone on.
        return next((host for host in self.roomy if good[host] and will_do(host)), NOWHERE)

    def _keeps_the_rules(self, machine: int, host: int) -> bool:
        """Whether no strict rule is broken when a machine goes somewhere that is not its goal."""
        company, source = self.traffic.company, self.traffic.at[machine]
        if company.not_yet(machine, source, host):
            return False
        if host == NOWHERE:
            return True
        overs = {over for over, _ in company.apart.get(company.group[machine], ())}
        overs |= {
            company.heads[number].rule.over for number in company.counting.get(company.group[machine], ())
        }
        if any(company.values[over][host] == NOWHERE for over in overs):
            return False
        return not company.in_the_way(machine, source, host)

    def _name(self, machine: int) -> str:
        names = self.traffic.course.problem.names
        return names[machine] if names else f"machine {machine}"

    def _why_never(self, machine: int) -> str:
        traffic, problem = self.traffic, self.traffic.course.problem
        goal = traffic.goal[machine]
        if goal == NOWHERE or traffic.waits[machine] != [goal]:
            others = [] if goal == NOWHERE else traffic.company.in_the_way(machine, traffic.at[machine], goal)
            if others:
                return f"{problem.hosts[goal]} is kept from it by {self._name(others[0])}, which stays"
            return "a strict rule would be broken on the way"
        return f"{problem.hosts[goal]} has no room for it, and nothing more leaves it"

    def _why_not_now(self, machine: int, members: Sequence[int]) -> str:
        others = ", ".join(self._name(each) for each in members[:3] if each != machine)
        if len(members) > 3:
            others += ", …"
        round_about = f"it and {others} wait for each other" if others else "it is in its own way"
        return f"{round_about}, no other host has room for one of them meanwhile, and none may be stopped"
