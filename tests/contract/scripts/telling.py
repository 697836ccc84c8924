"""Scripts of the contract: guests whose peers have changed."""

from __future__ import annotations

from dataclasses import replace

from reconciler.actions import Destroy, Impact, Update
from reconciler.errors import ActionFailed, NotFound
from reconciler.specs.desired import Instance, Nic, NicKind
from reconciler.specs.guest import GuestContext, Peer
from reconciler.state import Power
from tests.builders import sha
from tests.contract.stage import DB, Stage, assert_as_asked, changed


def _told(stage: Stage, address: str | None, *, cpus: int = 1) -> Instance:
    """A guest that knows one peer, or none."""
    peers = () if address is None else (Peer(address, ("shop-app-0", "app-0", "app")),)
    context = GuestContext(DB, environment=(("APP", address or ""),), peers=peers)
    told = changed(stage.instance(cpus=cpus), context=sha("written"), peers=sha(address) if address else None)
    return replace(told, context=context)


async def a_guest_is_told_of_its_peers_while_it_runs(stage: Stage) -> None:
    await stage.created(_told(stage, None))
    for address in ("10.42.0.20", "10.42.0.21", None):
        told = _told(stage, address)
        assert_as_asked(await stage.updated(told, Impact.LIVE), told)


async def a_guest_is_told_of_its_peers_while_it_stands(stage: Stage) -> None:
    before = await stage.created(_told(stage, "10.42.0.20"))
    stage.platform.stop(DB)
    told = _told(stage, "10.42.0.21")
    await stage.perform(Update(stage.host, before, told, Impact.LIVE))
    state = await stage.seen(told)
    assert (state.power, state.applied) == (Power.RUNNING, told.machine)


async def a_guest_is_told_of_its_peers_with_a_restart_of_its_own(stage: Stage) -> None:
    await stage.created(_told(stage, "10.42.0.20"))
    told = _told(stage, "10.42.0.21", cpus=2)
    assert_as_asked(await stage.updated(told), told)


async def telling_a_guest_twice_is_as_good_as_once(stage: Stage) -> None:
    before = await stage.created(_told(stage, "10.42.0.20"))
    told = _told(stage, "10.42.0.21")
    update = Update(stage.host, before, told, Impact.LIVE)
    await stage.perform(update, update)
    assert_as_asked(await stage.seen(told), told)


async def an_address_of_its_own_is_not_changed_while_it_runs(stage: Stage) -> None:
    network = stage.platform.network
    first, second = (
        changed(stage.instance(), nics=(Nic(NicKind.NETWORK, network, address),))
        for address in ("10.42.0.10", "10.42.0.11")
    )
    state = await stage.created(first)
    assert_as_asked(state, first)
    await stage.refuses(Update(stage.host, state, second, Impact.LIVE), ActionFailed)
    assert_as_asked(await stage.updated(second), second)


async def nobody_is_told_who_is_not_there(stage: Stage) -> None:
    told = _told(stage, "10.42.0.20")
    state = await stage.created(told)
    await stage.perform(Destroy(stage.host, state))
    other = _told(stage, "10.42.0.21")
    await stage.refuses(Update(stage.host, state, other, Impact.LIVE), NotFound)
