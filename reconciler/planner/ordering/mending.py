"""What has to be put right after migrations, before anything else is done to their machines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from reconciler.actions import Resume, Settle
from reconciler.plan import Cause, Step, StepId
from reconciler.planner.verdicts import Case
from reconciler.sighting import Running, Stopped, Stranded
from reconciler.specs.desired import Fleet, HostName, InstanceKey
from reconciler.state import InstanceState, Observed

Mends = Mapping[InstanceKey, tuple[Step, ...]]
"""What is to be mended about each machine, in order."""


def mends_of(cases: Iterable[Case], observed: Observed, fleet: Fleet) -> Mends:
    """Machines that wait to go on, then what migrations left over; a silent host's share waits."""
    mends = {}
    for case in cases:
        if isinstance(case.sighting, Running | Stopped | Stranded):
            steps = tuple(_steps(case.sighting, observed, fleet))
            if steps:
                mends[case.sighting.state.key] = steps
    return mends


def _steps(seen: Running | Stopped | Stranded, observed: Observed, fleet: Fleet) -> Iterator[Step]:
    state, needs = seen.state, tuple[StepId, ...]()
    if isinstance(seen, Stranded):
        assert state.journey is not None, "only a journey leaves a machine standing still"
        resume, destination = StepId(f"resume/{state.name}"), state.journey.destination
        other, why = state.journey.other_end(state.host), f"its migration to {destination} came to nothing"
        if state.host == destination:
            why = f"its migration from {other} was cut short when all was here"
        yield Step(resume, Resume(state.host, other, state), (Cause(why),))
        needs = (resume,)
    left = _left_behind(seen, observed, fleet)
    if left is not None:
        yield Step(StepId(f"settle/{state.name}"), left, tuple(_why(left, seen.twin)), needs)


def _left_behind(seen: Running | Stopped | Stranded, observed: Observed, fleet: Fleet) -> Settle | None:
    state, other = seen.state, _other_end(seen)
    if other is None:
        return None if state.persistent else Settle(state.host, None, state)
    if other in {unknown.host for unknown in observed.unknown}:
        return None
    # A host that has left the fleet is not asked any more.
    share = other in fleet.sharing(state.host)
    return Settle(state.host, other if observed.host(other) is not None else None, state, share)


def _other_end(seen: Running | Stopped | Stranded) -> HostName | None:
    state, twin = seen.state, seen.twin
    if twin is not None:
        return twin.host
    return state.journey.other_end(state.host) if state.journey is not None else None


def _why(settle: Settle, twin: InstanceState | None) -> Iterator[Cause]:
    state = settle.before
    if twin is not None:
        what = f"{twin.power} ({twin.detail})" if twin.detail else str(twin.power)
        yield Cause(f"a migration left a twin on {twin.host}: {what}")
    elif state.journey is not None:
        journey = state.journey
        yield Cause(f"its migration from {journey.source} to {journey.destination} is not tidied up")
    if not state.persistent:
        yield Cause("a migration left it without a definition: it would be gone once it is off")
