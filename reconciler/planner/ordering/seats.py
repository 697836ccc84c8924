"""Who is on which segment: a host is a member for as long as a machine there has a card on it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from reconciler.actions import (
    Action,
    Create,
    Destroy,
    Migrate,
    Replace,
    Resume,
    Start,
    Stop,
    Update,
)
from reconciler.plan import Step, StepId
from reconciler.planner.ordering.deeds import Deed, Deeds
from reconciler.planner.wires import segments_in, segments_of_state
from reconciler.specs.desired import HostName, InstanceUuid
from reconciler.state import Observed


def segments_needed_by(action: Action) -> frozenset[str]:
    """Bridges of the segments that must be on the action's host before it."""
    match action:
        case Create(instance=instance) | Update(instance=instance) | Replace(instance=instance):
            return segments_in(instance.machine.nics)
        case Start(before=before) | Migrate(before=before) | Resume(before=before):
            return segments_in(before.applied.nics)
        case _:
            return frozenset()


@dataclass(slots=True)
class Seats:
    """Who is on one segment: hosts with a machine that stays or comes, and where one leaves, its steps.

    On hosts that are ``visited`` a machine starts that leaves in the same plan.
    """

    staying: set[HostName] = field(default_factory=set)
    leaving: dict[HostName, list[StepId]] = field(default_factory=dict)
    visited: set[HostName] = field(default_factory=set)

    def leave(self, host: HostName, step: StepId) -> None:
        """A machine leaves the host by that step."""
        steps = self.leaving.setdefault(host, [])
        if step not in steps:
            steps.append(step)

    @property
    def everyone(self) -> set[HostName]:
        """Members at some time of the plan."""
        return self.staying | self.leaving.keys()

    def left(self, host: HostName) -> bool:
        """Whether the host is no member at the end."""
        return host not in self.staying


def seats_of(deeds: Deeds, mending: Iterable[Step], observed: Observed) -> Mapping[str, Seats]:
    """By bridge."""
    # Who goes on may leave the host in the same plan: its segments are there for as long as it runs.
    seats: dict[str, Seats] = {}
    for step in mending:
        for bridge in segments_needed_by(step.action):
            seats.setdefault(bridge, Seats()).visited.add(step.host)
    _add_deeds(seats, deeds, observed)
    return seats


def _add_deeds(seats: dict[str, Seats], deeds: Deeds, observed: Observed) -> None:
    named: dict[tuple[HostName, InstanceUuid], tuple[StepId, Deed]] = {}
    retired = {_uuid(deed.action) for deed in deeds.values() if deed.destroys}
    for identifier, deed in deeds.items():
        if deed.records:
            continue  # it stays where it is, whatever becomes of it
        # Of what is made and goes again in one plan, the last counts.
        named[_where(deed.action), _uuid(deed.action)] = (identifier, deed)
        if isinstance(deed.action, Destroy):
            for bridge in segments_of_state(deed.action.before):
                seats.setdefault(bridge, Seats()).leave(deed.action.host, identifier)
        elif not isinstance(deed.action, Start | Stop):
            for bridge in segments_needed_by(deed.action):
                seat = seats.setdefault(bridge, Seats())
                (seat.visited if _uuid(deed.action) in retired else seat.staying).add(deed.action.host)
    for host in observed.hosts:
        for state in host.instances:
            found = named.get((host.host, state.uuid))
            for bridge in segments_of_state(state):
                seat = seats.setdefault(bridge, Seats())
                if found is None or _stays(found[1].action, bridge):
                    seat.staying.add(host.host)
                else:
                    seat.leave(host.host, found[0])


def _where(action: Action) -> HostName:
    """The host that has the machine before."""
    return action.from_host if isinstance(action, Migrate) else action.host


def _uuid(action: Action) -> InstanceUuid:
    match action:
        case Create(instance=instance) | Update(instance=instance) | Replace(instance=instance):
            return instance.uuid
        case Destroy(before=before) | Start(before=before) | Stop(before=before) | Migrate(before=before):
            return before.uuid
        case _:
            raise AssertionError(f"{action} is not done to an instance")


def _stays(action: Action, bridge: str) -> bool:
    """Whether a machine that is on a segment is on it afterwards, on the same host."""
    if isinstance(action, Migrate):
        return False
    return isinstance(action, Start | Stop) or bridge in segments_needed_by(action)
