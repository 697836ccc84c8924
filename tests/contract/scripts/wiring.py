"""Scripts of the contract: segments of our own, and links that are somebody else's."""

from __future__ import annotations

from dataclasses import replace

from reconciler.actions import Create, Destroy, DropNetwork, PutNetwork, Start, Stop
from reconciler.errors import ActionFailed, AlreadyExists, HostUnreachable
from reconciler.specs.desired import Nic, NicKind, Segment
from reconciler.specs.identity import bridge_of, vni_of, vxlan_of
from reconciler.state import ForeignLink, Power, SegmentState
from tests.contract.stage import FLEET, Stage, assert_as_asked, changed

_PEERS = ("10.213.0.98", "10.213.0.99")


def _segment(network: str = "back", *, mtu: int = 1450) -> Segment:
    vni = vni_of(FLEET, "shop", network)
    return Segment("shop", network, "10.42.0.0/24", vni, bridge_of(vni), mtu)


def _put(stage: Stage, *peers: str, address: str = "10.42.0.254/24", mtu: int = 1450) -> PutNetwork:
    local = "10.213.0.11" if peers else ""
    return PutNetwork(stage.host, _segment(mtu=mtu), address, local, peers)


async def _there(stage: Stage) -> tuple[SegmentState, ...]:
    return (await stage.look()).segments or ()


async def a_segment_without_peers_is_just_a_bridge(stage: Stage) -> None:
    put = _put(stage)
    await stage.perform(put)
    assert await _there(stage) == (put.wanted,)
    assert put.segment.bridge not in ((await stage.look()).bridges or ()), "it is no bridge of others"
    await stage.perform(DropNetwork(stage.host, put.wanted))
    assert await _there(stage) == ()


async def a_segment_reaches_its_peers_and_forgets_them(stage: Stage) -> None:
    for put in (_put(stage, *_PEERS), _put(stage, _PEERS[1]), _put(stage, *_PEERS), _put(stage)):
        await stage.perform(put)
        assert await _there(stage) == (put.wanted,)
    await stage.perform(_put(stage, *_PEERS))
    await stage.perform(DropNetwork(stage.host, _put(stage, *_PEERS).wanted))
    assert await _there(stage) == ()


async def a_segment_may_be_asked_for_twice_and_dropped_twice(stage: Stage) -> None:
    put = _put(stage, *_PEERS)
    await stage.perform(put, put)
    assert await _there(stage) == (put.wanted,)
    await stage.perform(DropNetwork(stage.host, put.wanted), DropNetwork(stage.host, put.wanted))
    assert await _there(stage) == ()


async def a_segments_size_and_the_hosts_address_change(stage: Stage) -> None:
    for put in (
        _put(stage, *_PEERS),
        _put(stage, *_PEERS, mtu=1400),
        _put(stage, *_PEERS, address="10.42.0.250/24"),
        _put(stage, *_PEERS, address=""),
        replace(_put(stage, *_PEERS), local="10.213.0.12"),
    ):
        await stage.perform(put)
        assert await _there(stage) == (put.wanted,)


async def parts_of_a_segment_that_are_gone_are_made_again(stage: Stage) -> None:
    put = _put(stage, *_PEERS)
    await stage.perform(put)
    for name in (vxlan_of(put.segment.vni), put.segment.bridge):
        stage.flesh.cut_link(name)
        (left,) = await _there(stage)
        assert left != put.wanted
        await stage.perform(put)
        assert await _there(stage) == (put.wanted,)


async def half_a_segment_is_dropped_too(stage: Stage) -> None:
    put = _put(stage, *_PEERS)
    await stage.perform(put)
    stage.flesh.cut_link(put.segment.bridge)
    (left,) = await _there(stage)
    assert not left.up
    await stage.perform(DropNetwork(stage.host, left))
    assert await _there(stage) == ()


async def somebody_elses_bridge_of_that_name_is_not_touched(stage: Stage) -> None:
    put = _put(stage, *_PEERS)
    stage.flesh.lay_bridge(put.segment.bridge)
    assert (await stage.look()).foreign_links == (ForeignLink(put.segment.bridge),)
    await stage.refuses(put, AlreadyExists)
    await stage.refuses(DropNetwork(stage.host, put.wanted), AlreadyExists)
    stage.flesh.cut_link(put.segment.bridge)
    await stage.perform(put)


async def another_fleet_sees_no_segment_and_a_foreign_link(stage: Stage) -> None:
    put = _put(stage, *_PEERS)
    await stage.perform(put)
    other = await stage.open(fleet="theirs")
    seen = await other.observe()
    vni = put.segment.vni
    assert (seen.segments, seen.foreign_links) == (
        (),
        (ForeignLink(bridge_of(vni)), ForeignLink(vxlan_of(vni), vni)),
    )
    await stage.refuses(put, AlreadyExists, by=other)
    await stage.refuses(DropNetwork(stage.host, put.wanted), AlreadyExists, by=other)


async def a_machine_does_not_start_without_its_segment(stage: Stage) -> None:
    put = _put(stage)
    db = changed(stage.instance(), nics=(Nic(NicKind.BRIDGE, put.segment.bridge, "10.42.0.10"),))
    await stage.put_image()
    await stage.fails(Create(stage.host, db), ActionFailed)
    await stage.perform(put)
    await stage.perform(Start(stage.host, await stage.seen(db)))
    assert_as_asked(await stage.seen(db), db)


async def a_segment_with_a_machine_on_it_stays(stage: Stage) -> None:
    put = _put(stage)
    db = changed(stage.instance(), nics=(Nic(NicKind.BRIDGE, put.segment.bridge, "10.42.0.10"),))
    await stage.perform(put)
    running = await stage.created(db)
    await stage.refuses(DropNetwork(stage.host, put.wanted), ActionFailed)
    await stage.perform(Stop(stage.host, running), Destroy(stage.host, running))
    await stage.perform(DropNetwork(stage.host, put.wanted))
    assert await _there(stage) == ()


async def a_host_that_lost_its_power_has_no_segments(stage: Stage) -> None:
    put = _put(stage, *_PEERS)
    db = changed(stage.instance(), nics=(Nic(NicKind.BRIDGE, put.segment.bridge, "10.42.0.10"),))
    await stage.perform(put)
    await stage.created(db)
    await stage.after(stage.flesh.reboot)
    assert await _there(stage) == ()
    assert (await stage.seen(db)).power is Power.STOPPED
    await stage.free(stage.actuators[0], "the contract, again")
    await stage.perform(put, Start(stage.host, await stage.seen(db)))
    assert_as_asked(await stage.seen(db), db)


async def segments_are_not_touched_without_the_lock(stage: Stage) -> None:
    put = _put(stage, *_PEERS)
    await stage.actuators[0].unlock()
    await stage.refuses(put, HostUnreachable)
    await stage.actuators[0].lock("again")
    await stage.perform(put)
    await stage.actuators[0].unlock()
    await stage.refuses(DropNetwork(stage.host, put.wanted), HostUnreachable)
