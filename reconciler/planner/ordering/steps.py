"""In which order things are done: what each step needs, and a list in which it comes after that."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from reconciler.plan import Step
from reconciler.planner.groups import Group
from reconciler.planner.ordering.components import order_of
from reconciler.planner.ordering.deeds import Deed, named
from reconciler.planner.ordering.images import image_step, steps_for_images
from reconciler.planner.ordering.networks import steps_for_networks
from reconciler.planner.ordering.precedence import precedence_of
from reconciler.specs.desired import Desired, HostName, InstanceKey
from reconciler.state import Observed


class Turn(NamedTuple):
    """When a deed comes: smaller is earlier."""

    destroys: bool
    tells: bool
    component: int
    key: InstanceKey
    host: HostName


def steps_of(deeds: Iterable[Deed], desired: Desired, observed: Observed) -> tuple[Step, ...]:
    """The steps of a plan: images and networks, then what is made or changed, then who is told of it, then
    what is destroyed, then the networks that nothing needs any more.

    What is made is listed in the order in which hosts were found for it, so that a plan made after
    any part of the list finds the same ones again.
    """
    order = order_of(desired.instances)
    by_id = named(sorted(deeds, key=_turns(order)))
    networks = steps_for_networks(by_id, desired, observed)
    if not by_id:
        return (*networks.first, *networks.last)
    images = steps_for_images((deed.action for deed in by_id.values()), desired, observed)
    precedence = precedence_of(by_id, desired.instances, order)
    steps = [*images.values(), *networks.first]
    for identifier, deed in by_id.items():
        image, needs = image_step(deed.action), precedence.needs(deed)
        if image in images:
            needs = (image, *needs)
        needs = (*networks.needed_by(deed.action), *needs)
        steps.append(Step(identifier, deed.action, deed.act.because, needs))
    return (*steps, *networks.last)


def _turns(order: Sequence[Group]) -> Callable[[Deed], Turn]:
    """When each deed comes: destructions last and backwards, undeclared components last of all."""
    place = {group: number for number, group in enumerate(order)}

    def turn(deed: Deed) -> Turn:
        number = place.get(deed.group, -1)
        return Turn(
            deed.destroys, deed.tells, -number if deed.destroys else number, deed.key, deed.action.host
        )

    return turn
