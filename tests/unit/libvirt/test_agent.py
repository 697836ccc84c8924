"""How often the agent of a guest is asked that does not answer."""

from __future__ import annotations

import asyncio

import pytest

pytest.importorskip("libvirt")

from reconciler.actuators.libvirt.agent import AgentSilent, persistently
from reconciler.errors import ActionFailed


class Guest:
    """Its agent raises these one after the other, and answers then."""

    def __init__(self, *errors: ActionFailed) -> None:
        self._errors = list(errors)
        self.asked = 0

    async def ask(self) -> str:
        self.asked += 1
        if self._errors:
            raise self._errors.pop(0)
        return "well"


SILENT = AgentSilent("hv1", "it is not connected")
REFUSED = ActionFailed("hv1", "guest-exec is disabled")


def test_an_agent_that_was_away_for_a_moment_is_asked_again() -> None:
    guest = Guest(SILENT, SILENT)
    assert asyncio.run(persistently(guest.ask, pauses=(0, 0))) == "well"
    assert guest.asked == 3


def test_an_agent_that_stays_silent_is_given_up() -> None:
    guest = Guest(SILENT, SILENT, SILENT, SILENT)
    with pytest.raises(AgentSilent):
        asyncio.run(persistently(guest.ask, pauses=(0, 0)))
    assert guest.asked == 3


def test_an_agent_that_says_no_is_not_asked_again() -> None:
    guest = Guest(REFUSED)
    with pytest.raises(ActionFailed, match="disabled"):
        asyncio.run(persistently(guest.ask, pauses=(0, 0)))
    assert guest.asked == 1
