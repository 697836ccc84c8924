"""Scripts of the contract: a cordon hangs on the host itself, a fleet's own, for everybody to see."""

from __future__ import annotations

from dataclasses import replace

from reconciler.actions import DropCordon, PutCordon
from reconciler.errors import ActionFailed, HostUnreachable
from reconciler.state import Cordon
from tests.contract.stage import Stage

_CORDON = Cordon("ops@desk", "2026-11-25T06:40:00Z", "new memory: $(id) `id` 'a' \"b\" % \\ ü <x> ..")


async def a_host_has_no_cordon_at_first(stage: Stage) -> None:
    assert (await stage.look()).cordon is None


async def a_cordon_says_who_since_when_and_why(stage: Stage) -> None:
    await stage.perform(PutCordon(stage.host, _CORDON))
    assert (await stage.look()).cordon == _CORDON


async def a_cordon_is_seen_by_whoever_may_only_look(stage: Stage) -> None:
    reader = await stage.open(read_only=True)
    await stage.perform(PutCordon(stage.host, _CORDON))
    assert (await reader.observe()).cordon == _CORDON


async def a_cordon_takes_the_place_of_the_one_before(stage: Stage) -> None:
    stronger = replace(_CORDON, reason="", draining=True)
    await stage.perform(PutCordon(stage.host, _CORDON), PutCordon(stage.host, stronger))
    assert (await stage.look()).cordon == stronger


async def a_cordon_is_taken_down_however_often(stage: Stage) -> None:
    await stage.perform(PutCordon(stage.host, _CORDON), DropCordon(stage.host), DropCordon(stage.host))
    assert (await stage.look()).cordon is None


async def a_cordon_is_its_fleets_own(stage: Stage) -> None:
    other = await stage.open(fleet="other")
    await stage.perform(PutCordon(stage.host, _CORDON))
    assert (await other.observe()).cordon is None
    await other.perform(DropCordon(stage.host))
    assert (await stage.look()).cordon == _CORDON


async def a_cordon_changes_nothing_else(stage: Stage) -> None:
    await stage.created(stage.instance())
    before = await stage.look()
    await stage.perform(PutCordon(stage.host, _CORDON))
    seen = await stage.look()
    assert replace(seen, cordon=None, foreign=before.foreign) == before
    assert stage.platform.litters() == []


async def a_cordon_outlives_the_power(stage: Stage) -> None:
    await stage.perform(PutCordon(stage.host, _CORDON))
    await stage.after(stage.flesh.reboot)
    assert (await stage.look()).cordon == _CORDON


async def a_cordon_takes_the_lock(stage: Stage) -> None:
    await stage.perform(PutCordon(stage.host, _CORDON))
    await stage.actuators[0].unlock()
    await stage.refuses(PutCordon(stage.host, replace(_CORDON, by="another")), HostUnreachable)
    await stage.refuses(DropCordon(stage.host), HostUnreachable)


async def who_may_only_look_hangs_no_cordon(stage: Stage) -> None:
    reader = await stage.open(read_only=True)
    await stage.refuses(PutCordon(stage.host, _CORDON), ActionFailed, by=reader)
