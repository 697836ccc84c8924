"""What has to be put right after migrations, before anything else is done to their machines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from reconciler.actions import Resume, Settle
from reconciler.plan import Cause, Step, StepId
from reconciler.planner.verdicts import Case
from reconciler.planner.wires import segments_in
from reconciler.sighting import Known, Stranded
from reconciler.specs.desired import Desired, Fleet, HostName, InstanceKey
from reconciler.state import InstanceState, Observed, Power

Mends = Mapping[InstanceKey, tuple[Step, ...]]
"""What is to be mended about each machine, in order."""


def mends_of(cases: Iterable[Case], observed: Observed, desired: Desired) -> Mends:
    """Machines that wait to go on, then what migrations left over; a silent host's share waits."""
    mends = {}
    for case in cases:
        if isinstance(case.sighting, Known):
            steps = tuple(_steps(case.sighting, observed, desired))
            if steps:
                mends[case.sighting.state.key] = steps
    return mends


def _steps(seen: Known, observed: Observed, desired: Desired) -> Iterator[Step]:
    state, needs = seen.state, tuple[StepId, ...]()
    if isinstance(seen, Stranded) and not _has_lost_its_segment(state, observed, desired):
        assert state.journey is not None, "only a journey leaves a machine standing still"
        resume, destination = StepId(f"resume/{state.name}"), state.journey.destination
        other, why = state.journey.other_end(state.host), f"its migration to {destination} came to nothing"
        if state.host == destination:
            why = f"its migration from {other} was cut short when all was here"
        yield Step(resume, Resume(state.host, other, state), (Cause(why),))
        needs = (resume,)
    left = _left_behind(seen, observed, desired.fleet)
    if left is not None:
        yield Step(StepId(f"settle/{state.name}"), left, tuple(_why(left, seen.twin)), needs)


def _has_lost_its_segment(state: InstanceState, observed: Observed, desired: Desired) -> bool:
    """Whether it is off, where all of it is still to come back to, and a segment that it needs was given up
    since, so that it cannot be started: neither its host has that any more nor do the files declare it.
    """
    assert state.journey is not None, "only a journey leaves a machine standing still"
    if state.power is not Power.STOPPED or state.host != state.journey.source:
        return False
    host = observed.host(state.host)
    there = (host.segments if host is not None else None) or ()
    known = {each.bridge for each in desired.segments} | {each.bridge for each in there}
    return not known.issuperset(segments_in(state.applied.nics))


def _left_behind(seen: Known, observed: Observed, fleet: Fleet) -> Settle | None:
    state, other = seen.state, _other_end(seen)
    if other is None:
        return None if state.persistent else Settle(state.host, None, state)
    if other in {unknown.host for unknown in observed.unknown}:
        return None
    # A host that has left the fleet is not asked any more.
    share = other in fleet.sharing(state.host)
    return Settle(state.host, other if observed.host(other) is not None else None, state, share)


def _other_end(seen: Known) -> HostName | None:
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
