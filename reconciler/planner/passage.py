"""Steps on two hosts: what a migration, and tidying up after one, do to both and rely on at both."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from reconciler.actions import Migrate, PairAction, Resume, Settle
from reconciler.carrying import counts, is_carried, may_be_tidied
from reconciler.planner.seen import detached, runs, sizes_of, with_instance, with_volumes
from reconciler.specs.desired import HostName
from reconciler.state import FAILED, MIGRATING, HostState, InstanceState, Power


def after(action: PairAction, host: HostState) -> HostState:
    """One of the two hosts after the step has succeeded."""
    before = action.before
    match action:
        case Migrate(host=destination):
            if host.host != destination:
                return _swept(host, before, disks=action.terms.copies)
            moved = replace(before, host=host.host, power=Power.RUNNING, detail="", persistent=True)
            moved = replace(moved, journey=None, home=_remembered(action.home, host.host))
            return with_instance(_with_disks(host, before), moved)
        case Resume(host=home):
            going_on = replace(before, power=Power.RUNNING, detail="")
            return with_instance(host, going_on) if host.host == home else host
        case Settle(host=home):
            if host.host != home:
                return _swept(host, before, disks=_sweeps(action))
            found = host.instance(before.uuid) or before
            if _goes_between(found, action.from_host):
                found = replace(found, journey=None, home=_remembered(found.home, host.host))
            return with_instance(host, replace(found, persistent=True))
    assert_never(action)


def confirmed(action: PairAction, host: HostState, peer: HostState | None) -> bool:
    """Whether fresh looks at both hosts show the step done."""
    found = host.instance(action.before.uuid)
    if found is None:
        return False
    match action:
        case Migrate(before=before, terms=terms):
            is_there = runs(found) and found.journey is None
            return is_there and peer is not None and _is_clean(before, peer, disks=terms.copies)
        case Resume():
            return runs(found)
        case Settle(from_host=other, before=before):
            if not found.persistent or _goes_between(found, other):
                return False
            return other is None or (peer is not None and _is_clean(before, peer, disks=_sweeps(action)))
    assert_never(action)


def broken(action: PairAction, host: HostState, peer: HostState | None) -> str | None:
    """Why the step must not be begun on hosts as they are now; None where it may."""
    match action:
        case Migrate():
            return _cannot_leave(action, peer) or _cannot_arrive(action, host)
        case Resume(before=before):
            return _changed(before, host) or _not_stranded(before, host) or _has_gone_on(before, host, peer)
        case Settle(before=before):
            return _changed(before, host) or _unsettled(action, host, peer)
    assert_never(action)


def _remembered(home: HostName | None, host: HostName) -> HostName | None:
    """Who is at home needs not remember it."""
    return None if home == host else home


def _is_clean(before: InstanceState, host: HostState, *, disks: bool) -> bool:
    """Whether nothing of a machine is left on the host where it does not run."""
    return host.instance(before.uuid) is None and not (disks and _copied(before, host))


def _copied(before: InstanceState, host: HostState) -> set[str]:
    """The disks of a machine that a host has, of those that go along with it."""
    own = {disk.name for disk in before.applied.disks}
    return own & {volume.disk for volume in host.volumes if volume.key == before.key}


def _goes_between(state: InstanceState, other: HostName | None) -> bool:
    """Whether a machine is on a journey that has this other end (any, where there is nobody to ask)."""
    journey = state.journey
    return journey is not None and (other is None or other == journey.other_end(state.host))


def _sweeps(settle: Settle) -> bool:
    """Whether the other end's disks are left over: only a journey says so, of two pools."""
    journey = settle.before.journey
    if journey is None or not journey.copies or settle.share:
        return False
    return _goes_between(settle.before, settle.from_host)


def _with_disks(host: HostState, before: InstanceState) -> HostState:
    own: dict[str, int | None] = dict.fromkeys(disk.name for disk in before.applied.disks)
    return with_volumes(host, before.key, {**detached(host, before.key), **own}, before.applied)


