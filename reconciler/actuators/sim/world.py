"""What can and cannot happen to a simulated host: the rules of its world.

``after`` gives the host after one effect, or refuses it as libvirt would. Values in, values out:
where the truth is kept, how long an effect takes and who sees it is decided elsewhere, so that
other drivers can play the same world.
"""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from reconciler.actuators.links import Link
from reconciler.actuators.sim.effects import (
    AddVolume,
    Arrive,
    Cut,
    Define,
    DefinitionEffect,
    DomainEffect,
    DropLink,
    DropVolume,
    Effect,
    GoOn,
    GrowVolume,
    GuestUp,
    Hang,
    HealthEffect,
    ImageEffect,
    LinkEffect,
    LoseImage,
    Mount,
    Pause,
    PowerOff,
    PowerOn,
    PutLink,
    Rename,
    Sicken,
    SickenImage,
    Silence,
    StandingEffect,
    StoreImage,
    Undefine,
    Unplug,
    VolumeEffect,
)
from reconciler.actuators.sim.things import Box, Domain, VolumeId
from reconciler.errors import ActionFailed, AlreadyExists, NoRoom, NotFound
from reconciler.specs.desired import InstanceName, Resources
from reconciler.specs.identity import is_own_link
from reconciler.specs.resources import kind_of
from reconciler.state import MIGRATING, Power


def after(box: Box, effect: Effect, room: Resources) -> Box:
    """The host once ``effect`` has happened.

    ``room`` is how much memory its running machines, and how much disk its volumes, may take in all.
    Raises AlreadyExists, NotFound, NoRoom or ActionFailed, and then nothing has happened.
    """
    match effect:
        case StoreImage() | LoseImage():
            return _with_image(box, effect, room)
        case Silence() | Cut() | Hang() | Mount():
            return _of_itself(box, effect)
        case AddVolume() | GrowVolume() | DropVolume():
            return _with_volume(box, effect, room)
        case Sicken() | SickenImage():
            return _with_health(box, effect)
        case PutLink() | DropLink():
            return _with_link(box, effect)
        case _:
            return _with_domain(box, effect, room)


def _with_image(box: Box, effect: ImageEffect, room: Resources) -> Box:
    match effect:
        case StoreImage(sha256):
            free = _free(box, room)
            if free <= 0 and sha256 not in box.images:
                raise NoRoom(box.host, f"image {sha256[:12]} finds no room: {free} MiB of disk are free")
            return replace(box, images=box.images | {sha256})
        case LoseImage(sha256):
            return replace(box, images=box.images - {sha256})
        case _:
            assert_never(effect)


def _with_definition(box: Box, effect: DefinitionEffect) -> Box:
    match effect:
        case Define(domain):
            return _defined(box, domain)
        case Undefine(uuid):
            _require(box.domain(uuid).power is Power.STOPPED, box, "a running machine cannot be undefined")
            return replace(box, domains={key: each for key, each in box.domains.items() if key != uuid})
        case Rename(uuid, name):
            return _renamed(box, box.domain(uuid), name)
        case _:
            assert_never(effect)


def _with_domain(box: Box, effect: DomainEffect, room: Resources) -> Box:
    match effect:
        case Define() | Undefine() | Rename():
            return _with_definition(box, effect)
        case PowerOn(uuid):
            return _powered_on(box, box.domain(uuid), room)
        case GuestUp(uuid):
            domain = box.domain(uuid)
            _require(domain.power is Power.RUNNING, box, f"{domain.name} stopped while it booted")
            return _with(box, replace(domain, booted=True))
        case PowerOff(uuid, why):
            return _off(box, box.domain(uuid), why)
        case Unplug(uuid, disk):
            return _with(box, _unplugged(box, box.domain(uuid), disk))
        case Pause() | Arrive() | GoOn():
            return _standing(box, effect, room)
        case _:
            assert_never(effect)


