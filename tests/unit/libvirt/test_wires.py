"""Links as iproute2 prints them, and the commands that are worked out from them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from reconciler.actions import PutNetwork
from reconciler.actuators.libvirt.iproute import read_links
from reconciler.actuators.libvirt.wires import in_a_row, making, removing, understood
from reconciler.actuators.links import Link, LinkKind, alias_of, seen_by
from reconciler.errors import ActionFailed
from reconciler.specs.desired import HostName
from reconciler.specs.identity import link_mac, vxlan_of
from reconciler.state import ForeignLink
from tests.properties.wired import segment

BACK = segment("shop", "back", "10.42.0.0/24")
VXLAN = vxlan_of(BACK.vni)
ALIAS = alias_of("lab", "shop", "back")
PUT = PutNetwork(HostName("hv1"), BACK, "10.42.0.254/24", "10.0.0.1", ("10.0.0.2", "10.0.0.3"))

# As iproute2 6.1 prints them, without what nobody reads.
_BRIDGES = [
    {
        "ifname": BACK.bridge,
        "flags": ["BROADCAST", "UP", "LOWER_UP"],
        "mtu": 1450,
        "ifalias": ALIAS,
        "linkinfo": {"info_kind": "bridge", "info_data": {"forward_delay": 0, "stp_state": 0}},
        "addr_info": [
            {"family": "inet", "local": "10.42.0.254", "prefixlen": 24, "scope": "global"},
            {"family": "inet6", "local": "fe80::1", "prefixlen": 64, "scope": "link"},
        ],
    },
    {},
    {"ifname": "br0", "flags": ["UP"], "mtu": 1500, "addr_info": []},
]
_VXLANS = [
    {
        "ifname": VXLAN,
        "flags": ["UP"],
        "mtu": 1450,
        "master": BACK.bridge,
        "ifalias": ALIAS,
        "linkinfo": {"info_kind": "vxlan", "info_data": {"id": BACK.vni, "local": "10.0.0.1", "port": 4789}},
    }
]
_ENTRIES = [
    {"mac": "12:91:b8:c9:43:2b", "flags": [], "state": "permanent"},
    {"mac": "00:00:00:00:00:00", "dst": "10.0.0.3", "flags": ["self"], "state": "permanent"},
    {"mac": "00:00:00:00:00:00", "dst": "10.0.0.2", "flags": ["self"], "state": "permanent"},
    {"mac": "52:54:00:3c:ee:25", "dst": "10.0.0.2", "flags": ["self"], "state": ""},
]
PRINTED = "\n".join([json.dumps(_BRIDGES), json.dumps(_VXLANS), VXLAN, json.dumps(_ENTRIES), ""])


def test_a_segment_is_read_from_what_ip_and_bridge_print() -> None:
    seen = seen_by("lab", "hv1", read_links(PRINTED))
    assert seen.segments == (PUT.wanted,)
    assert seen.bridges == ("br0",)
    assert seen.foreign == ()


def test_another_fleet_sees_foreign_links() -> None:
    seen = seen_by("other", "hv1", read_links(PRINTED))
    assert seen.segments == ()
    assert seen.foreign == (ForeignLink(BACK.bridge), ForeignLink(VXLAN, BACK.vni))


def test_an_alias_that_does_not_go_with_the_name_is_nobodys_mark() -> None:
    copied = Link(BACK.bridge, LinkKind.BRIDGE, alias_of("lab", "shop", "front"))
    assert seen_by("lab", "hv1", [copied]).segments == ()
    assert seen_by("lab", "hv1", [copied]).foreign == (ForeignLink(BACK.bridge),)


def test_a_link_that_has_no_alias_yet_is_known_by_the_address_it_was_born_with() -> None:
    newborn = Link(VXLAN, LinkKind.VXLAN, mac=link_mac("lab", "hv1", VXLAN), vni=BACK.vni)
    (half,) = seen_by("lab", "hv1", [newborn]).segments
    assert (half.title, half.bridge, half.up) == (VXLAN, BACK.bridge, False)
    for fleet, host in (("other", "hv1"), ("lab", "hv2")):
        assert seen_by(fleet, host, [newborn]).foreign == (ForeignLink(VXLAN, BACK.vni),)
    bridge = Link(BACK.bridge, LinkKind.BRIDGE, ALIAS)
    (beside,) = seen_by("lab", "hv1", [newborn, bridge]).segments
    assert (beside.title, beside.up) == ("shop.back", False)


def test_a_host_without_links_prints_empty_lists() -> None:
    assert read_links("[]\n[]\n") == ()


@pytest.mark.parametrize("text", ["", "[]", "[]\n{}", "[]\n[]\nrx000001", "no json\n[]"])
def test_anything_else_is_an_error(text: str) -> None:
    with pytest.raises(ValueError):
        read_links(text)
    with pytest.raises(ActionFailed, match="hv1: what `ip -j`"):
        understood("hv1", text)


def test_a_segment_that_is_as_it_should_be_gets_nothing_that_changes_it() -> None:
    harmless = ("set", "-c")
    left = [
        command for command in making(PUT, "lab", read_links(PRINTED)) if not set(command) & set(harmless)
    ]
    assert left == []


def test_the_owners_mark_comes_at_once_after_each_link() -> None:
    commands = list(making(PUT, "lab", ()))
    for number, command in enumerate(commands):
        if command[:3] == ["ip", "link", "add"]:
            assert commands[number + 1] == ["ip", "link", "set", "dev", command[4], "alias", ALIAS]


def test_peers_come_and_go_one_by_one() -> None:
    fewer = PutNetwork(PUT.host, BACK, PUT.address, PUT.local, ("10.0.0.2", "10.0.0.4"))
    changes = [command[2:] for command in making(fewer, "lab", read_links(PRINTED)) if command[0] == "bridge"]
    everyone = ["00:00:00:00:00:00", "dev", VXLAN, "dst"]
    assert changes == [["append", *everyone, "10.0.0.4"], ["delete", *everyone, "10.0.0.3"]]


def test_only_what_is_there_is_deleted_and_only_if_nothing_is_plugged_in() -> None:
    check, *rest = removing(BACK.bridge, VXLAN, read_links(PRINTED))
    assert list(check[-2:]) == [BACK.bridge, VXLAN]
    assert rest == [["ip", "link", "delete", "dev", VXLAN], ["ip", "link", "delete", "dev", BACK.bridge]]
    assert len(list(removing(BACK.bridge, VXLAN, ()))) == 1


def test_commands_are_quoted_for_the_shell() -> None:
    assert in_a_row([["a", "b c"], ["$(d)"]]) == "a 'b c' && '$(d)'"


def test_running_guests_get_another_mtu_before_their_bridge_has_it() -> None:
    larger = replace(PUT, segment=replace(BACK, mtu=8950))
    commands = [" ".join(command) for command in making(larger, "lab", read_links(PRINTED))]
    at = next(number for number, command in enumerate(commands) if "vnet*" in command)
    assert commands[at].endswith(f"sh {BACK.bridge} 8950")
    assert commands.index(f"ip link set dev {BACK.bridge} mtu 8950 up") > at
    assert not any("vnet*" in " ".join(command) for command in making(PUT, "lab", read_links(PRINTED)))
