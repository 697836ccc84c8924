"""Who an instance is to a hypervisor: computed from its key, never stored.

Creating the same instance twice is then refused by the hypervisor itself, and a lost store
changes nothing.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from functools import lru_cache

from reconciler.specs.desired import InstanceKey, InstanceUuid

LONGEST_NAME = 63
"""Of an instance: what hypervisors and guests take for a host's name."""

# Fixed for ever: a different namespace would make strangers of every running machine.
_NAMESPACE = uuid.UUID("7d1f4c0e-5f63-5b0c-9a55-6c1b6f1f6a01")


def instance_uuid(fleet: str, key: InstanceKey) -> InstanceUuid:
    """UUID version 5 of (fleet, service, component, ordinal)."""
    # "/" cannot occur in a name, so no two keys share the text.
    text = f"{fleet}/{key.service}/{key.component}/{key.ordinal}"
    return InstanceUuid(str(uuid.uuid5(_NAMESPACE, text)))


def mac_address(instance: InstanceUuid, nic: int) -> str:
    """MAC address of the instance's card number ``nic`` (from 0), in QEMU's range 52:54:00."""
    # The first bytes of the UUID of version 5 of (instance, "nic/<nic>"), without the making of two UUIDs.
    own = bytes.fromhex(instance.replace("-", ""))
    tail = hashlib.sha1(own + f"nic/{nic}".encode(), usedforsecurity=False).digest()[:3]
    return "52:54:00:" + tail.hex(":")


_OWN_LINK = re.compile(r"r[cx][0-9a-f]{6}")
_MOST_VNIS = (1 << 24) - 1


def vni_of(fleet: str, service: str, network: str) -> int:
    """VXLAN network identifier of a segment: 24 bits of (fleet, service, network), and never 0."""
    digest = uuid.uuid5(_NAMESPACE, f"{fleet}/{service}/{network}/vni").int
    return 1 + digest % _MOST_VNIS


def bridge_of(vni: int) -> str:
    """Name of a segment's bridge, on every host that has it."""
    return f"rc{vni:06x}"


def vni_of_bridge(bridge: str) -> int:
    """The VNI in the name of a segment's bridge."""
    return int(bridge[2:], 16)


def vxlan_of(vni: int) -> str:
    """Name of the device that joins a segment's bridge to its peers."""
    return f"rx{vni:06x}"


@lru_cache(maxsize=1 << 16)
def is_own_link(name: str) -> bool:
    """Whether a name is one that we give to bridges and VXLAN devices. All cards of a fleet are on few."""
    return _OWN_LINK.fullmatch(name) is not None


def link_mac(fleet: str, host: str, link: str) -> str:
    """MAC address of a link that we make: another on each host, and a first mark of whose it is."""
    tail = uuid.uuid5(_NAMESPACE, f"{fleet}/{host}/{link}/mac").bytes[:5]
    return "02:" + ":".join(f"{byte:02x}" for byte in tail)