def _standing(box: Box, effect: StandingEffect, room: Resources) -> Box:
    match effect:
        case Pause(uuid, why):
            domain = box.domain(uuid)
            _require(domain.power is Power.RUNNING, box, f"{domain.name} does not run")
            return _with(box, replace(domain, power=Power.PAUSED, why=why))
        case Arrive(domain):
            return _arrived(box, domain, room)
        case GoOn(uuid, persistent):
            domain = box.domain(uuid)
            _require(domain.power is Power.PAUSED, box, f"{domain.name} does not stand still")
            persistent = persistent or domain.persistent
            return _with(box, replace(domain, power=Power.RUNNING, why="", persistent=persistent))
        case _:
            assert_never(effect)


def _of_itself(box: Box, effect: Silence | Cut | Hang | Mount) -> Box:
    match effect:
        case Silence(silent):
            return replace(box, silent=silent)
        case Cut():
            return replace(box, cuts=box.cuts + 1)
        case Mount(pool):
            return replace(box, pool=pool)
        case Hang(fleet, cordon):
            others = {name: each for name, each in box.cordons.items() if name != fleet}
            return replace(box, cordons=others if cordon is None else {**others, fleet: cordon})
        case _:
            assert_never(effect)


def _with_health(box: Box, effect: HealthEffect) -> Box:
    match effect:
        case Sicken(uuid, sick):
            return _with(box, replace(box.domain(uuid), sick=sick))
        case SickenImage(sha256, sick):
            others = box.sick_images - {sha256}
            return replace(box, sick_images=others | {sha256} if sick else others)
        case _:
            assert_never(effect)


def _with_volume(box: Box, effect: VolumeEffect, room: Resources) -> Box:
    match effect:
        case AddVolume(volume, size_mib):
            if volume in box.volumes:
                raise AlreadyExists(box.host, f"volume {_title(volume)} already exists")
            return _resized(box, volume, size_mib, room)
        case GrowVolume(volume, size_mib):
            _require(size_mib >= _size(box, volume), box, f"volume {_title(volume)} cannot shrink")
            return _resized(box, volume, size_mib, room)
        case DropVolume(volume):
            _size(box, volume)
            return replace(box, volumes={key: size for key, size in box.volumes.items() if key != volume})
        case _:
            assert_never(effect)


def _with_link(box: Box, effect: LinkEffect) -> Box:
    match effect:
        case PutLink(link):
            return replace(box, links={**box.links, link.name: link})
        case DropLink(name):
            if name not in box.links:
                raise NotFound(box.host, f"there is no link {name}")
            plugged = [each.name for each in box.domains.values() if _is_plugged_into(each, name)]
            _require(not plugged, box, f"{', '.join(plugged)} is plugged into {name}")
            rest = {key: _released(link, name) for key, link in box.links.items() if key != name}
            return replace(box, links=rest)
        case _:
            assert_never(effect)


def _released(link: Link, bridge: str) -> Link:
    return replace(link, master="") if link.master == bridge else link


def _is_plugged_into(domain: Domain, bridge: str) -> bool:
    return domain.power is not Power.STOPPED and any(nic.source == bridge for nic in domain.live.nics)


def _defined(box: Box, domain: Domain) -> Box:
    namesake = box.named(domain.name)
    if namesake is not None and namesake.uuid != domain.uuid:
        raise AlreadyExists(box.host, f"another machine is called {domain.name} (UUID {namesake.uuid})")
    old = box.domains.get(domain.uuid)
    if old is not None and old.name != domain.name:
        raise AlreadyExists(box.host, f"UUID {domain.uuid} belongs to {old.name}")
    return _with(box, domain)


def _renamed(box: Box, domain: Domain, name: InstanceName) -> Box:
    _require(domain.power is Power.STOPPED, box, f"{domain.name} is {domain.power} and cannot be renamed")
    if (namesake := box.named(name)) is not None:
        raise AlreadyExists(box.host, f"another machine is called {name} (UUID {namesake.uuid})")
    return _with(box, replace(domain, name=name))


