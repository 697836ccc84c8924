"""The question as JSON and the answer from JSON, for schedulers that are another process.

Hosts, shapes, groups and machines are numbers; what many shapes share (which hosts, which ranks) is written
once (docs/schedulers.md). Functions cannot be written: whoever reads the question sees ranks and conditions
as of now.
"""

from __future__ import annotations

import json
import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from reconciler.planner.placement.problem import (
    NOWHERE,
    Answer,
    Ask,
    Cluster,
    Flags,
    Problem,
    Reals,
    Rule,
    Shape,
)

FORMAT_VERSION = 1


class Garbled(ValueError):
    """What was printed is no answer; the text says why."""


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    format_version: int
    places: list[int | None]
    notes: list[Annotated[str, Field(max_length=1000)]] = Field(default_factory=list, max_length=100)


def write_question(problem: Problem, ask: Ask) -> bytes:
    """The question as one JSON object."""
    return json.dumps(_question(problem, ask), allow_nan=False, separators=(",", ":")).encode()


def read_answer(data: bytes, by: str) -> Answer:
    """The answer of whoever is called ``by``. Raises Garbled for anything else."""
    try:
        said = _Answer.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Garbled(f"it printed no answer: {where + ': ' if where else ''}{first['msg']}") from None
    if said.format_version != FORMAT_VERSION:
        raise Garbled(f"it answered in format_version {said.format_version}, not {FORMAT_VERSION}")
    try:
        host = np.array([NOWHERE if each is None else each for each in said.places], np.int64)
    except OverflowError:
        raise Garbled("it names a host that there is not") from None
    if any(each is not None and each < 0 for each in said.places):
        raise Garbled("it names a host that there is not")
    return Answer(host, by, notes=tuple(said.notes))


def _question(problem: Problem, ask: Ask) -> dict[str, object]:
    written = _Written(problem)
    shapes = [written.shape(each) for each in problem.shapes]
    return {
        "format_version": FORMAT_VERSION,
        "question": ask.question.value,
        "max_moves": ask.max_moves,
        "min_gain": ask.min_gain,
        "effort": ask.effort,
        "resources": list(problem.resources),
        "hosts": [written.host(number) for number in range(len(problem.hosts))],
        "clusters": [_cluster(each) for each in problem.clusters],
        "host_sets": written.host_sets.rows,
        "ranks": written.ranks.rows,
        "shapes": shapes,
        "machines": [_machine(problem, number) for number in range(len(problem.home))],
        "rules": [_rule(each) for each in problem.rules],
    }


@dataclass(slots=True)
class _Table:
    """Rows that are written once, however many refer to them."""

    rows: list[object] = field(default_factory=list)
    _numbers: dict[Hashable, int] = field(default_factory=dict)

    def number(self, row: Sequence[object]) -> int:
        key = tuple(row)
        if key not in self._numbers:
            self._numbers[key] = len(self.rows)
            self.rows.append(list(row))
        return self._numbers[key]


class _Written:
    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.host_sets, self.ranks = _Table(), _Table()
        self._sets: dict[bytes, int] = {}
        self._admitted: dict[Hashable, int] = {}
        self._free = problem.room.copy()
        for number, at in enumerate(problem.home.tolist()):
            if at != NOWHERE:
                self._free[at] -= problem.shapes[problem.shape[number]].demand

    def host(self, number: int) -> dict[str, object]:
        problem = self.problem
        size = problem.room if problem.size is None else problem.size
        return {
            "name": problem.hosts[number],
            "room": problem.room[number].tolist(),
            "size": size[number].tolist(),
            "closed": problem.closed is not None and bool(problem.closed[number]),
            "labels": {over: _number(values[number]) for over, values in problem.labels.items()},
        }

    def shape(self, shape: Shape) -> dict[str, object]:
        return {
            "name": shape.name,
            "group": shape.group,
            "demand": shape.demand.tolist(),
            "allowed": self._set(shape.allowed),
            "admitted": None if shape.admits is None else self._let_in(shape),
            "rank": None if shape.rank is None else self.ranks.number(_finite(shape.rank)),
            "priority": shape.priority,
        }

    def _set(self, flags: Flags) -> int:
        key = flags.tobytes()
        if key not in self._sets:
            self._sets[key] = self.host_sets.number(np.flatnonzero(flags).tolist())
        return self._sets[key]

    def _let_in(self, shape: Shape) -> int:
        admits = shape.admits
        assert admits is not None, "asked only where there is a condition"
        if admits not in self._admitted:
            answers = [admits(host, self._free[host]) for host in range(len(self.problem.hosts))]
            self._admitted[admits] = self._set(np.array(answers, np.bool_))
        return self._admitted[admits]


def _cluster(cluster: Cluster) -> dict[str, object]:
    return {
        "name": cluster.name,
        "hosts": np.flatnonzero(cluster.hosts).tolist(),
        "policy": cluster.policy.value,
        "spare": cluster.spare,
        "weights": list(cluster.weights),
    }


def _machine(problem: Problem, number: int) -> dict[str, object]:
    return {
        "name": problem.names[number] if problem.names else str(number),
        "shape": int(problem.shape[number]),
        "host": _number(problem.home[number]),
        "movable": bool(problem.movable[number]),
        "leaving": bool(problem.leaving[number]),
        "cost": float(problem.cost[number]),
        "turn": None if problem.served is None else _number(problem.served.turn[number]),
        "service": None if problem.served is None else _number(problem.served.service[number]),
    }


def _rule(rule: Rule) -> dict[str, object]:
    return {
        "relation": rule.relation.value,
        "group": rule.group,
        "other": _number(rule.other),
        "over": rule.over,
        "strict": rule.strict,
        "max_skew": rule.max_skew,
        "follows": rule.follows,
        "moves": rule.moves,
    }


def _number(value: int | np.int64) -> int | None:
    return None if value == NOWHERE else int(value)


def _finite(rank: Reals) -> list[float | None]:
    return [each if math.isfinite(each) else None for each in rank.tolist()]
