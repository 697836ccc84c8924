"""Does a route keep what it promises? Each state of a replay is looked at, by the plainest means.

It shares no code with the ordering. A machine on its way is at both ends: for room, and for who must not
be near it. For rules that count heads it is at either end, and both must do. What was broken before the
first leg is no fault of the route, as long as nobody breaks more.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from reconciler.planner.ordering.course import Course, Leg, Route
from reconciler.planner.placement.problem import NOWHERE, Relation, Rule

_WIRE = ("migrate", "start")


@dataclass
class Fleet:
    """What is where. ``ends`` are the hosts at which a machine takes room: none, one or two."""

    course: Course
    ends: list[tuple[int, ...]]
    taken: list[list[int]]
    travelling: Counter[int] = field(default_factory=Counter)
    in_cluster: Counter[int] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        problem = self.course.problem
        self.demands: list[list[int]] = [shape.demand.tolist() for shape in problem.shapes]
        self.groups = [problem.shapes[number].group for number in problem.shape.tolist()]
        self.room = problem.room.tolist()
        self.labels = {name: values.tolist() for name, values in problem.labels.items()}
        self.members: dict[int, list[int]] = defaultdict(list)
        for machine, group in enumerate(self.groups):
            self.members[group].append(machine)
        self.rules: dict[int, list[Rule]] = defaultdict(list)
        for rule in problem.rules:
            if rule.strict:
                for group in {rule.group, rule.other}:
                    self.rules[group].append(rule)
        self.clusters = [
            [number for number, cluster in enumerate(problem.clusters) if cluster.hosts[host]]
            for host in range(len(problem.hosts))
        ]
        self.before = {rule: self.broken(rule) for rule in problem.rules if rule.strict}

    @staticmethod
    def at_home(course: Course) -> Fleet:
        """Before the first leg."""
        ends: list[tuple[int, ...]] = [
            () if host == NOWHERE else (host,) for host in course.problem.home.tolist()
        ]
        taken = [[0] * len(course.problem.resources) for _ in course.problem.hosts]
        fleet = Fleet(course, ends, taken)
        for machine, hosts in enumerate(ends):
            for host in hosts:
                fleet.add(host, fleet.takes_now(machine), 1)
        return fleet

    def takes_now(self, machine: int) -> list[int]:
        """What a machine takes as long as it has not moved."""
        if self.course.now is not None:
            return [int(amount) for amount in self.course.now[machine]]
        return self.takes_then(machine)

    def takes_then(self, machine: int) -> list[int]:
        """What it takes afterwards."""
        return self.demands[int(self.course.problem.shape[machine])]

    def add(self, host: int, amounts: Sequence[int], times: int) -> None:
        """Give out room, or with -1 take it back."""
        row = self.taken[host]
        for number, amount in enumerate(amounts):
            row[number] += times * amount

    def broken(self, rule: Rule) -> set[tuple[int, int]]:
        """Who breaks a rule: pairs of machines for apart, machines for those that count."""
        values = self.labels[rule.over]
        if rule.relation is Relation.APART:
            near: dict[int, set[int]] = defaultdict(set)
            for other in self.members[rule.other]:
                for host in self.ends[other]:
                    near[values[host]].add(other)
            return {
                (machine, other)
                for machine in self.members[rule.group]
                for host in self.ends[machine]
                if values[host] != NOWHERE
                for other in near[values[host]]
                if other != machine
            }
        views = (lambda ends: ends[0], lambda ends: ends[-1])
        return {(machine, machine) for view in views for machine in self._miscounted(rule, values, view)}

    def _miscounted(
        self, rule: Rule, values: list[int], view: Callable[[tuple[int, ...]], int]
    ) -> Iterator[int]:
        def there(group: int) -> dict[int, int]:
            return {
                machine: values[view(self.ends[machine])]
                for machine in self.members[group]
                if self.ends[machine] and not self.course.problem.leaving[machine]
            }

        own = there(rule.group)
        if rule.relation is Relation.TOGETHER:
            others = there(rule.other)
            for machine, value in own.items():
                rest = [each for other, each in others.items() if other != machine]
                if rest and value not in rest:
                    yield machine
            return
        counts = Counter(own.values())
        open_values: set[int] = set()
        for shape in self.course.problem.shapes:
            if shape.group == rule.group:
                allowed = shape.allowed.tolist()
                open_values = {value for value, may in zip(values, allowed, strict=True) if may} - {NOWHERE}
                break
        least = min((counts[value] for value in open_values), default=0)
        for machine, value in own.items():
            if counts[value] - least > rule.max_skew:
                yield machine

    def judge(self, machine: int, text: str) -> None:
        """Look at every rule that a machine has a part in."""
        for rule in self.rules.get(self.groups[machine], ()):
            worse = self.broken(rule) - self.before[rule]
            if worse:
                self.faults.append(
                    f"{text}: {rule.relation} over {rule.over} is broken by {sorted(worse)[:3]}"
                )

    def begin(self, leg: Leg, *, limited: bool = True) -> None:
        """A leg begins."""
        machine, text = leg.machine, f"{leg.kind} of {leg.machine} from {leg.source} to {leg.target}"
        here = (leg.source,) if leg.source != NOWHERE else ()
        if self.ends[machine] != here:
            self.faults.append(f"{text}: it is at {self.ends[machine]}")
        if leg.target != NOWHERE:
            # What grows takes at its one host what it had or will have, whichever is more.
            more = self.takes_then(machine)
            if leg.target == leg.source:
                more = [max(0, then - now) for then, now in zip(more, self.takes_now(machine), strict=True)]
            self.add(leg.target, more, 1)
            for number, amount in enumerate(more):
                if amount > 0 and self.taken[leg.target][number] > self.room[leg.target][number]:
                    self.faults.append(f"{text}: {self.course.problem.resources[number]} is overdrawn")
            if not self.course.problem.shapes[int(self.course.problem.shape[machine])].allowed[leg.target]:
                self.faults.append(f"{text}: it is not allowed there")
        if leg.target not in (leg.source, NOWHERE):
            self.ends[machine] = (*here, leg.target)
            self.judge(machine, text)
        if leg.kind in _WIRE:
            self._count(leg, 1)
            if limited:
                self._within_limits(leg, text)

    def end(self, leg: Leg) -> None:
        """A leg is confirmed."""
        machine = leg.machine
        if leg.kind in _WIRE:
            self._count(leg, -1)
        if leg.source == leg.target:
            less = [
                min(0, then - now)
                for then, now in zip(self.takes_then(machine), self.takes_now(machine), strict=True)
            ]
            self.add(leg.source, less, 1)
            return
        if leg.source != NOWHERE:
            has_moved = leg.source != int(self.course.problem.home[machine])
            self.add(leg.source, self.takes_then(machine) if has_moved else self.takes_now(machine), -1)
        self.ends[machine] = () if leg.target == NOWHERE else (leg.target,)
        self.judge(machine, f"after {leg.kind} of {machine}")

    def _count(self, leg: Leg, times: int) -> None:
        for host in {leg.source, leg.target} - {NOWHERE}:
            self.travelling[host] += times
        for cluster in self.clusters[leg.target]:
            self.in_cluster[cluster] += times

    def _within_limits(self, leg: Leg, text: str) -> None:
        limits = self.course.limits
        for host in {leg.source, leg.target} - {NOWHERE}:
            if limits.per_host and self.travelling[host] > limits.per_host:
                self.faults.append(f"{text}: {self.travelling[host]} travel at host {host}")
        for cluster in self.clusters[leg.target]:
            if limits.per_cluster and self.in_cluster[cluster] > limits.per_cluster:
                self.faults.append(f"{text}: {self.in_cluster[cluster]} travel in cluster {cluster}")


def faults_in_sequence(course: Course, route: Route) -> list[str]:
    """One leg after the other, in the order of the route; and that everybody gets to the goal."""
    fleet = Fleet.at_home(course)
    for number, leg in enumerate(route.legs):
        if any(need >= number for need in leg.needs):
            fleet.faults.append(f"leg {number} comes before one that it needs")
        fleet.begin(leg)
        fleet.end(leg)
    stuck = {each.machine for each in route.stuck}
    for machine in sorted(stuck):
        if fleet.ends[machine] != (() if (home := int(course.problem.home[machine])) == NOWHERE else (home,)):
            fleet.faults.append(f"machine {machine} is stuck at {fleet.ends[machine]}, and not at home")
    for machine, goal in enumerate(course.goal.tolist()):
        if fleet.ends[machine] != (() if goal == NOWHERE else (goal,)) and machine not in stuck:
            fleet.faults.append(f"machine {machine} ends at {fleet.ends[machine]}, not at {goal}")
    grown = {leg.machine for leg in route.legs}
    if course.now is not None:
        for machine, (home, goal) in enumerate(
            zip(course.problem.home.tolist(), course.goal.tolist(), strict=True)
        ):
            if NOWHERE in (home, goal):
                continue
            if fleet.takes_now(machine) != fleet.takes_then(machine) and machine not in grown | stuck:
                fleet.faults.append(f"machine {machine} was never given what it asks for")
    return fleet.faults


def faults_in_time(course: Course, route: Route) -> list[str]:
    """All legs at the times that were predicted for them."""
    fleet, running, done = Fleet.at_home(course), list[tuple[float, int]](), set[int]()
    for number in sorted(range(len(route.legs)), key=lambda each: route.legs[each].begins):
        leg = route.legs[number]
        while running and running[0][0] <= leg.begins:
            over = heapq.heappop(running)[1]
            fleet.end(route.legs[over])
            done.add(over)
        if not done.issuperset(leg.needs):
            fleet.faults.append(f"leg {number} begins before what it needs is done")
        fleet.begin(leg)
        heapq.heappush(running, (leg.ends, number))
    return fleet.faults


def faults_in_waves(course: Course, route: Route) -> list[str]:
    """Wave after wave, all legs of one at once."""
    fleet, done = Fleet.at_home(course), set[int]()
    for wave in sorted({leg.wave for leg in route.legs}):
        numbers = [number for number, leg in enumerate(route.legs) if leg.wave == wave]
        for number in numbers:
            if not done.issuperset(route.legs[number].needs):
                fleet.faults.append(f"leg {number} is in one wave with what it needs, or before it")
            fleet.begin(route.legs[number])
        for number in numbers:
            fleet.end(route.legs[number])
        done.update(numbers)
    return fleet.faults


def faults_at_a_pace(course: Course, route: Route, choose: Callable[[int], int]) -> list[str]:
    """Each leg begins when what it needs is done, however long anything takes.

    ``choose(n)`` is luck: one of n. The limits are not looked at: they are kept by whoever does the legs.
    """
    fleet, done, running = Fleet.at_home(course), set[int](), list[int]()
    waiting = list(range(len(route.legs)))
    while waiting or running:
        ready = [number for number in waiting if done.issuperset(route.legs[number].needs)]
        pick = choose(len(ready) + len(running))
        if pick < len(ready):
            fleet.begin(route.legs[ready[pick]], limited=False)
            waiting.remove(ready[pick])
            running.append(ready[pick])
        else:
            over = running.pop(pick - len(ready))
            fleet.end(route.legs[over])
            done.add(over)
    return fleet.faults
