"""What it does to write something on a machine: the model of it, and what must still hold."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from reconciler.actions import Accept, GiveUp, RecordAction
from reconciler.planner.seen import with_instance
from reconciler.state import HostState


def after(action: RecordAction, host: HostState) -> HostState:
    """The host afterwards."""
    before = host.instance(action.before.uuid) or action.before
    match action:
        case GiveUp(form=form):
            return with_instance(host, replace(before, refused=form))
        case Accept(refused=refused):
            return with_instance(host, replace(before, former=None, refused=refused))
    assert_never(action)


def confirmed(action: RecordAction, host: HostState) -> bool:
    """Whether a fresh look shows it done."""
    found = host.instance(action.before.uuid)
    if found is None:
        return False
    match action:
        case GiveUp(form=form):
            return found.refused == form
        case Accept(refused=refused):
            return found.former is None and found.refused == refused
    assert_never(action)


def broken(action: RecordAction, host: HostState) -> str | None:
    """Why it must not be begun: the machine is no longer the one that was judged.

    What it was told of its peers meanwhile does not matter.
    """
    before, found = action.before, host.instance(action.before.uuid)
    if found is None:
        return "it is not there any more"
    if replace(found.applied, peers=before.applied.peers) != before.applied or found.former != before.former:
        return "something else was applied to it"
    return "it was migrated away" if before.has_left(found.power, found.detail) else None
