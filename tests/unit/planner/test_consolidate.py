"""Fewer hosts are used where they can be, whatever has to change places for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from reconciler.planner.placement.climb import Budget, away
from reconciler.planner.placement.improve import rebalance_by
from reconciler.planner.placement.pressing import press
from reconciler.planner.placement.problem import (
    Answer,
    Ask,
    Cluster,
    Policy,
    Problem,
    Question,
    Relation,
    Rule,
    Shape,
)
from reconciler.planner.placement.stand import Stand

ROOM = 11


def fleet(
    hosts: Sequence[Sequence[int]],
    *,
    rooms: Sequence[int] = (),
    rules: Sequence[Rule] = (),
    groups: Sequence[int] = (),
) -> Problem:
    """Hosts of one cluster, with machines of these sizes; each is a component, but for ``groups``."""
    placed = [(host, size) for host, sizes in enumerate(hosts) for size in sizes]
    count, number = len(placed), len(hosts)
    anywhere = np.ones(number, np.bool_)
    return Problem(
        hosts=tuple(f"h{host}" for host in range(number)),
        resources=("memory",),
        room=np.array([[room] for room in rooms or [ROOM] * number], np.int64),
        shapes=tuple(
            Shape(f"m{machine}", groups[machine] if groups else machine, np.array([size]), anywhere)
            for machine, (_, size) in enumerate(placed)
        ),
        shape=np.arange(count),
        home=np.array([host for host, _ in placed], np.int64),
        movable=np.ones(count, np.bool_),
        leaving=np.zeros(count, np.bool_),
        cost=np.array([float(size) for _, size in placed]),
        labels={"host": np.arange(number), "rack": np.arange(number) % 2},
        rules=tuple(rules),
        clusters=(Cluster("all", anywhere, Policy.CONSOLIDATE),),
    )


def used(answer: Answer) -> set[int]:
    return set(answer.host.tolist())


def consolidated(problem: Problem, max_moves: int | None = None, min_gain: float = 0.001) -> Answer:
    """By the search, as if there were too many ways to look at all of them."""
    return rebalance_by(None, at_once=0)(problem, Ask(Question.REBALANCE, max_moves, min_gain))


def test_machines_change_places_where_none_fits_as_it_is() -> None:
    # The only way: 4 beside 7, and 2 beside 6 and 3.
    answer = consolidated(fleet([[6, 3], [7, 2], [4]]))
    assert len(used(answer)) == 2
    assert answer.proven


def test_nobody_changes_places_for_more_than_a_host_is_worth() -> None:
    problem = fleet([[6, 3], [7, 2], [4]])
    assert consolidated(problem, max_moves=1).host.tolist() == problem.home.tolist()
    assert consolidated(problem, min_gain=0.6).host.tolist() == problem.home.tolist()
    stand = Stand(problem, problem.home)
    assert not press(stand, problem.clusters[0], 2, Budget(moves=1, least=0.0, work=1.0))
    assert away(stand) <= 1


@pytest.mark.parametrize("strict", [True, False])
def test_machines_change_places_only_where_their_rules_let_them(strict: bool) -> None:
    # 4 could take the place of 3 or of 2, but for 6 and 7, which are of its component.
    apart = Rule(Relation.APART, 0, "host", 0, strict=strict)
    problem = fleet([[6, 3], [7, 2], [4]], rules=[apart], groups=[0, 1, 0, 2, 0])
    assert consolidated(problem).host.tolist() == problem.home.tolist()
    stand = Stand(problem, problem.home)
    assert not press(stand, problem.clusters[0], 2, Budget(moves=9, least=0.0, work=1.0))
    assert away(stand) == 0


def test_two_that_must_not_meet_do_not_come_together() -> None:
    # Each of the two would be taken by itself, and both at once fill the room.
    apart = Rule(Relation.APART, 0, "host", 0)
    problem = fleet([[7], [2, 2]], rules=[apart], groups=[1, 0, 0])
    stand = Stand(problem, problem.home)
    assert not press(stand, problem.clusters[0], 1, Budget(moves=9, least=0.0, work=1.0))
    assert away(stand) == 1


def test_room_of_one_resource_is_of_use_once_others_have_changed_places() -> None:
    problem = fleet([[1], [1], [1], [1, 1]])
    demand = [[5, 5], [3, 5], [2, 1], [5, 1], [4, 2]]
    shapes = tuple(
        replace(each, demand=np.array(need)) for each, need in zip(problem.shapes, demand, strict=True)
    )
    room = np.full((4, 2), 10)
    problem = replace(problem, shapes=shapes, room=room, resources=("cpus", "memory"))
    assert len(used(consolidated(problem))) == 2


def test_small_hosts_are_emptied_into_large_ones() -> None:
    answer = consolidated(fleet([[1], [4], [4], [5]], rooms=[14, 5, 5, 5]))
    assert used(answer) == {0}


def test_as_many_hosts_as_can_be_are_emptied_where_moves_are_few() -> None:
    answer = consolidated(fleet([[1], [1], [2, 2], [9]], rooms=[14, 14, 5, 14]), max_moves=2)
    assert used(answer) == {2, 3}
