"""Who an instance is to a hypervisor: computed from its key, never stored.

Creating the same instance twice is then refused by the hypervisor itself, and a lost store
changes nothing.
"""

from __future__ import annotations

import uuid

from reconciler.specs.desired import InstanceKey, InstanceUuid

# Fixed for ever: a different namespace would make strangers of every running machine.
_NAMESPACE = uuid.UUID("7d1f4c0e-5f63-5b0c-9a55-6c1b6f1f6a01")


def instance_uuid(fleet: str, key: InstanceKey) -> InstanceUuid:
    """UUID version 5 of (fleet, service, component, ordinal)."""
    # "/" cannot occur in a name, so no two keys share the text.
    text = f"{fleet}/{key.service}/{key.component}/{key.ordinal}"
    return InstanceUuid(str(uuid.uuid5(_NAMESPACE, text)))


def mac_address(instance: InstanceUuid, nic: int) -> str:
    """MAC address of the instance's card number ``nic`` (from 0), in QEMU's range 52:54:00."""
    tail = uuid.uuid5(uuid.UUID(instance), f"nic/{nic}").bytes[:3]
    return "52:54:00:" + ":".join(f"{byte:02x}" for byte in tail)
