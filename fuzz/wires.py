"""What ``ip -j`` and ``bridge -j`` say of a host's links, as a broken or hostile host would say it."""

from __future__ import annotations

import json

from fuzz.inputs import Input
from fuzz.targets import FLEET, Target
from reconciler.actuators.libvirt.iproute import read_links
from reconciler.actuators.links import Link, alias_of, seen_by
from reconciler.specs.identity import bridge_of, link_mac, vni_of, vxlan_of

_PRINTED = "links"
_HOST = "hv1"


def feed_links(files: Input) -> None:
    """It is understood or refused, and nobody else's link is taken for ours."""
    text = files[_PRINTED].decode("utf-8", "surrogateescape" if len(files[_PRINTED]) % 2 else "replace")
    try:
        links = read_links(text)
    except ValueError:
        return
    seen = seen_by(FLEET, _HOST, links)
    by_name = {link.name: link for link in links}
    for segment in seen.segments:
        assert bridge_of(segment.vni) == segment.bridge
        own = [by_name[name] for name in (segment.bridge, vxlan_of(segment.vni)) if name in by_name]
        assert any(_bears_our_mark(link) for link in own), segment


def _bears_our_mark(link: Link) -> bool:
    return link.alias.startswith(f"reconciler:{FLEET}/") or link.mac == link_mac(FLEET, _HOST, link.name)


def links_seeds() -> list[Input]:
    """A host with a segment, one whose segment has no owner yet, one with somebody else's, an empty one."""
    vni = vni_of(FLEET, "shop", "back")
    bridge, vxlan, alias = bridge_of(vni), vxlan_of(vni), alias_of(FLEET, "shop", "back")
    newborn = {"address": link_mac(FLEET, _HOST, bridge), "ifalias": ""}
    said = [
        _printed(_link(bridge, alias), _link(vxlan, alias, vni)),
        _printed({**_link(bridge, alias), **newborn}, _link(vxlan, alias, vni)),
        _printed(_link(bridge, alias_of("other", "shop", "back")), _link("vx0", "", vni)),
        "[]\n[]\n",
    ]
    return [{_PRINTED: text.encode()} for text in said]


def _link(name: str, alias: str, vni: int | None = None) -> dict[str, object]:
    address = {"family": "inet", "local": "10.42.0.254", "prefixlen": 24, "scope": "global"}
    return {
        "ifname": name,
        "flags": ["BROADCAST", "UP"],
        "mtu": 1450,
        "ifalias": alias,
        "address": "02:00:00:00:00:01",
        "addr_info": [] if vni else [address],
        "linkinfo": {"info_data": {"id": vni, "local": "10.0.0.1"} if vni else {"stp_state": 0}},
    }


def _printed(bridge: dict[str, object], vxlan: dict[str, object]) -> str:
    entries = [
        {"mac": "00:00:00:00:00:00", "dst": "10.0.0.3", "flags": ["self"]},
        {"mac": "52:54:00:3c:ee:25", "dst": "10.0.0.2"},
    ]
    lines = [json.dumps([bridge, {}]), json.dumps([vxlan]), str(vxlan["ifname"]), json.dumps(entries), ""]
    return "\n".join(lines)


LINKS = Target("links", feed_links)
