"""What the world and its humans do to hosts and machines: one row a kind of fault."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from uuid import UUID, uuid5

from reconciler.actuators.sim.effects import (
    AddVolume,
    Arrive,
    Define,
    DropLink,
    DropVolume,
    Effect,
    GoOn,
    GuestUp,
    Pause,
    PowerOff,
    PowerOn,
    Rename,
    Sicken,
    SickenImage,
    Undefine,
)
from reconciler.actuators.sim.things import Domain
from reconciler.errors import ActionFailed
from reconciler.specs.desired import InstanceName, InstanceUuid
from reconciler.state import FAILED, MIGRATED, MIGRATING, Live, Power
from tests.builders import image_use
from tests.simulation.faults import Fault
from tests.simulation.places import Place
from tests.simulation.timing import later
from tests.simulation.wishes import IMAGES

GIB = 1024
_NAMESPACE = UUID("0b6e7f5e-57a3-4d6c-9f60-8a4f6f1e1c55")


# Hosts


def dies(place: Place, fault: Fault, *, autostart: bool = False) -> None:
    """Power is lost: nothing runs, links are gone, nobody is told; after a while it boots."""
    if not place.up:
        return
    running = [domain.uuid for domain in place.box.domains.values() if domain.power is not Power.STOPPED]
    for uuid in running:
        by_hand(place, PowerOff(uuid))
    for name in tuple(place.box.links):
        by_hand(place, DropLink(name))
    place.lose()
    later(max(10.0, fault.seconds), boots, place, running if autostart else [])


def reboots(place: Place, fault: Fault) -> None:
    dies(place, replace(fault, seconds=40.0), autostart=fault.number % 2 == 0)


def boots(place: Place, autostart: Sequence[InstanceUuid]) -> None:
    if place.up:
        return
    place.end_all()
    place.up = True
    for uuid in autostart:
        by_hand(place, PowerOn(uuid), GuestUp(uuid))
    place.wake()


def daemon_dies(place: Place, fault: Fault) -> None:
    place.daemon_up = False
    place.end_all()
    later(fault.seconds, setattr_and_wake, place, "daemon_up", True)


def _flag(name: str, value: bool) -> Callable[[Place, Fault], None]:
    def act(place: Place, fault: Fault) -> None:
        setattr_and_wake(place, name, value)
        later(fault.seconds, setattr_and_wake, place, name, not value)

    return act


def partition(place: Place, fault: Fault) -> None:
    for name in ("requests", "replies"):
        _flag(name, False)(place, fault)


def many(place: Place, fault: Fault) -> None:
    """Events that say nothing."""
    for number in range(fault.number % 20):
        later(number * 0.05, _event, place)


def _event(place: Place) -> None:
    place.version += 1
    place.wake()


def setattr_and_wake(place: Place, name: str, value: bool) -> None:
    setattr(place, name, value)
    place.wake()


BOXES: Mapping[str, Callable[[Place, Fault], None]] = {
    "host:dies": dies,
    "host:reboots": reboots,
    "host:disk-full": _flag("disk_full", True),
    "daemon:dies": daemon_dies,
    "daemon:hangs": _flag("daemon_hung", True),
    "partition:both": partition,
    "partition:requests": _flag("requests", False),
    "partition:replies": _flag("replies", False),
    "partition:peers": _flag("talks", False),
    "events:lost": _flag("deaf", True),
    "events:many": many,
}


def healed(place: Place) -> None:
    """Nothing is wrong with the host any more."""
    boots(place, [])
    place.daemon_up = place.requests = place.replies = True
    place.talks = True
    place.daemon_hung = place.disk_full = place.deaf = False
    place.flush()
    for sha256 in place.box.sick_images:
        by_hand(place, SickenImage(sha256, False))
    for domain in tuple(place.box.domains.values()):
        # What a migration left standing still is for the engine to mend.
        if domain.power is Power.PAUSED and domain.why != MIGRATING:
            by_hand(place, PowerOff(domain.uuid))
        if domain.sick:
            by_hand(place, Sicken(domain.uuid, False))
    _event(place)


def advised(places: Sequence[Place]) -> None:
    """Whoever went on where he was going and is off there, while he still stands still where he was to leave,
    is started there: so the plan tells its human.
    """
    waiting = {
        uuid
        for place in places
        for uuid, domain in place.box.domains.items()
        if domain.power is Power.PAUSED and domain.why == MIGRATING
    }
    for place in places:
        for uuid, domain in tuple(place.box.domains.items()):
            if uuid in waiting and domain.power is Power.STOPPED and domain.why != FAILED:
                by_hand(place, PowerOn(uuid), GuestUp(uuid))


# Humans


def by_hand(place: Place, *effects: Effect) -> None:
    """What a human does with virsh; what libvirt refuses has not happened."""
    with contextlib.suppress(ActionFailed):
        for effect in effects:
            place.change(effect)


def _stop(place: Place, domain: Domain) -> None:
    by_hand(place, PowerOff(domain.uuid))


def _start(place: Place, domain: Domain) -> None:
    by_hand(place, PowerOn(domain.uuid), GuestUp(domain.uuid))


def _pause(place: Place, domain: Domain) -> None:
    if domain.power is Power.RUNNING:
        by_hand(place, Define(replace(domain, power=Power.PAUSED)))


def _undefine(place: Place, domain: Domain) -> None:
    by_hand(place, PowerOff(domain.uuid), Undefine(domain.uuid))


def _rename(place: Place, domain: Domain) -> None:
    """virsh domrename: the same UUID under another name."""
    if domain.power is Power.STOPPED:
        by_hand(place, Rename(domain.uuid, InstanceName(f"{domain.name}-old")))


def _edit(place: Place, domain: Domain) -> None:
    by_hand(place, Define(replace(domain, live=replace(domain.live, cpus=domain.live.cpus + 1))))


def _migrate(places: Sequence[Place], source: Place, domain: Domain, number: int) -> None:
    """virsh migrate --copy-storage-all, with or without --persistent and --undefinesource."""
    others = [
        each for each in places if each is not source and each.up and domain.uuid not in each.box.domains
    ]
    if domain.power is not Power.RUNNING or not others or domain.mark is None:
        return
    target = others[number // 7 % len(others)]
    volumes = [domain.mark.volume(disk.name) for disk in domain.mark.applied.disks]
    missing = [volume for volume in volumes if volume not in target.box.volumes]
    by_hand(target, *(AddVolume(volume, source.box.volumes.get(volume, 1)) for volume in missing))
    by_hand(target, Arrive(domain))
    if domain.uuid not in target.box.domains:
        # It was refused: there is no network for it there, or no room. Who made disks for it takes them away.
        by_hand(target, *(DropVolume(volume) for volume in missing if volume in target.box.volumes))
        return
    by_hand(source, Pause(domain.uuid, MIGRATING))
    by_hand(target, GoOn(domain.uuid, persistent=number % 2 == 0))
    by_hand(source, PowerOff(domain.uuid, MIGRATED))
    if number % 3 == 0:
        by_hand(source, Undefine(domain.uuid))


def _sicken(place: Place, domain: Domain) -> None:
    by_hand(place, Sicken(domain.uuid, True))


def _cure(place: Place, domain: Domain) -> None:
    by_hand(place, Sicken(domain.uuid, False))


HANDS: Mapping[str, Callable[[Place, Domain], None]] = {
    "human:stop": _stop,
    "human:start": _start,
    "human:pause": _pause,
    "human:undefine": _undefine,
    "human:rename": _rename,
    "human:edit": _edit,
    "human:sicken": _sicken,
    "human:cure": _cure,
}


def image(places: Sequence[Place], fault: Fault) -> None:
    """Nobody who is made of an image does his work, on any host; or everybody does again."""
    sha256 = image_use(IMAGES[fault.number % len(IMAGES)]).digests[0]
    for place in places:
        by_hand(place, SickenImage(sha256, fault.kind == "image:sickens"))


def foreign(place: Place, fault: Fault) -> None:
    """Somebody else's machine."""
    name = InstanceName(f"foreign-{fault.number}")
    uuid = InstanceUuid(str(uuid5(_NAMESPACE, f"{place.name}/{name}")))
    domain = Domain(uuid, name, Live(1, GIB))
    by_hand(place, Define(domain), PowerOn(uuid), GuestUp(uuid))


def foreign_stop(place: Place, fault: Fault) -> None:
    for domain in tuple(place.box.domains.values()):
        if domain.mark is None:
            by_hand(place, PowerOff(domain.uuid))


def unlink(place: Place, fault: Fault) -> None:
    """Links are taken away, as far as nothing is plugged in."""
    for name in sorted(place.box.links, reverse=True)[: 1 + fault.number % 2]:
        by_hand(place, DropLink(name))


def by_human(places: Sequence[Place], fault: Fault) -> None:
    """One human's deed, to one of our machines."""
    ours = [
        (place, domain)
        for place in places
        if place.up
        for domain in sorted(place.box.domains.values(), key=lambda each: each.name)
        if domain.mark is not None
    ]
    if ours:
        place, domain = ours[fault.number % len(ours)]
        if fault.kind == "human:migrate":
            _migrate(places, place, domain, fault.number)
            return
        elsewhere = (each.box.domains.get(domain.uuid) for each in places if each is not place)
        if fault.kind == "human:start" and any(twin is not None for twin in elsewhere):
            return  # a human who runs it twice is beyond our help
        HANDS[fault.kind](place, domain)
