"""Which effects change nothing of a machine but what is remembered of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import assert_never

from reconciler.actions import Accept, GiveUp, RecordAction
from reconciler.actuators.sim.effects import Define, Effect
from reconciler.actuators.sim.things import Domain, Mark


def recorded(action: RecordAction, domain: Domain, mark: Mark) -> Iterator[Effect]:
    """That its form was refused, or that it is not to be given back what it was."""
    match action:
        case GiveUp(form=form):
            after = replace(mark, refused=form)
        case Accept(refused=refused):
            after = replace(mark, former=None, refused=refused)
            if mark.former not in (None, mark.applied):
                yield let_go(domain, after)
        case _:
            assert_never(action)
    if after != mark:
        yield Define(replace(domain, mark=after))


def let_go(domain: Domain, mark: Mark) -> Effect:
    """What was kept of its former form is about to go: there is nothing that it could be given back."""
    return Define(replace(domain, mark=replace(mark, former=mark.applied)))
