"""Which field of a component a host does not satisfy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from reconciler.planner.groups import group_of
from reconciler.planner.placement.board import Board
from reconciler.planner.placement.ledger import Site
from reconciler.planner.placement.rules import (
    Check,
    apart,
    plugged,
    required,
    same_cluster,
    spread,
    together,
    wired,
)
from reconciler.specs.desired import Instance


def field_against(instance: Instance, board: Board, site: Site) -> str:
    """The first field whose strict rule refuses a host, as a dotted path; empty where none does."""
    return next((field for field, check in _checks(instance, board) if check(site) is not None), "")


def _checks(instance: Instance, board: Board) -> Iterator[tuple[str, Check]]:
    placement = instance.placement
    yield "placement.cluster", same_cluster(instance, board)
    for number, expression in enumerate(placement.require):
        alone = replace(instance, placement=replace(placement, require=(expression,)))
        yield f"placement.require.{number}", required(alone, board)
    yield "networks", plugged(instance, board)
    yield "networks", wired(instance, board)
    for rule in board.neighbours.apart.get(group_of(instance.key), ()):
        if rule.strict:
            yield "placement.anti_affinity", apart(rule, instance, board)
    for number, near in enumerate(placement.affinity):
        if near.strict:
            yield f"placement.affinity.{number}", together(near, instance, board)
    for number, even in enumerate(placement.spread):
        if even.strict:
            yield f"placement.spread.{number}", spread(even, instance, board)
