"""Who stays where it is in a rebalance because it was moved a short while ago: nobody goes to and fro.

All times are of one wall clock. One that was put back shows moves that are yet to come: those hold nobody.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np

from reconciler.planner.placement.problem import Problem
from reconciler.specs.desired import Fleet, InstanceName
from reconciler.state import Observed

_FEW = 3
"""How many are told by name."""


def longest_hold(fleet: Fleet) -> timedelta:
    """Moves that are older than this hold nobody."""
    return timedelta(seconds=max((fleet.cluster(host.cluster).hold_s for host in fleet.hosts), default=0))


def held_until(
    fleet: Fleet, observed: Observed, moved: Mapping[str, datetime], *, now: datetime
) -> dict[InstanceName, datetime]:
    """Who is held, and until when; ``moved`` says when instances were moved last, by name."""
    held = {}
    for host in fleet.hosts:
        hold = timedelta(seconds=fleet.cluster(host.cluster).hold_s)
        seen = observed.host(host.name)
        for state in seen.instances if seen is not None else ():
            at = moved.get(state.name)
            if at is not None and at <= now < at + hold:
                held[state.name] = at + hold
    return held


def without_held(problem: Problem, held: Mapping[InstanceName, datetime]) -> Problem:
    """The same question, in which who is held is not moved."""
    free = np.array([name not in held for name in problem.names], np.bool_)
    return replace(problem, movable=problem.movable & free)


def told_of_held(problem: Problem, held: Mapping[InstanceName, datetime]) -> Iterator[str]:
    """One note about those that would be movable if they were not held; none where nobody would."""
    movable = zip(problem.names, problem.movable.tolist(), strict=True)
    names = sorted(InstanceName(name) for name, may in movable if may and name in held)
    if not names:
        return
    if len(names) <= _FEW:
        who = ", ".join(f"{name} (until {_text(held[name])})" for name in names)
    else:
        ends = sorted(held[name] for name in names)
        who = f"{len(names)} instances (the first until {_text(ends[0])}, the last until {_text(ends[-1])})"
    yield f"moved lately, and held where they are: {who}"


def _text(at: datetime) -> str:
    """In whole seconds, the last of which is over by then."""
    whole = at.astimezone(UTC) + timedelta(microseconds=999_999)
    return f"{whole:%Y-%m-%dT%H:%M:%SZ}"