def _powered_on(box: Box, domain: Domain, room: Resources) -> Box:
    _require(domain.power is Power.STOPPED, box, f"{domain.name} is already {domain.power}")
    if domain.mark is not None:
        gone = [disk.name for disk in domain.live.disks if domain.mark.volume(disk.name) not in box.volumes]
        _require(not gone, box, f"{domain.name} cannot open its disk {', '.join(gone)}")
    unplugged = [
        name for nic in domain.live.nics if is_own_link(name := nic.source) and name not in box.links
    ]
    _require(not unplugged, box, f"{domain.name} finds no bridge {', '.join(unplugged)}")
    running = (each for each in box.domains.values() if each.power is not Power.STOPPED)
    free = room.memory_mib - sum(each.live.memory_mib for each in running)
    if domain.live.memory_mib > free:
        wanted = f"{domain.name} needs {domain.live.memory_mib} MiB of memory"
        raise NoRoom(box.host, f"{wanted} and {free} MiB are free")
    return _with(box, replace(domain, power=Power.RUNNING, booted=False, why=""))


def _unplugged(box: Box, domain: Domain, disk: str) -> Domain:
    hears = domain.power is Power.RUNNING and domain.booted and not domain.deaf
    _require(hears, box, f"the guest of {domain.name} does not let go of disk {disk}")
    left = tuple(each for each in domain.live.disks if each.name != disk)
    return replace(domain, live=replace(domain.live, disks=left))


def _arrived(box: Box, domain: Domain, room: Resources) -> Box:
    if domain.uuid in box.domains:
        raise AlreadyExists(box.host, f"{domain.name} is there already")
    if box.named(domain.name) is not None:
        raise AlreadyExists(box.host, f"another machine is called {domain.name}")
    off = replace(domain, power=Power.STOPPED)
    there = _powered_on(_with(box, off), off, room)
    return _with(there, replace(domain, power=Power.PAUSED, why=MIGRATING, persistent=False))


def _off(box: Box, domain: Domain, why: str) -> Box:
    if domain.persistent:
        return _with(box, _powered_off(domain, why))
    return replace(box, domains={key: each for key, each in box.domains.items() if key != domain.uuid})


def _powered_off(domain: Domain, why: str) -> Domain:
    if domain.power is Power.STOPPED:
        return domain
    live = domain.configured or domain.live
    return replace(domain, live=live, configured=None, power=Power.STOPPED, booted=False, why=why)


def _resized(box: Box, volume: VolumeId, size_mib: int, room: Resources) -> Box:
    others = {key: size for key, size in box.volumes.items() if key != volume}
    free = _free(replace(box, volumes=others), room, volume.pool)
    if size_mib > free:
        raise NoRoom(
            box.host, f"volume {_title(volume)} needs {size_mib} MiB of disk and {free} MiB are free"
        )
    return replace(box, volumes={**box.volumes, volume: size_mib})


def _free(box: Box, room: Resources, pool: str = "") -> int:
    """MiB that are left of a pool. Raises NotFound where there is no such pool."""
    there = dict(room.pooled).get(kind_of(pool)) if pool else room.disk_mib
    if there is None:
        raise NotFound(box.host, f"there is no storage pool {pool}")
    return there - sum(size for volume, size in box.volumes.items() if volume.pool == pool)


def _size(box: Box, volume: VolumeId) -> int:
    if volume not in box.volumes:
        raise NotFound(box.host, f"there is no volume {_title(volume)}")
    return box.volumes[volume]


def _with(box: Box, domain: Domain) -> Box:
    return replace(box, domains={**box.domains, domain.uuid: domain})


def _require(holds: bool, box: Box, otherwise: str) -> None:
    if not holds:
        raise ActionFailed(box.host, otherwise)


def _title(volume: VolumeId) -> str:
    return f"{volume.key.name}/{volume.disk}"