def _swept(host: HostState, before: InstanceState, *, disks: bool) -> HostState:
    """The host without a twin, and without the disks that go along with the machine."""
    left = {**sizes_of(host.instance(before.uuid)), **detached(host, before.key)}
    there = {volume.disk for volume in host.volumes if volume.key == before.key}
    # A twin may have disks that the machine has lost since.
    ends = [before, *(each for each in host.instances if each.uuid == before.uuid)]
    gone = {disk.name for each in ends for disk in each.applied.disks} if disks else set()
    others = tuple(each for each in host.instances if each.uuid != before.uuid)
    kept = {name: size for name, size in left.items() if name in there - gone}
    return with_volumes(replace(host, instances=others), before.key, kept)


def _cannot_leave(action: Migrate, source: HostState | None) -> str | None:
    if source is None:
        return f"{action.from_host} was not looked at"
    found = source.instance(action.before.uuid)
    if found is not None and found.journey is not None:
        return "an earlier migration of it is not tidied up"
    if reason := _changed(action.before, source):
        return reason
    return None if found is None or runs(found) else f"it is {found.power}"


def _cannot_arrive(action: Migrate, destination: HostState) -> str | None:
    before = action.before
    if destination.instance(before.uuid) is not None:
        return f"{destination.host} has it too"
    there = {volume.disk for volume in destination.volumes if volume.key == before.key}
    taken = sorted(there & {disk.name for disk in before.applied.disks})
    if action.terms.copies and taken:
        return f"{destination.host} has a disk {taken[0]} of it already"
    return None


def _not_stranded(before: InstanceState, host: HostState) -> str | None:
    found = host.instance(before.uuid)
    if found is None or found.journey != before.journey:
        return "it is on another journey"
    is_waiting = found.power is Power.PAUSED and found.detail == MIGRATING
    is_waiting = is_waiting or (is_carried(found) and found.power is Power.STOPPED)
    return None if is_waiting else f"it is {found.power}{found.detail and f' ({found.detail})'}"


def _has_gone_on(before: InstanceState, host: HostState, peer: HostState | None) -> str | None:
    """What says that it did not fail where it was going: it may have gone on there, and written."""
    if peer is None:
        return "where it was going was not looked at"
    twin, found = peer.instance(before.uuid), host.instance(before.uuid)
    never_ran = twin is None or (twin.power is Power.STOPPED and twin.detail == FAILED)
    if found is not None and is_carried(found):
        if not counts(host.host, found, twin):
            return f"its disks here are not those that count: those on {peer.host} are"
        never_ran = twin is None or twin.power is Power.STOPPED
    if twin is None or never_ran:
        return None
    return f"it is {twin.power}{twin.detail and f' ({twin.detail})'} on {peer.host}"


def _unsettled(action: Settle, home: HostState, peer: HostState | None) -> str | None:
    """Why what the other end has may not be taken for a leftover."""
    found = home.instance(action.before.uuid)
    if found is None or found.journey != action.before.journey:
        return "it is on another journey"
    if found.power is Power.PAUSED:
        return "it is paused"
    twin = None if peer is None else peer.instance(action.before.uuid)
    if peer is None or twin is None or twin.power is Power.STOPPED:
        is_left_over = not is_carried(found) or may_be_tidied(home.host, found, twin, runs=runs(found))
        return None if is_left_over else f"what {action.from_host} has of it may be all there is"
    if twin.power is Power.RUNNING:
        return f"it runs on {peer.host} too"
    has_arrived = found.journey is not None and found.journey.source == peer.host
    if twin.detail == MIGRATING and runs(found) and has_arrived:
        return None
    return f"it is {twin.power} on {peer.host}"


def _changed(before: InstanceState, host: HostState) -> str | None:
    """Whether somebody else has been at the machine: what was applied to it is the mark of that."""
    found = host.instance(before.uuid)
    if found is None:
        return "it is not there any more"
    if found.applied != before.applied:
        return "something else was applied to it"
    return None
