"""The other end of ``written``: the question from JSON and the answer as JSON, for schedulers in Python."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from reconciler.planner.placement.problem import (
    NOWHERE,
    Answer,
    Ask,
    Cluster,
    Flags,
    Integers,
    Policy,
    Problem,
    Question,
    Reals,
    Relation,
    Rule,
    Served,
    Shape,
)
from reconciler.planner.placement.written import FORMAT_VERSION

_Json = dict[str, Any]


def read_question(data: bytes) -> tuple[Problem, Ask]:
    """What ``write_question`` wrote; conditions and ranks are as they were then, whatever is free."""
    asked: _Json = json.loads(data)
    hosts, machines = asked["hosts"], asked["machines"]
    sets = [_flags(each, len(hosts)) for each in asked["host_sets"]]
    ranks = [_rank(each) for each in asked["ranks"]]
    # One function for one set: shapes that ask the same have the same.
    lets_in = [_lets_in(each) for each in sets]
    problem = Problem(
        hosts=tuple(each["name"] for each in hosts),
        resources=tuple(asked["resources"]),
        room=_rows([each["room"] for each in hosts], len(asked["resources"])),
        shapes=tuple(_shape(each, sets, ranks, lets_in) for each in asked["shapes"]),
        shape=np.array([each["shape"] for each in machines], np.int64),
        home=_places([each["host"] for each in machines]),
        movable=np.array([each["movable"] for each in machines], np.bool_),
        leaving=np.array([each["leaving"] for each in machines], np.bool_),
        cost=np.array([each["cost"] for each in machines], np.float64),
        labels={
            over: _places([each["labels"][over] for each in hosts])
            for over in (hosts[0]["labels"] if hosts else ())
        },
        rules=tuple(map(_rule, asked["rules"])),
        clusters=tuple(_cluster(each, len(hosts)) for each in asked["clusters"]),
        names=tuple(each["name"] for each in machines),
        closed=np.array([each["closed"] for each in hosts], np.bool_),
        size=_rows([each["size"] for each in hosts], len(asked["resources"])),
        served=_served(machines),
    )
    ask = Ask(Question(asked["question"]), asked["max_moves"], asked["min_gain"], asked["effort"])
    return problem, ask


def write_answer(answer: Answer) -> bytes:
    """The answer as one JSON object."""
    places = [None if each == NOWHERE else each for each in np.asarray(answer.host).tolist()]
    said = {"format_version": FORMAT_VERSION, "places": places, "notes": list(answer.notes)}
    return json.dumps(said, separators=(",", ":")).encode()


def _served(machines: Sequence[_Json]) -> Served | None:
    if all(each["turn"] is None for each in machines):
        return None
    turn, service = ([each[name] for each in machines] for name in ("turn", "service"))
    return Served(_places(turn), _places(service))


def _shape(
    said: _Json, sets: Sequence[Flags], ranks: Sequence[Reals], lets_in: Sequence[Callable[..., bool]]
) -> Shape:
    return Shape(
        said["name"],
        said["group"],
        np.array(said["demand"], np.int64),
        sets[said["allowed"]],
        rank=None if said["rank"] is None else ranks[said["rank"]],
        admits=None if said["admitted"] is None else lets_in[said["admitted"]],
        priority=said["priority"],
    )


def _lets_in(hosts: Flags) -> Callable[[int, Integers], bool]:
    return lambda host, _: bool(hosts[host])


def _rule(said: _Json) -> Rule:
    other = NOWHERE if said["other"] is None else said["other"]
    return Rule(**{**said, "relation": Relation(said["relation"]), "other": other})


def _cluster(said: _Json, count: int) -> Cluster:
    hosts = _flags(said["hosts"], count)
    return Cluster(said["name"], hosts, Policy(said["policy"]), said["spare"], tuple(said["weights"]))


def _flags(numbers: Sequence[int], count: int) -> Flags:
    flags = np.zeros(count, np.bool_)
    flags[list(numbers)] = True
    return flags


def _rank(values: Sequence[float | None]) -> Reals:
    return np.array([float("-inf") if each is None else each for each in values], np.float64)


def _places(values: Sequence[int | None]) -> Integers:
    return np.array([NOWHERE if each is None else each for each in values], np.int64)


def _rows(rows: Sequence[Sequence[int]], width: int) -> Integers:
    return np.array(rows, np.int64).reshape(-1, width)
