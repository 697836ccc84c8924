"""The rules between components, and the labels that they look at, in numbers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

import numpy as np

from reconciler.planner.groups import Group, group_of
from reconciler.planner.placement.board import Board
from reconciler.planner.placement.problem import NOWHERE, Integers, Relation, Rule
from reconciler.specs.desired import Instance

Number = Callable[[Group], int]


def rules_between(
    board: Board, declared: Iterable[Instance], unsure: Collection[Group], number: Number
) -> tuple[Rule, ...]:
    """Every rule of every component, the mirrored ones too; of the ``unsure`` not everybody is known."""
    first: dict[Group, Instance] = {}
    for instance in declared:
        first.setdefault(group_of(instance.key), instance)
    rules = [*_apart(board, number)]
    for own, instance in sorted(first.items(), key=lambda entry: entry[0]):
        rules += _together(own, instance, board, unsure, number)
        rules += (
            Rule(
                Relation.SPREAD,
                number(own),
                even.over,
                strict=even.strict,
                max_skew=even.max_skew,
                moves=own not in unsure,
            )
            for even in instance.placement.spread
        )
    return tuple(rules)


def _apart(board: Board, number: Number) -> Iterator[Rule]:
    for own, rules in sorted(board.neighbours.apart.items()):
        for rule in rules:
            other = number(Group(own.service, rule.to))
            yield Rule(Relation.APART, number(own), rule.over, other, rule.strict)


def _together(
    own: Group, instance: Instance, board: Board, unsure: Collection[Group], number: Number
) -> Iterator[Rule]:
    earlier = board.neighbours.earlier.get(own, frozenset())
    for rule in instance.placement.affinity:
        other = Group(own.service, rule.to)
        yield Rule(
            Relation.TOGETHER,
            number(own),
            rule.over,
            number(other),
            rule.strict,
            follows=rule.to in earlier,
            moves=own not in unsure and other not in unsure,
        )


def labels_of(board: Board, rules: Iterable[Rule]) -> Mapping[str, Integers]:
    """The number of each host's value of every label that the rules look at, (H,)."""
    return {over: _values(board, over) for over in sorted({rule.over for rule in rules})}


def _values(board: Board, over: str) -> Integers:
    values = [site.host.label(over) for site in board.sites]
    known = sorted({value for value in values if value is not None})
    numbers = {value: number for number, value in enumerate(known)}
    return np.array([NOWHERE if value is None else numbers[value] for value in values], np.int64)
