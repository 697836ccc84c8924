"""Expressions asked of all hosts at once: each is worked out once for a class of equal facts.

What an expression asks decides who is equal: most name a label or two, and many hosts have the same.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from reconciler.planner.placement.ledger import Site
from reconciler.planner.placement.problem import Flags, Integers, Reals
from reconciler.specs.desired import Resources
from reconciler.specs.expressions import (
    AMOUNTS,
    Answer,
    HostFacts,
    MissingLabel,
    Unanswered,
    asks,
    evaluate,
    facts_of,
    steady_answer,
)

Admits = Callable[[int, Integers], bool]
Ranked = Callable[[int, Integers], float]


@dataclass(frozen=True, slots=True, eq=False)
class Required:
    """Where a condition holds, (H,): ``steady`` hosts' answers are in ``holds``, the others' change with
    what is free there, and ``admits`` tells them.
    """

    holds: Flags
    steady: Flags
    admits: Admits


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """What hosts are worth now, (H,), and what one is for what is free on it; None where that is the same."""

    now: Reals
    ranked: Ranked | None


@dataclass(slots=True)
class Columns:
    """The answers of the hosts to each expression, remembered."""

    sites: tuple[Site, ...]
    free: Integers
    """(H, R): what is free as the plan begins; CPUs and memory come first."""
    disk: Sequence[int]
    """The number of what each host has of disk, (H,)."""
    _required: dict[str, Required] = field(default_factory=dict)
    _rankings: dict[str, Ranking] = field(default_factory=dict)

    def required(self, expression: str) -> Required:
        """Where a condition is met."""
        if expression not in self._required:
            self._required[expression] = self._ask(expression)
        return self._required[expression]

    def ranking(self, expression: str) -> Ranking:
        """What each host is worth."""
        if expression not in self._rankings:
            self._rankings[expression] = self._rank(expression)
        return self._rankings[expression]

    def _ask(self, expression: str) -> Required:
        answers = self._by_class(expression, lambda site: steady_answer(expression, self._facts(site)))

        def admits(host: int, free: Integers) -> bool:
            return holds(evaluate(expression, self._facts(self.sites[host], self._amounts(host, free))))

        return Required(
            np.array([answer is None or holds(answer) for answer in answers], np.bool_),
            np.array([answer is not None for answer in answers], np.bool_),
            admits,
        )

    def _rank(self, expression: str) -> Ranking:
        known: dict[Hashable, float] = {}

        def ranked(host: int, free: Integers) -> float:
            amounts = self._amounts(host, free)
            key = _class_for(expression, self.sites[host], amounts)
            if key not in known:
                known[key] = worth(evaluate(expression, self._facts(self.sites[host], amounts)))
            return known[key]

        if asks(expression).changes:
            now = [
                ranked(host, self.free[host]) if site.state else float("-inf")
                for host, site in enumerate(self.sites)
            ]
            return Ranking(np.array(now, np.float64), ranked)
        answers = self._by_class(expression, lambda site: evaluate(expression, self._facts(site)))
        return Ranking(
            np.array([worth(answer) for answer in answers if answer is not None], np.float64), None
        )

    def _by_class(self, expression: str, ask: Callable[[Site], Answer | None]) -> Iterable[Answer | None]:
        known: dict[Hashable, Answer | None] = {}
        answers: list[Answer | None] = []
        for site in self.sites:
            if site.state is None:
                answers.append(Unanswered(site.silence))
                continue
            key = _class_of(expression, site)
            if key not in known:
                known[key] = ask(site)
            answers.append(known[key])
        return answers

    def _amounts(self, host: int, free: Integers) -> tuple[int, int, int]:
        """What a host has of CPUs, memory and disk."""
        row = free.tolist()
        return row[0], row[1], row[self.disk[host]]

    def _facts(self, site: Site, free: tuple[int, int, int] | None = None) -> HostFacts:
        assert site.state is not None, "only hosts that answered are asked"
        usable = site.host.usable(site.state.capacity)
        left = usable if free is None else Resources(*free)
        # Whatever is not free has been given to a machine.
        load = (usable.cpus - left.cpus) / max(1, site.state.capacity.cpus)
        return facts_of(site.host, site.state.arch, usable, left, load)


def _class_of(expression: str, site: Site) -> Hashable:
    """What is the same for hosts that answer alike."""
    asked, host = asks(expression), site.host
    labels = host.labels
    if asked.labels is not None:
        labels = tuple(each for each in labels if each[0] in asked.labels)
    own = host.name if "name" in asked.words or "capacity" in asked.words else ""
    return (host.cluster, host.hypervisor, site.state and site.state.arch, labels, own)


def _class_for(expression: str, site: Site, free: tuple[int, int, int]) -> Hashable:
    """The same, for what is free on them: of that, what is asked for."""
    asked = asks(expression).free
    if asked is None:
        return (site.name, *free)
    amounts = [left for name, left in zip(AMOUNTS, free, strict=True) if name in asked]
    return (_class_of(expression, site), *amounts)


def holds(answer: Answer) -> bool:
    """Whether a condition refuses nobody."""
    return answer is not False and not isinstance(answer, MissingLabel | Unanswered)


def worth(answer: Answer) -> float:
    """The value of a rank: a host that cannot be ranked comes last."""
    return float(answer) if isinstance(answer, bool | float) else float("-inf")
