"""Which effects an action is made of, given what is there: the platform's own know-how, pure.

A script is worked out from the truth, so an action that was cut short and is asked for again goes
on where it stopped. ``complete`` is False before the first disk is touched and True after the last.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import assert_never

from reconciler.actions import (
    Accept,
    Action,
    Await,
    CordonAction,
    Create,
    Destroy,
    DropCordon,
    DropImage,
    DropNetwork,
    GiveUp,
    ImageAction,
    Impact,
    Migrate,
    NetworkAction,
    PutCordon,
    PutImage,
    PutNetwork,
    Replace,
    Resume,
    Settle,
    Start,
    Stop,
    Update,
    before_of,
)
from reconciler.actuators.sim.effects import (
    Define,
    DropVolume,
    Effect,
    GuestUp,
    Hang,
    LoseImage,
    PowerOff,
    PowerOn,
    Rename,
    StoreImage,
    Undefine,
)
from reconciler.actuators.sim.plugging import (
    ROOT,
    check_at_home,
    fit_disks,
    gone_for_good,
    joined,
    names,
    replug,
    touches_disks,
)
from reconciler.actuators.sim.recording import let_go, recorded
from reconciler.actuators.sim.things import Box, Domain, Mark, VolumeId, live_of
from reconciler.actuators.sim.view import users_of
from reconciler.actuators.sim.wiring import drop_network, put_network
from reconciler.errors import ActionFailed, AlreadyExists, UnknownImage
from reconciler.specs.desired import Disk, Form, ImageUse, Instance, Machine, Sha256
from reconciler.specs.formerly import kept, meanwhile
from reconciler.specs.unsettled import unsettled
from reconciler.state import InstanceState, Power


def script(action: Action, box: Box, fleet: str) -> tuple[Effect, ...]:
    """The effects that are left to do, in order. Raises ActionFailed where a precondition is not met."""
    check_stayed(box, before_of(action))
    return tuple(_effects(action, box, fleet))


def check_stayed(box: Box, before: InstanceState | None) -> None:
    """Raise ActionFailed where a machine that was ``before`` has been migrated away: it runs elsewhere now.

    Somebody else may do so between any two effects; what is defined and switched on here then runs twice.
    """
    if before is None:
        return
    domain = box.domain(before.uuid)
    if before.has_left(domain.power, domain.why):
        raise ActionFailed(box.host, f"{domain.name} was migrated away, or is on its way")


def _effects(action: Action, box: Box, fleet: str) -> Iterator[Effect]:
    match action:
        case PutImage() | DropImage() | PutNetwork() | DropNetwork() | PutCordon() | DropCordon():
            yield from _provided(action, box, fleet)
        case Create(instance=instance):
            yield from _create(box, instance)
        case Start(before=before):
            yield from _run(_complete(box, before, fleet)[0])
        case Stop(before=before):
            yield from _halt(_ours(box, before, fleet)[0])
        case Update(before=before, instance=instance, impact=impact):
            yield from _update(box, *_complete(box, before, fleet), instance, live=impact is Impact.LIVE)
        case Replace(before=before, instance=instance):
            yield from _replace(box, *_unprotected(box, before, fleet), instance)
        case Destroy(before=before):
            yield from _destroy(box, *_unprotected(box, before, fleet))
        case GiveUp() | Accept():
            yield from recorded(action, *_ours(box, action.before, fleet))
        case Migrate() | Resume() | Settle():
            raise ActionFailed(box.host, "this takes two hosts")
        case Await():
            return
        case _:
            assert_never(action)


def _provided(action: ImageAction | NetworkAction | CordonAction, box: Box, fleet: str) -> Iterator[Effect]:
    match action:
        case PutImage(image=image):
            yield from (StoreImage(sha256) for sha256 in image.use.digests if sha256 not in box.images)
        case DropImage(sha256=sha256, whole=whole):
            yield from _drop(box, sha256) if whole else ()
        case PutNetwork():
            yield from put_network(action, box, fleet)
        case DropNetwork():
            yield from drop_network(action, box, fleet)
        case PutCordon(cordon=cordon):
            yield Hang(fleet, cordon)
        case DropCordon():
            yield from (Hang(fleet, None) for _ in range(fleet in box.cordons))
        case _:
            assert_never(action)


def _drop(box: Box, sha256: Sha256) -> Iterator[Effect]:
    if users := users_of(box, sha256):
        raise ActionFailed(box.host, f"image {sha256[:12]} is needed by {', '.join(users)}")
    if sha256 in box.images:
        yield LoseImage(sha256)


def _create(box: Box, instance: Instance) -> Iterator[Effect]:
    mark = Mark(instance.fleet, instance.key, instance.machine, complete=False)
    left = box.domains.get(instance.uuid)
    if left is None:
        if (namesake := box.named(instance.name)) is not None:
            raise AlreadyExists(box.host, f"another machine is called {namesake.name} (UUID {namesake.uuid})")
    elif left.mark is None or left.mark.fleet != instance.fleet or left.mark.complete:
        raise AlreadyExists(box.host, f"{left.name} (UUID {left.uuid}) already exists")
    _require_image(box, instance.machine.image)
    _refuse_shrinking(box, mark, instance.machine, but=ROOT)
    if left is not None:
        check_at_home(box, left)
        yield from _halt(left)
    yield from _rebuild(box, left, instance)


def _replace(box: Box, domain: Domain, mark: Mark, instance: Instance) -> Iterator[Effect]:
    check_at_home(box, domain)
    _require_image(box, instance.machine.image)
    _refuse_shrinking(box, mark, instance.machine, but=ROOT)
    yield from _taken_apart(domain, replace(mark, former=meanwhile(mark.record, instance)))
    yield from _rebuild(box, domain, instance)


def _update(box: Box, domain: Domain, mark: Mark, instance: Instance, *, live: bool) -> Iterator[Effect]:
    new = instance.machine
    if live:
        if _at_rest(new) != _at_rest(mark.applied):
            raise ActionFailed(
                box.host, f"{domain.name} cannot change this while it runs; it needs a restart"
            )
        if mark.applied.peers != new.peers:
            mark = replace(mark, applied=unsettled(mark.applied, new))
            domain = replace(domain, mark=mark)
            yield Define(domain)
        if not touches_disks(domain, mark, new):
            updated = replace(domain, mark=replace(mark, applied=new))
            if updated != domain:
                yield Define(updated)
            if domain.power is not Power.PAUSED:
                yield from _run(updated)
            return
    check_at_home(box, domain)
    _refuse_moving(box, mark, new)
    _refuse_shrinking(box, mark, new)
    if live and domain.power is not Power.STOPPED:
        yield from _run(domain)
        yield from replug(box, replace(domain, booted=True), mark, new)
        return
    if new.image.digests != mark.applied.image.digests:
        raise ActionFailed(box.host, f"{domain.name}: another image takes a replacement, not a restart")
    yield from _halt(domain)
    yield from _called(domain, instance)
    domain = replace(domain, name=instance.name)
    owned = joined(mark, new)
    owned = replace(owned, applied=unsettled(owned.applied, new), former=meanwhile(mark.record, instance))
    if owned != mark:
        yield Define(replace(domain, mark=owned, power=Power.STOPPED, booted=False))
    yield from fit_disks(box, mark, new)
    finished = _machine(instance, domain, complete=True)
    if going := gone_for_good(box, mark, keep=new.disks):
        # A disk is deleted once no machine has it plugged in, and owned until it is deleted.
        left = tuple(disk for disk in mark.applied.disks if mark.volume(disk.name) in going)
        owning = replace(owned, applied=replace(new, disks=new.disks + left))
        yield Define(replace(finished, mark=owning))
        yield from (DropVolume(volume) for volume in going)
    yield from _finished(finished, owned)


def _destroy(box: Box, domain: Domain, mark: Mark) -> Iterator[Effect]:
    check_at_home(box, domain)
    yield from _taken_apart(domain, mark)
    yield from (DropVolume(volume) for volume in gone_for_good(box, mark, keep=()))
    yield Undefine(domain.uuid)


def _rebuild(box: Box, left: Domain | None, instance: Instance) -> Iterator[Effect]:
    """A fresh root and all other disks, then the finished machine, running."""
    new, half = instance.machine, _machine(instance, left, complete=False)
    assert half.mark is not None, "what we make bears our mark"
    gone: tuple[VolumeId, ...] = ()
    if left is not None and left.mark is not None:
        yield from _called(left, instance)
        gone = gone_for_good(box, left.mark, keep=[disk for disk in new.disks if disk.name != ROOT])
        yield from (DropVolume(volume) for volume in gone)
    yield Define(half)
    # A root that nobody owns is made anew as well: only data is adopted.
    root = half.mark.volume(ROOT)
    if root in box.volumes and root not in gone and ROOT in names(new):
        yield DropVolume(root)
        gone = (*gone, root)
    there = {volume: size for volume, size in box.volumes.items() if volume not in gone}
    yield from fit_disks(replace(box, volumes=there), half.mark, new)
    yield from _finished(_machine(instance, left, complete=True), half.mark)


def _finished(finished: Domain, half: Mark) -> Iterator[Effect]:
    """The machine is as it should be, and what is not needed any more of what was kept of it goes."""
    assert finished.mark is not None, "what we make bears our mark"
    if finished.mark.former is None and half.former is not None:
        yield let_go(finished, finished.mark)
    yield Define(finished)
    yield from _run(finished)


def _taken_apart(domain: Domain, mark: Mark) -> Iterator[Effect]:
    apart = replace(mark, complete=False)
    if apart != domain.mark:
        yield Define(replace(domain, mark=apart))
    yield from _halt(domain)


def _called(domain: Domain, instance: Instance) -> Iterator[Effect]:
    """Give a machine its name back: no hypervisor defines one anew under another than it has."""
    if domain.name != instance.name:
        yield Rename(domain.uuid, instance.name)


def _machine(instance: Instance, old: Domain | None, *, complete: bool) -> Domain:
    """The machine that is asked for, switched off, where ``old`` was."""
    mark = Mark(instance.fleet, instance.key, instance.machine, complete)
    if old is not None and old.mark is not None:
        was = old.mark.record
        mark = replace(
            mark,
            journey=old.mark.journey,
            home=old.mark.home,
            former=kept(was, instance) if complete else meanwhile(was, instance),
            refused=None if instance.form is Form.WRITTEN else old.mark.refused,
        )
    made = Domain(instance.uuid, instance.name, live_of(instance.machine), mark)
    return made if old is None else replace(made, why=old.why, autostart=old.autostart, deaf=old.deaf)


def _run(domain: Domain) -> Iterator[Effect]:
    if domain.power is not Power.RUNNING:
        yield PowerOn(domain.uuid)
    if not domain.booted:
        yield GuestUp(domain.uuid)


def _halt(domain: Domain) -> Iterator[Effect]:
    if domain.power is not Power.STOPPED:
        yield PowerOff(domain.uuid)


def _ours(box: Box, before: InstanceState, fleet: str) -> tuple[Domain, Mark]:
    domain = box.domain(before.uuid)
    if domain.mark is None or domain.mark.fleet != fleet:
        raise AlreadyExists(box.host, f"{domain.name} does not belong to fleet {fleet}; it is left alone")
    return domain, domain.mark


def _complete(box: Box, before: InstanceState, fleet: str) -> tuple[Domain, Mark]:
    domain, mark = _ours(box, before, fleet)
    if not mark.complete:
        raise ActionFailed(box.host, f"{domain.name} is half made; create it again to finish it")
    return domain, mark


def _unprotected(box: Box, before: InstanceState, fleet: str) -> tuple[Domain, Mark]:
    domain, mark = _ours(box, before, fleet)
    if mark.applied.protect:
        raise ActionFailed(box.host, f"{domain.name} is protected; apply protect: false first")
    return domain, mark


def _at_rest(machine: Machine) -> Machine:
    """A machine without what can change while it runs."""
    disks = tuple(Disk(ROOT, 0) for disk in machine.disks if disk.name == ROOT)
    image = replace(machine.image, name="")
    return replace(machine, image=image, disks=disks, peers=None, protect=False, surge=False, devices=())


def _require_image(box: Box, image: ImageUse) -> None:
    missing = [digest for digest in image.digests if digest not in box.images]
    if missing:
        raise UnknownImage(box.host, f"image {image.name} ({missing[0][:12]}…) is not on the host")


def _refuse_moving(box: Box, mark: Mark, new: Machine) -> None:
    for disk in new.disks:
        if mark.volume(disk.name) != mark.volume_of(disk) and disk.name in names(mark.applied):
            raise ActionFailed(box.host, f"disk {disk.name} stays in the pool in which it is")


def _refuse_shrinking(box: Box, mark: Mark, new: Machine, *, but: str = "") -> None:
    for disk in new.disks:
        has = box.volumes.get(mark.volume_of(disk), 0)
        if disk.name != but and disk.size_mib < has:
            message = f"disk {disk.name} has {has} MiB and cannot shrink to {disk.size_mib} MiB"
            raise ActionFailed(box.host, message)
