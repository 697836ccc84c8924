"""When each leg begins: list scheduling by critical path, within the limits on what travels at once.

What comes before what is settled; here only the order in which legs take the places that the limits
leave is chosen. First goes the leg with the longest way behind it, be that the legs that need it or
the queue at one of its hosts.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field

from reconciler.planner.ordering.course import TRAVELS, Course, Leg, Limits
from reconciler.planner.ordering.traffic import Passage
from reconciler.planner.placement.problem import NOWHERE

_UNLIMITED = 1 << 60


@dataclass(slots=True, eq=False)
class _Places:
    """How many more may travel, by host and by cluster, and who waits for that."""

    limits: Limits
    cluster: list[int]
    by_host: dict[int, int] = field(default_factory=dict)
    by_cluster: dict[int, int] = field(default_factory=dict)
    at_host: dict[int, list[tuple[float, int]]] = field(default_factory=dict)
    at_cluster: dict[int, list[tuple[float, int]]] = field(default_factory=dict)

    def cluster_of(self, passage: Passage) -> int:
        """The cluster in which it travels."""
        return self.cluster[passage.target]

    def left_at(self, host: int) -> int:
        """How many more may leave a host or come to it."""
        limit = self.limits.per_host or _UNLIMITED
        return limit if host == NOWHERE else self.by_host.get(host, limit)

    def left_in(self, cluster: int) -> int:
        """How many more may travel in a cluster."""
        return self.by_cluster.get(cluster, self.limits.per_cluster or _UNLIMITED)

    def take(self, passage: Passage, count: int) -> None:
        """Take a place at both ends and in the cluster, or with a ``count`` of -1 give them back."""
        for host in (passage.source, passage.target):
            if host != NOWHERE:
                self.by_host[host] = self.left_at(host) - count
        cluster = self.cluster_of(passage)
        self.by_cluster[cluster] = self.left_in(cluster) - count


def timetable(course: Course, passages: Sequence[Passage]) -> list[Leg]:
    """The legs by when they begin, their needs as places in this list."""
    seconds = [
        course.stop_seconds if each.kind == "stop" else float(course.seconds[each.machine])
        for each in passages
    ]
    begins = _begins(course, passages, seconds)
    order = sorted(range(len(passages)), key=lambda each: (begins[each], each))
    place = {number: new for new, number in enumerate(order)}
    needs = [tuple(sorted(place[need] for need in passages[number].needs)) for number in order]
    waves = _waves(course, [passages[number] for number in order], needs)
    cost = course.problem.cost.tolist()
    return [
        Leg(
            each.machine,
            each.kind,
            each.source,
            each.target,
            needs[new],
            begins[number],
            seconds[number],
            cost[each.machine] if each.kind in TRAVELS else 0.0,
            waves[new],
            each.detour,
        )
        for new, number in enumerate(order)
        for each in (passages[number],)
    ]


def _urgency(course: Course, passages: Sequence[Passage], seconds: Sequence[float]) -> list[float]:
    """How long it takes at least from the beginning of each leg to the end of everything."""
    tail = [0.0] * len(passages)
    for number in range(len(passages) - 1, -1, -1):
        tail[number] += seconds[number]
        for need in passages[number].needs:
            tail[need] = max(tail[need], tail[number])
    if not course.limits.per_host:
        return tail
    queue: dict[int, float] = {}
    for passage, taken in zip(passages, seconds, strict=True):
        if passage.kind in TRAVELS:
            for host in (passage.source, passage.target):
                queue[host] = queue.get(host, 0.0) + taken / course.limits.per_host
    queue[NOWHERE] = 0.0
    return [
        max(own, queue.get(passage.source, 0.0), queue.get(passage.target, 0.0))
        for own, passage in zip(tail, passages, strict=True)
    ]


def _begins(course: Course, passages: Sequence[Passage], seconds: Sequence[float]) -> list[float]:
    urgency = _urgency(course, passages, seconds)
    missing = [len(each.needs) for each in passages]
    followers: list[list[int]] = [[] for _ in passages]
    for number, passage in enumerate(passages):
        for need in passage.needs:
            followers[need].append(number)
    places = _Places(course.limits, _clusters(course))
    begins = [0.0] * len(passages)
    ending: list[tuple[float, int]] = []
    clock = 0.0

    def ready(number: int) -> None:
        passage = passages[number]
        if passage.kind in TRAVELS:
            queue = places.at_cluster.setdefault(places.cluster_of(passage), [])
            heapq.heappush(queue, (-urgency[number], number))
        else:
            begins[number] = clock
            heapq.heappush(ending, (clock + seconds[number], number))

    def next_at(host: int) -> None:
        queue = places.at_host.get(host)
        if queue and places.left_at(host) > 0:
            ready(heapq.heappop(queue)[1])

    def set_out(cluster: int) -> None:
        queue = places.at_cluster[cluster]
        while queue and places.left_in(cluster) > 0:
            entry = heapq.heappop(queue)
            passage = passages[entry[1]]
            full = next((each for each in (passage.source, passage.target) if places.left_at(each) < 1), None)
            if full is None:
                places.take(passage, 1)
                begins[entry[1]] = clock
                heapq.heappush(ending, (clock + seconds[entry[1]], entry[1]))
                continue
            heapq.heappush(places.at_host.setdefault(full, []), entry)
            # It was called for a place that it cannot take yet: somebody else may.
            next_at(passage.target if full == passage.source else passage.source)

    for number, count in enumerate(missing):
        if not count:
            ready(number)
    for cluster in list(places.at_cluster):
        set_out(cluster)
    while ending:
        clock = ending[0][0]
        while ending and ending[0][0] <= clock:
            number = heapq.heappop(ending)[1]
            passage = passages[number]
            if passage.kind in TRAVELS:
                places.take(passage, -1)
                next_at(passage.source)
                next_at(passage.target)
            for follower in followers[number]:
                missing[follower] -= 1
                if not missing[follower]:
                    ready(follower)
        for cluster, queue in list(places.at_cluster.items()):
            if queue:
                set_out(cluster)
    return begins


def _clusters(course: Course) -> list[int]:
    numbers = [NOWHERE] * len(course.problem.hosts)
    for number, cluster in enumerate(course.problem.clusters):
        for host in cluster.hosts.nonzero()[0].tolist():
            numbers[host] = number
    return numbers


def _waves(course: Course, passages: Sequence[Passage], needs: Sequence[tuple[int, ...]]) -> list[int]:
    """The earliest wave of each: after those it needs, where the limits leave a place."""
    clusters, limits = _clusters(course), course.limits
    taken: dict[tuple[str, int, int], int] = {}
    first: dict[tuple[str, int], int] = {}
    waves: list[int] = []
    for passage, before in zip(passages, needs, strict=True):
        wave = max((waves[need] + 1 for need in before), default=0)
        if passage.kind in TRAVELS:
            asked = [
                ("host", host, limits.per_host)
                for host in (passage.source, passage.target)
                if host != NOWHERE and limits.per_host
            ]
            if limits.per_cluster:
                asked.append(("cluster", clusters[passage.target], limits.per_cluster))
            # Before these waves there is no place left.
            wave = max([wave, *(first.get((kind, which), 0) for kind, which, _ in asked)])
            while any(taken.get((kind, which, wave), 0) >= most for kind, which, most in asked):
                wave += 1
            for kind, which, most in asked:
                taken[kind, which, wave] = taken.get((kind, which, wave), 0) + 1
                while taken.get((kind, which, first.get((kind, which), 0)), 0) >= most:
                    first[kind, which] = first.get((kind, which), 0) + 1
        waves.append(wave)
    return waves
