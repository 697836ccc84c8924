"""What is done to a host itself: its images, networks and cordon. When it may be done, and what it leaves."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from reconciler.actions import (
    CordonAction,
    DropCordon,
    DropImage,
    DropNetwork,
    ImageAction,
    NetworkAction,
    PutCordon,
    PutImage,
    PutNetwork,
)
from reconciler.planner.wires import foreign_in_the_way, plugged_into
from reconciler.specs.desired import Sha256
from reconciler.state import HostState, SegmentState

ObjectAction = ImageAction | NetworkAction | CordonAction


def broken(action: ObjectAction, host: HostState) -> str | None:
    """Why it must not be begun; None where it may."""
    match action:
        case PutImage() | PutCordon() | DropCordon():
            return None
        case DropImage(sha256=sha256, whole=whole):
            return _needed(sha256, host) if whole else None
        case PutNetwork(segment=segment):
            return foreign_in_the_way(segment.bridge, host)
        case DropNetwork(segment=gone):
            users = plugged_into(gone.bridge, host)
            return f"{users[0].name} is plugged into it" if users else None
    assert_never(action)


def confirmed(action: ObjectAction, host: HostState) -> bool:
    """Whether a fresh look shows it done."""
    match action:
        case PutImage(image=image):
            return set(image.use.digests) <= set(host.images)
        case DropImage(sha256=sha256, whole=whole):
            return not whole or sha256 not in host.images
        case PutNetwork(segment=segment) | DropNetwork(segment=segment):
            return host.segment(segment.bridge) == _left_of(action)
        case PutCordon(cordon=cordon):
            return host.cordon == cordon
        case DropCordon():
            return host.cordon is None
    assert_never(action)


def after(action: ObjectAction, host: HostState) -> HostState:
    """The host once it is done."""
    match action:
        case PutImage(image=image):
            return replace(host, images=tuple(sorted({*host.images, *image.use.digests})))
        case DropImage(sha256=sha256, whole=whole):
            return replace(host, images=tuple(each for each in host.images if each != sha256 or not whole))
        case PutNetwork(segment=segment) | DropNetwork(segment=segment):
            return _with_segment(host, segment.bridge, _left_of(action))
        case PutCordon(cordon=cordon):
            return replace(host, cordon=cordon)
        case DropCordon():
            return replace(host, cordon=None)
    assert_never(action)


def _needed(sha256: Sha256, host: HostState) -> str | None:
    users = (state.name for state in host.instances if sha256 in state.applied.image.digests)
    return next((f"{name} needs it" for name in users), None)


def _left_of(action: PutNetwork | DropNetwork) -> SegmentState | None:
    """What is there of a segment afterwards."""
    return action.wanted if isinstance(action, PutNetwork) else None


def _with_segment(host: HostState, bridge: str, segment: SegmentState | None) -> HostState:
    others = (each for each in host.segments or () if each.bridge != bridge)
    there = (*others, segment) if segment else tuple(others)
    return replace(host, segments=tuple(sorted(there, key=lambda each: each.bridge)))
