"""The laws: safety at every effect, and what must have become of the fleet in the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import product
from typing import TYPE_CHECKING

from reconciler.actions import Action, Create, Destroy, Migrate, Replace, Settle, Stop, Update
from reconciler.actuators.links import Link, seen_by
from reconciler.actuators.sim.effects import (
    AddVolume,
    Arrive,
    Define,
    DropLink,
    DropVolume,
    GoOn,
    PowerOff,
    PowerOn,
    PutLink,
    Undefine,
)
from reconciler.actuators.sim.host import PHYSICAL
from reconciler.actuators.sim.things import Box, Domain, VolumeId
from reconciler.actuators.sim.view import view
from reconciler.plan import Step
from reconciler.planner import confirmed
from reconciler.planner.groups import group_of
from reconciler.report import Done, StepReport
from reconciler.specs.desired import (
    Form,
    HostName,
    Instance,
    InstanceUuid,
    OnDelete,
    Resources,
)
from reconciler.specs.fingerprint import digest_of_form
from reconciler.specs.health import OnFailure
from reconciler.state import MIGRATING, HostState, Observed, Power
from tests.simulation.availability import Away
from tests.simulation.places import STALEST, Happened, Place

if TYPE_CHECKING:
    from tests.simulation.controllers import Controller

WINDOW = timedelta(hours=1)
BLINK = STALEST + 1.0
"""Seconds between a look, as stale as it may be, and what is done upon it."""


@dataclass
class Laws:
    """Watches the truth, and writes down what breaks a law."""

    fleet: str
    places: tuple[Place, ...]
    now: Callable[[], datetime]
    broken: list[str] = field(default_factory=list)
    calm: bool = False
    retained: set[VolumeId] = field(default_factory=set)
    abandoned: set[VolumeId] = field(default_factory=set)
    leftover: set[tuple[str, VolumeId]] = field(default_factory=set)
    """Disks that a migration of ours has copied, where their machine does not run: by host."""
    _paused: dict[tuple[str, InstanceUuid], float] = field(default_factory=dict)
    _destroyed: list[tuple[datetime, InstanceUuid]] = field(default_factory=list)
    _allowed: dict[InstanceUuid, int] = field(default_factory=dict)
    _away: Away = field(default_factory=Away)
    _asked: dict[InstanceUuid, datetime] = field(default_factory=dict)

    def breach(self, law: str, what: str) -> None:
        self.broken.append(f"{_time():.3f} {law}: {what}")

    # When an action begins

    def performing(self, controller: Controller, place: Place, action: Action) -> None:
        name = f"{type(action).__name__} on {place.name}"
        if self.calm:
            self.breach("calm", f"{name} although everything was as it should be")
        shown = controller.shown
        step = next((step for step in shown.plan.steps if step.action == action), None) if shown else None
        if shown is None or step is None:
            self.breach("faithful", f"{name} is not in the plan that was shown")
            return
        self._faithful(controller, step)
        self._away.declared = {each.uuid: each for each in shown.desired.instances}
        if isinstance(action, Create):
            self._creating(shown.observed, action)
        if isinstance(action, Destroy):
            self._destroying(controller, action)
        if isinstance(action, Create | Replace | Update):
            self._trying(shown.observed, step, action.instance)
        if isinstance(action, Destroy | Replace) and self._protected(place, action.before.uuid):
            self.breach("mercy", f"{step.id} takes what is protected")
        if isinstance(action, Destroy | Replace | Update | Stop):
            since = self._paused.get((place.name, action.before.uuid))
            if since is not None and since < _time() - BLINK:
                self.breach("mercy", f"{step.id} is done to what was paused since {since:.1f}")

    def _trying(self, observed: Observed, step: Step, instance: Instance) -> None:
        """Nobody is made into a form of which a replica that was seen says that it was refused."""
        if instance.update.on_failure is not OnFailure.ROLLBACK or instance.form is not Form.WRITTEN:
            return
        form, group = digest_of_form(instance), group_of(instance.key)
        for host in observed.hosts:
            for state in host.instances:
                if group_of(state.key) == group and state.refused == form:
                    self.breach("refused", f"{step.id} tries what {state.name} says was refused")

    def _faithful(self, controller: Controller, step: Step) -> None:
        """It comes in its turn, is written down, and its plan comes from looks under the lock."""
        if step.id not in controller.journal.open:
            self.breach("journal", f"{step.id} has no intent in the journal")
        if early := [need for need in step.needs if need not in controller.done]:
            self.breach("faithful", f"{step.id} is begun, and needs {early}")
        if early := [other for other in step.follows if other not in controller.reported]:
            self.breach("faithful", f"{step.id} is begun, and follows {early}")
        if step.id in controller.resting and controller.resting[step.id] > _time():
            self.breach("patience", f"{step.id} is begun again at once after it failed")
        assert controller.shown is not None
        for state in controller.shown.observed.hosts:
            locked, looked = controller.locked.get(state.host), controller.looked[state.host, id(state)]
            if locked is None or looked < locked:
                self.breach("faithful", f"{step.id} relies on a look at {state.host} without its lock")

    def _creating(self, observed: Observed, action: Create) -> None:
        """Nothing is made while it is, or may be, elsewhere; a twin that was seen is gone by then."""
        uuid = action.instance.uuid
        if uuid in observed.by_uuid:
            seen = {state.host for state in observed.by_uuid[uuid]}
            there = {place.name for place in self.places if uuid in place.box.domains}
            if action.host not in seen or seen & there - {action.host}:
                self.breach(
                    "never twice", f"{action.instance.name} is made on {action.host} and seen elsewhere"
                )
        elif observed.unknown:
            self.breach(
                "never twice", f"{action.instance.name} is made while it may be on {observed.unknown}"
            )

    def ended(self, controller: Controller, report: StepReport) -> None:
        """A step has its outcome: one that is done was seen done lately."""
        step = report.step
        if not isinstance(report.outcome, Done):
            return
        views = [self._seen_lately(host) for host in step.hosts]
        if not any(confirmed(step, *states) for states in product(*views)):
            self.breach("honest", f"{controller.name} calls {step.id} done, and it is not")

    def _seen_lately(self, host: HostName) -> list[HostState]:
        place = next(place for place in self.places if place.host.name == host)
        boxes = (place.box, *place.boxes_since(_time() - BLINK))
        return [view(box, self.fleet, place.host.capacity or PHYSICAL) for box in boxes]

    def _destroying(self, controller: Controller, action: Destroy) -> None:
        shown, name = controller.shown, action.before.name
        assert shown is not None
        if not controller.loads:
            self.breach("mercy", f"{name} is destroyed on the word of files that do not load")
        if not shown.desired.services:
            self.breach("mercy", f"{name} is destroyed on the word of an empty directory")
        if action.before.uuid in {each.uuid for each in shown.desired.instances}:
            self.breach("mercy", f"{name} is destroyed although it is declared")
        if silent := [unknown.host for unknown in shown.observed.unknown]:
            self.breach("mercy", f"{name} is destroyed while it may be on {silent}")
        budget = shown.desired.fleet.deletes
        existing = sum(len(host.instances) for host in shown.observed.hosts) + self.destroyed()
        self._asked[action.before.uuid] = self.now()
        self._allowed[action.before.uuid] = max(budget.max, existing * budget.percent // 100)

    def destroyed(self) -> int:
        """How many instances have lost anything to a destruction within the last hour, by the wall clock."""
        now = self.now()
        return len({uuid for at, uuid in self._destroyed if now - WINDOW < at <= now})

    def _budget(self, event: Happened) -> None:
        if not isinstance(event.action, Destroy) or event.action.before.applied.surge:
            return  # whoever only stood in goes with the change it was made for
        if isinstance(event.effect, DropVolume | Undefine):
            uuid = event.action.before.uuid
            # By when it began, as the journal counts: somebody may move the clock before it has happened.
            self._destroyed.append((self._asked[uuid], uuid))
            if (count := self.destroyed()) > self._allowed[uuid]:
                self.breach("mercy", f"{count} deletions within an hour, {self._allowed[uuid]} are allowed")

    def _copies(self, event: Happened) -> None:
        """Which disks a migration leaves over: the new ones, until their machine runs there."""
        place, effect = event.place.name, event.effect
        match effect:
            case AddVolume(volume=volume) if isinstance(event.action, Migrate):
                self.leftover.add((place, volume))
            case DropVolume(volume=volume):
                self.leftover.discard((place, volume))
            case GoOn(uuid=uuid):
                mark = event.place.box.domains[uuid].mark
                if mark is None or mark.journey is None or mark.journey.destination != place:
                    if mark is not None and event.action is None:  # by hand: what stays behind is nobody's
                        self.abandoned |= {mark.volume(disk.name) for disk in mark.applied.disks}
                    return
                for disk in mark.applied.disks:
                    self.leftover.discard((place, mark.volume(disk.name)))
                    self.leftover.add((mark.journey.source, mark.volume(disk.name)))
            case PowerOff(uuid=uuid) if isinstance(event.action, Settle):
                if not any(self._runs(each, uuid) for each in self.places):
                    self.breach("mercy", f"{uuid} was ended on {place}, and runs nowhere")
            case _:
                pass

    def _runs(self, place: Place, uuid: InstanceUuid) -> bool:
        domain = place.box.domains.get(uuid)
        return domain is not None and domain.power is Power.RUNNING

    def _protected(self, place: Place, uuid: InstanceUuid) -> bool:
        domain = place.box.domains.get(uuid)
        return domain is not None and domain.mark is not None and domain.mark.applied.protect

    # When an effect has happened

    def happened(self, event: Happened) -> None:
        self._never_twice()
        self._one_address()
        self._pauses(event.place)
        if event.session is not None and event.place.owner is not event.session:
            self.breach("lock", f"{event.effect} on {event.place.name} without the lock")
        if (breach := self._away.happened(event, self.places, since=_time() - BLINK)) is not None:
            self.breach("availability", breach)
        if event.action is not None:
            self._budget(event)
            self._mercy(event)
            self._room(event)
        self._copies(event)
        if isinstance(event.effect, Undefine) and event.action is None:
            # A human who forgets a machine leaves its disks to nobody, or to its successor.
            self.abandoned |= {volume for volume in event.before.volumes if _has(event, volume)}
        self._retain(event.place.box)

    def _never_twice(self) -> None:
        running: dict[InstanceUuid, str] = {}
        for place in self.places:
            if not place.up:
                continue
            for domain in place.box.domains.values():
                if domain.mark is None or domain.power is Power.STOPPED:
                    continue
                if domain.power is Power.PAUSED and domain.why == MIGRATING:
                    continue  # it stands still: on its way
                if domain.uuid in running:
                    self.breach(
                        "never twice", f"{domain.name} runs on {running[domain.uuid]} and {place.name}"
                    )
                running[domain.uuid] = place.name

    def _one_address(self) -> None:
        """No two machines that run have one address on a segment, and each has its bridge."""
        owners: dict[tuple[str, str], InstanceUuid] = {}
        for place in self.places:
            if not place.up:
                continue
            for domain in place.box.domains.values():
                if domain.mark is None or domain.power is Power.STOPPED:
                    continue
                for nic in domain.mark.applied.nics:
                    if nic.address is None:
                        continue
                    if nic.source not in place.box.links:
                        self.breach("wired", f"{domain.name} runs on {place.name} without {nic.source}")
                    owner = owners.setdefault((nic.source, nic.address), domain.uuid)
                    if owner != domain.uuid:
                        self.breach("one address", f"{domain.name} runs with {nic.address}, as {owner} does")

    def _pauses(self, place: Place) -> None:
        now = {
            (place.name, uuid): self._paused.get((place.name, uuid), _time())
            for uuid, domain in place.box.domains.items()
            if domain.power is Power.PAUSED
        }
        elsewhere = {key: since for key, since in self._paused.items() if key[0] != place.name}
        self._paused = elsewhere | now

    def _mercy(self, event: Happened) -> None:
        match event.effect:
            case (
                Define(domain=Domain(uuid=uuid))
                | Undefine(uuid=uuid)
                | PowerOn(uuid=uuid)
                | PowerOff(uuid=uuid)
            ):
                before = event.before.domains.get(uuid)
                if before is not None and (before.mark is None or before.mark.fleet != self.fleet):
                    self.breach("mercy", f"{event.effect} on the foreign {before.name}")
            case PutLink(link=Link(name=name)) | DropLink(name=name):
                link = event.before.links.get(name)
                if link is not None and not seen_by(self.fleet, event.place.name, (link,)).segments:
                    self.breach("mercy", f"{event.effect} on the foreign {name}")
            case DropVolume(volume=volume):
                if volume.fleet != self.fleet:
                    self.breach("mercy", f"the foreign {volume} was deleted")
                elif isinstance(event.action, Settle | Migrate):
                    if (event.place.name, volume) not in self.leftover:
                        self.breach("mercy", f"{volume} on {event.place.name} was swept, and is no leftover")
                elif volume in self.retained:
                    self.breach("mercy", f"{volume} was to be retained, and is deleted")
            case _:
                pass

    def _retain(self, box: Box) -> None:
        for domain in box.domains.values():
            if domain.mark is not None and domain.mark.fleet == self.fleet:
                for disk in domain.mark.applied.disks:
                    if disk.name != "root":
                        volume = domain.mark.volume(disk.name)
                        keep = disk.on_delete is OnDelete.RETAIN
                        (self.retained.add if keep else self.retained.discard)(volume)

    def _room(self, event: Happened) -> None:
        if not isinstance(event.effect, Define | PowerOn | Arrive):
            return
        limit = event.place.room
        before, now = used(event.before, self.fleet), used(event.place.box, self.fleet)
        for name in ("cpus", "memory_mib"):
            has = getattr(now, name)
            if has > getattr(limit, name) and has > getattr(before, name):
                self.breach("room", f"{event.place.name} gives out {has} of {getattr(limit, name)} {name}")


def _has(event: Happened, volume: VolumeId) -> bool:
    assert isinstance(event.effect, Undefine)
    mark = event.before.domains[event.effect.uuid].mark
    return mark is not None and (mark.fleet, mark.key) == (volume.fleet, volume.key)


def used(box: Box, fleet: str) -> Resources:
    """What our own machines were given of a host."""
    marks = [domain.mark for domain in box.domains.values() if domain.mark is not None]
    return Resources.total(mark.applied.resources for mark in marks if mark.fleet == fleet)


def _time() -> float:
    return asyncio.get_running_loop().time()
