"""Small questions "where?", with every kind of rule, some with nobody anywhere and some well filled."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from reconciler.planner.placement.problem import NOWHERE, Integers, Problem, Relation, Rule, Served, Shape

RESOURCES = ("cpus", "memory_mib", "disk_mib", "gpu")


@st.composite
def shapes(draw: st.DrawFn, number: int, hosts: int, groups: int) -> Shape:
    """What machines ask for; some are not admitted where hardly anything is left."""
    wants = st.integers(0, 4)
    least = draw(st.sampled_from([None, None, None, 1, 2]))
    cpus = draw(st.integers(0, 2))

    def admits(_: int, free: Integers) -> bool:
        assert least is not None
        return bool(free[1] >= least)

    return Shape(
        f"shape-{number}",
        draw(st.integers(0, groups - 1)),
        # Who takes most CPUs takes a device as well; hosts of even numbers have two.
        np.array([cpus, draw(wants), draw(st.sampled_from([0, 0, 1])), cpus // 2], np.int64),
        np.array([draw(st.sampled_from([True, True, True, False])) for _ in range(hosts)], np.bool_),
        rank=draw(st.sampled_from([None, np.arange(hosts, dtype=np.float64)])),
        admits=None if least is None else admits,
        priority=draw(st.sampled_from([0, 0, 5])),
    )


@st.composite
def rules(draw: st.DrawFn, groups: int) -> Sequence[Rule]:
    """Any of them; who keeps apart from others has them keep apart from it."""
    found: list[Rule] = []
    for _ in range(draw(st.integers(0, 3))):
        group, other = draw(st.integers(0, groups - 1)), draw(st.integers(0, groups - 1))
        over, strict = draw(st.sampled_from(["host", "rack"])), draw(st.sampled_from([True, True, False]))
        match draw(st.sampled_from(Relation)):
            case Relation.APART:
                found.append(Rule(Relation.APART, group, over, other, strict))
                if other != group:
                    found.append(Rule(Relation.APART, other, over, group, strict))
            case Relation.TOGETHER:
                follows = draw(st.booleans()) and other != group
                found.append(Rule(Relation.TOGETHER, group, over, other, strict, follows=follows))
            case Relation.SPREAD:
                skew = draw(st.integers(1, 2))
                found.append(Rule(Relation.SPREAD, group, over, strict=strict, max_skew=skew))
    return found


@st.composite
def questions(draw: st.DrawFn) -> Problem:
    """At most five that are missing on at most four hosts, and a few that are there."""
    hosts, groups = draw(st.integers(2, 4)), draw(st.integers(1, 3))
    kinds = tuple(draw(shapes(number, hosts, groups)) for number in range(draw(st.integers(1, 4))))
    there, missing = draw(st.integers(0, 3)), draw(st.integers(1, 5))
    machines = there + missing
    home = [draw(st.integers(0, hosts - 1)) for _ in range(there)] + [NOWHERE] * missing
    of_rack = st.sampled_from([0, 0, 1, 1, NOWHERE])
    return Problem(
        hosts=tuple(f"h{number}" for number in range(hosts)),
        resources=RESOURCES,
        room=np.array(
            [[draw(st.integers(1, 6)), draw(st.integers(2, 9)), 3, 2 * (at % 2 == 0)] for at in range(hosts)],
            np.int64,
        ),
        shapes=kinds,
        shape=np.array([draw(st.integers(0, len(kinds) - 1)) for _ in range(machines)], np.int64),
        home=np.array(home, np.int64),
        movable=np.array([False] * machines, np.bool_),
        leaving=np.array(
            [draw(st.sampled_from([False, False, True])) for _ in range(there)] + [False] * missing
        ),
        cost=np.zeros(machines, np.float64),
        labels={
            "host": np.arange(hosts, dtype=np.int64),
            "rack": np.array([draw(of_rack) for _ in range(hosts)], np.int64),
        },
        rules=tuple(draw(rules(groups))),
        closed=np.array([draw(st.sampled_from([False] * 4 + [True])) for _ in range(hosts)], np.bool_),
        served=draw(turns(there, missing)),
    )


@st.composite
def turns(draw: st.DrawFn, there: int, missing: int) -> Served:
    """Those who are missing in their order; before, between and after them some of those who are there."""
    late = st.integers(0, 2 * missing)
    turn = [2 * draw(late) if draw(st.booleans()) else NOWHERE for _ in range(there)]
    turn += range(1, 2 * missing, 2)
    service = [draw(st.integers(0, 2)) for _ in turn]
    return Served(np.array(turn, np.int64), np.array(service, np.int64))
