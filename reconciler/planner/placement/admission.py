"""Which hosts instances may be on, whoever else is there: the rules' own answers, as flags of all hosts.

A rule of the table is asked once of each class of hosts that are the same to it, an expression once of
each class that it cannot tell apart.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field, replace

import numpy as np

from reconciler.planner.placement.board import Board
from reconciler.planner.placement.columns import Admits, Columns
from reconciler.planner.placement.ledger import Site
from reconciler.planner.placement.problem import Flags, Integers
from reconciler.planner.placement.rules import STANDING, first_refusal
from reconciler.planner.placement.standing import why_empty
from reconciler.specs.desired import Instance, Machine


@dataclass(frozen=True, slots=True, eq=False)
class Admission:
    """``allowed`` is (H,); ``admits`` is asked besides, where it depends on what is free."""

    allowed: Flags
    admits: Admits | None


@dataclass(slots=True)
class Admissions:
    """The answers to each question, remembered."""

    board: Board
    columns: Columns
    _classes: Integers = field(init=False)
    _representatives: list[Site] = field(init=False)
    _standing: dict[Hashable, Flags] = field(default_factory=dict)
    _known: dict[Hashable, Admission] = field(default_factory=dict)
    _admits: dict[tuple[str, ...], Admits] = field(default_factory=dict)

    def __post_init__(self) -> None:
        numbers: dict[Hashable, int] = {}
        self._classes = np.array(
            [numbers.setdefault(_class_of(site), len(numbers)) for site in self.board.sites], np.int64
        )
        first = np.unique(self._classes, return_index=True)[1]
        self._representatives = [self.board.sites[number] for number in first.tolist()]

    def of(self, instance: Instance, machine: Machine) -> Admission:
        """Where an instance may be as this machine; nobody looks at the disks that it may have left."""
        placement = instance.placement
        question = (placement.cluster, machine.plugs)
        key = (question, placement.require)
        if key not in self._known:
            if question not in self._standing:
                self._standing[question] = self._ask(replace(instance, machine=machine))
            answers = [self.columns.required(each) for each in placement.require]
            allowed = np.logical_and.reduce([self._standing[question], *(each.holds for each in answers)])
            self._known[key] = Admission(allowed, self._admission(placement.require))
        return self._known[key]

    def _ask(self, instance: Instance) -> Flags:
        checks = tuple(rule(instance, self.board) for rule in STANDING)
        answers = [first_refusal(checks, site) is None for site in self._representatives]
        return np.array(answers, np.bool_)[self._classes]

    def _admission(self, require: tuple[str, ...]) -> Admits | None:
        """One function for the conditions whose answer may change, the same one for the same conditions."""
        asked = tuple(each for each in require if not self.columns.required(each).steady.all())
        if not asked:
            return None
        if asked not in self._admits:
            each = [self.columns.required(expression) for expression in asked]

            def admits(host: int, free: Integers) -> bool:
                return all(one.steady[host] or one.admits(host, free) for one in each)

            self._admits[asked] = admits
        return self._admits[asked]


def _class_of(site: Site) -> Hashable:
    """What is the same for hosts which the rules that know no expression cannot tell apart."""
    state, host = site.state, site.host
    if state is None:
        return None
    segments = (state.segments is None, bool(state.address), state.foreign_links)
    return (why_empty(host, state) is None, host.cluster, state.bridges, state.networks, segments)
