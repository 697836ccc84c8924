"""Fleets whose machines are on a segment of their service: addresses, bridges and tunnels in disrepair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import strategies as st

from reconciler.specs.desired import HostName, Instance, Machine, Nic, NicKind, Segment
from reconciler.specs.identity import bridge_of, vni_of
from reconciler.state import ForeignLink, HostState, HostUnknown, InstanceState, Observed, SegmentState
from tests.builders import (
    FLEET,
    GIB,
    desired_of,
    fleet_of,
    host_state,
    incomplete,
    instance,
    running,
    stopped,
)
from tests.properties.wishes import rarely
from tests.properties.worlds import World

HOSTS = ("h0", "h1", "h2")


def segment(service: str, network: str, cidr: str, mtu: int = 1450) -> Segment:
    """As the loader makes it."""
    vni = vni_of(FLEET, service, network)
    return Segment(service, network, cidr, vni, bridge_of(vni), mtu)


def on(segment: Segment, address: str | None = None) -> Nic:
    """A card on a segment."""
    return Nic(NicKind.BRIDGE, segment.bridge, address)


def address_of(name: str) -> str:
    """By which the others reach a host."""
    return f"192.0.2.{10 + HOSTS.index(name)}"


def present(of: Segment, name: str, end: str, members: Sequence[str]) -> SegmentState:
    """What a host has of a segment that is as it should be; ``end`` is the last part of its own address."""
    others = tuple(sorted(address_of(each) for each in members if each != name))
    return SegmentState(
        *(of.service, of.network, of.bridge, of.vni, of.mtu),
        address=f"{end}/{of.cidr.partition('/')[2]}" if end else "",
        local=address_of(name) if others else "",
        peers=others,
    )


@st.composite
def _machine(draw: st.DrawFn, back: Segment, number: int) -> Machine:
    # Some are written: never two alike, where hosts would like to have theirs or the one before has its own.
    written = f"10.9.0.{14 - number if number < 3 else number}" if draw(st.booleans()) else None
    nics = () if draw(rarely(one_in=8)) else (on(back, written),)
    return replace(instance("shop-db-0").machine, nics=nics, memory_mib=GIB)


@st.composite
def _met(draw: st.DrawFn, of: Instance, number: int, back: Segment) -> list[InstanceState]:
    """Absent, or somewhere with an address of its own, as it should be or not."""
    how = draw(
        st.sampled_from(["absent", "absent", "same", "same", "same", "stopped", "half", "bare", "twin"])
    )
    if how == "absent":
        return []
    (nic,) = of.machine.nics or (None,)
    address = nic.address if nic and nic.address and draw(st.booleans()) else f"10.9.0.{number}"
    if how == "twin":
        address = "10.9.0.1"  # as somebody else's may be: no plan may make that worse
    nics = () if how == "bare" else (on(back, address),)
    there = replace(of, machine=replace(of.machine, nics=nics))
    place = draw(st.sampled_from(HOSTS))
    make = {"stopped": stopped, "half": incomplete}.get(how, running)
    return [make(there, on=place)]


@st.composite
def _wires(draw: st.DrawFn, name: str, back: Segment) -> SegmentState | None:
    members = draw(st.sampled_from([HOSTS, HOSTS[:2], HOSTS[1:], (name,)]))
    state = present(back, name, f"10.9.0.{14 - HOSTS.index(name)}", members)
    kind = draw(st.sampled_from(["none", "none", "good", "good", "off", "bare", "mtu", "strange"]))
    match kind:
        case "none":
            return None
        case "off":
            return replace(state, up=False)
        case "bare":
            return replace(state, address="", local="", peers=())
        case "mtu":
            return replace(state, mtu=1400)
        case "strange":
            return replace(state, peers=(*state.peers, "192.0.2.99"), address="10.8.0.1/24")
    return state


@st.composite
def wired_worlds(draw: st.DrawFn) -> World:
    """One service on one segment, and a segment of another that nobody asks for any more."""
    back = segment("shop", "back", draw(st.sampled_from(["10.9.0.0/28", "10.9.0.0/28", "10.9.0.0/24"])))
    old = segment("old", "back", "10.8.0.0/24")
    fleet = fleet_of(h0=64 * GIB, h1=64 * GIB, h2=64 * GIB)
    wanted: list[Instance] = []
    states: list[InstanceState] = []
    for number in range(draw(st.integers(1, 7))):
        name = f"shop-{'db' if number % 2 else 'app'}-{number // 2}"
        each = instance(name, draw(_machine(back, number)))
        wanted.append(each)
        states.extend(draw(_met(each, number + 1, back)))
    gone = instance("shop-web-0", replace(wanted[0].machine, nics=(on(back, "10.9.0.9"),)))
    former = instance("old-db-0", replace(wanted[0].machine, nics=(on(old, "10.8.0.1"),)))
    states.extend(running(each, on=draw(st.sampled_from(HOSTS))) for each in (gone, former) if draw(rarely()))
    said = []
    for name in HOSTS:
        segments = [draw(_wires(name, back)), present(old, name, "", (name,)) if draw(rarely()) else None]
        foreign = (ForeignLink(back.bridge),) if segments[0] is None and draw(rarely(one_in=12)) else ()
        said.append(_answer(name, states, [each for each in segments if each], foreign))
    desired = replace(desired_of(fleet, *wanted), segments=(back,), services=("shop",))
    truth = Observed(FLEET, tuple(said))
    silent = {name for name in HOSTS if draw(rarely(one_in=8))}
    return World(desired, _hidden(truth, silent), truth)


def _answer(
    name: str,
    states: Sequence[InstanceState],
    segments: Sequence[SegmentState],
    foreign: tuple[ForeignLink, ...],
) -> HostState:
    state = host_state(name, *(each for each in states if each.host == name))
    ordered = tuple(sorted(segments, key=lambda each: each.bridge))
    return replace(state, address=address_of(name), segments=ordered, foreign_links=foreign)


def _hidden(truth: Observed, silent: set[str]) -> Observed:
    return Observed(
        truth.fleet,
        tuple(each for each in truth.hosts if each.host not in silent),
        tuple(HostUnknown(HostName(name), "no answer within 5 s") for name in sorted(silent)),
    )
