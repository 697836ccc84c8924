"""The law of availability: of no component are more replicas away by our doing than are allowed to be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.actions import Replace, Update
from reconciler.actuators.sim.effects import PowerOff
from reconciler.actuators.sim.things import Box, Domain
from reconciler.planner.groups import Group, group_of
from reconciler.specs.desired import Instance, InstanceKey, InstanceUuid
from reconciler.specs.health import Order
from reconciler.state import Power
from tests.simulation.places import Happened, Place


@dataclass
class Away:
    """Whom we took away: they run no more, or are about to, and have not come back."""

    declared: Mapping[InstanceUuid, Instance] = field(default_factory=dict)
    taken: dict[InstanceUuid, InstanceKey] = field(default_factory=dict)

    def happened(self, event: Happened, places: Sequence[Place], *, since: float) -> str | None:
        """What is wrong once this has happened.

        Whoever was taken away is back once it runs, and once it has booted and is well where it can be asked.
        Where another is to come first, as many may be away as stand in, or did ``since`` then: nobody sees a
        host die in the time that a guest takes to shut down.
        """
        effect, action = event.effect, event.action
        self.taken = {uuid: key for uuid, key in self.taken.items() if not self._is_back(uuid, places)}
        if not isinstance(effect, PowerOff) or not isinstance(action, Update | Replace):
            return None
        before = event.before.domains.get(effect.uuid)
        if before is None or before.power is not Power.RUNNING:
            return None
        self.taken[effect.uuid] = action.instance.key
        group, update = group_of(action.instance.key), action.instance.update
        away = [key for uuid, key in self.taken.items() if group_of(key) == group and uuid in self.declared]
        first = update.order is Order.START_FIRST
        if not _works(event.before, before, action.instance):
            return None  # it was away already, and this may be its cure
        most = len(_standing_in(places, action.instance, since)) if first else update.parallelism
        if len(away) <= most or (not most and not first):
            return None
        return f"{', '.join(sorted(key.name for key in away))} are away by our doing, {most} may be"

    def _is_back(self, uuid: InstanceUuid, places: Sequence[Place]) -> bool:
        found = [place.box for place in places if uuid in place.box.domains]
        wanted = self.declared.get(uuid)
        return not found or any(_works(box, box.domains[uuid], wanted) for box in found)


def _standing_in(places: Sequence[Place], wanted: Instance, since: float) -> set[InstanceUuid]:
    """Those of a component that work, or did just now, and are there only while it is changed."""
    boxes = (box for place in places for box in (place.box, *place.boxes_since(since)))
    group = group_of(wanted.key)
    return {uuid for box in boxes for uuid in _surplus(box, group) if _works(box, box.domains[uuid], wanted)}


def _surplus(box: Box, group: Group) -> Iterator[InstanceUuid]:
    for uuid, domain in box.domains.items():
        if domain.mark is not None and domain.mark.applied.surge and group_of(domain.mark.key) == group:
            yield uuid


def _works(box: Box, domain: Domain, wanted: Instance | None) -> bool:
    """Whether a machine's guest has booted and is well, as far as its service asks."""
    if domain.power is not Power.RUNNING:
        return False
    if wanted is None or wanted.health is None or domain.mark is None:
        return True
    return domain.booted and not domain.sick and box.sick_images.isdisjoint(domain.mark.applied.image.digests)
