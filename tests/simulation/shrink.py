"""Make a failing schedule small: delta debugging over its list of faults, and then over each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from tests.simulation.faults import Fault
from tests.simulation.scenario import Result, Scenario
from tests.simulation.simulation import simulate

Run = Callable[[Scenario], Result]


def shrunk(result: Result, run: Run = simulate) -> Result:
    """A result that breaks the same law with as few faults as can be found by leaving out and rounding."""
    best = result
    size = max(1, len(best.scenario.faults) // 2)
    while size:
        for faults in _without(best.scenario.faults, size):
            tried = run(replace(best.scenario, faults=faults))
            if tried.law == result.law:
                best = tried
                break
        else:
            size //= 2
    return _rounded(best, run)


def _without(faults: Sequence[Fault], size: int) -> Iterator[tuple[Fault, ...]]:
    for start in range(0, len(faults), size):
        yield (*faults[:start], *faults[start + size :])


def _rounded(result: Result, run: Run) -> Result:
    """Plain numbers where they do as well."""
    best = result
    for place, fault in enumerate(result.scenario.faults):
        plain = replace(fault, at=round(fault.at), seconds=round(fault.seconds))
        now = best.scenario.faults
        tried = run(replace(best.scenario, faults=(*now[:place], plain, *now[place + 1 :])))
        if tried.law == result.law:
            best = tried
    return best
