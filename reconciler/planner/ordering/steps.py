"""In which order things are done: what each step needs, and a list in which it comes after that."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from reconciler.actions import Accept, GiveUp
from reconciler.plan import Step
from reconciler.planner.groups import Group
from reconciler.planner.ordering.deeds import Deed, identifier_of, named
from reconciler.planner.ordering.images import image_needed_by, steps_for_images
from reconciler.planner.ordering.mending import Mends
from reconciler.planner.ordering.networks import steps_for_networks
from reconciler.planner.ordering.precedence import precedence_of
from reconciler.planner.ordering.records import Records
from reconciler.planner.ordering.waits import waits_of
from reconciler.planner.replicas import Part, Replica, Replicas
from reconciler.specs.desired import Desired, HostName, InstanceKey
from reconciler.state import Observed


class Turn(NamedTuple):
    """When a deed comes: smaller is earlier."""

    stays: bool
    begins: float
    destroys: bool
    tells: bool
    component: int
    stage: int
    key: InstanceKey
    host: HostName


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be done to instances: the order of their components, what was decided, how it is with their
    replicas, and what the migrations of the past left to be mended.
    """

    order: Sequence[Group]
    deeds: Sequence[Deed] = ()
    replicas: Replicas = field(default_factory=dict)
    mends: Mends = field(default_factory=dict)


def steps_of(work: Work, desired: Desired, observed: Observed, *, wait: bool = False) -> tuple[Step, ...]:
    """The steps of a plan: what migrations left is mended, then images and networks, then what is made or
    changed, then who is told of it, then what is destroyed, then the networks that nothing needs any more.

    What is made is listed in the order in which hosts were found for it, so that a plan made after
    any part of the list finds the same ones again. A wait is listed before the first that needs it;
    with ``wait``, there is one for everybody who has a health check.
    """
    by_id = named(sorted(work.deeds, key=_turns(work.order, work.replicas)))
    mending = tuple(step for _, steps in sorted(work.mends.items()) for step in steps)
    networks = steps_for_networks(by_id, desired, observed, mending)
    mending = networks.led_by(mending)
    if not by_id and not wait:
        return (*dict.fromkeys((*mending, *networks.first)), *networks.last)
    images = steps_for_images((deed.action for deed in by_id.values()), desired, observed)
    precedence = precedence_of(by_id, desired.instances, work.order)
    waits = waits_of(by_id, work.replicas, precedence, everyone=wait)
    steps = {step.id: step for step in (*mending, *images.values(), *networks.first)}
    records = Records.among(by_id)
    moves = {deed.key: deed for deed in by_id.values() if deed.moves}
    for identifier, deed in by_id.items():
        image, needs = image_needed_by(deed.action), waits.needs(identifier, precedence.needs(deed))
        steps |= {step.id: step for step in waits.named(needs) if step.id not in steps}
        if image in images:
            needs = (images[image].id, *needs)
        needs = (*networks.needed_by(deed.action), *needs)
        if deed.act.after:
            needs = (*needs, *(identifier_of(moves[key].action) for key in deed.act.after))
        needs = (*records.needed_by(deed), *needs)
        if deed.key in work.mends:
            needs = (work.mends[deed.key][-1].id, *needs)
        follows = precedence.follows(deed)
        steps[identifier] = Step(identifier, deed.action, deed.act.because, needs, deed.act.forecast, follows)
    steps |= {step.id: step for step in waits.steps.values() if step.id not in steps}
    return (*steps.values(), *networks.last)


_FIRST, _LAST = -1, 9
"""Stages of what is written on machines: before anything of their component is changed, and after it."""


def _turns(order: Sequence[Group], replicas: Replicas) -> Callable[[Deed], Turn]:
    """When each deed comes: destructions last and backwards, undeclared components last of all."""
    place = {group: number for number, group in enumerate(order)}
    stages = {each.instance.key: _stage(each) for group in replicas.values() for each in group}

    def turn(deed: Deed) -> Turn:
        number = place.get(deed.group, -1)
        stage = 0 if deed.destroys else _LAST if isinstance(deed.action, Accept) else stages[deed.key]
        if isinstance(deed.action, GiveUp):
            stage = _FIRST
        component = -number if deed.destroys else number
        # What is remembered of a machine is written when all is done to it, telling it included.
        tells = deed.tells or isinstance(deed.action, Accept)
        begins = deed.act.forecast.begins if deed.act.forecast else 0.0
        return Turn(
            not deed.moves, begins, deed.destroys, tells, component, stage, deed.key, deed.action.host
        )

    return turn


def _stage(replica: Replica) -> int:
    """Of one component, those that come back are first, and those that are taken from health last;
    before each of them who stands in.
    """
    if replica.part is not Part.TAKEN:
        return 0
    return (1 if replica.sick else 3) + (not replica.stands_in)
