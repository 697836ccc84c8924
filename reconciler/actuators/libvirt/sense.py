"""What a domain is doing, out of libvirt's numbers for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import libvirt

from reconciler.actuators.libvirt.errors import is_gone
from reconciler.state import MIGRATING, Power

_POWERS: Mapping[int, Power] = {
    libvirt.VIR_DOMAIN_NOSTATE: Power.RUNNING,
    libvirt.VIR_DOMAIN_RUNNING: Power.RUNNING,
    libvirt.VIR_DOMAIN_BLOCKED: Power.RUNNING,
    libvirt.VIR_DOMAIN_SHUTDOWN: Power.RUNNING,  # on its way down, and still there
    libvirt.VIR_DOMAIN_PAUSED: Power.PAUSED,
    libvirt.VIR_DOMAIN_PMSUSPENDED: Power.PAUSED,
    libvirt.VIR_DOMAIN_SHUTOFF: Power.STOPPED,
    libvirt.VIR_DOMAIN_CRASHED: Power.STOPPED,
}

# The words of `virsh domstate --reason`.
_WHY_PAUSED: Mapping[int, str] = {
    libvirt.VIR_DOMAIN_PAUSED_USER: "user",
    libvirt.VIR_DOMAIN_PAUSED_MIGRATION: "migrating",
    libvirt.VIR_DOMAIN_PAUSED_SAVE: "saving",
    libvirt.VIR_DOMAIN_PAUSED_DUMP: "dumping",
    libvirt.VIR_DOMAIN_PAUSED_IOERROR: "I/O error",
    libvirt.VIR_DOMAIN_PAUSED_WATCHDOG: "watchdog",
    libvirt.VIR_DOMAIN_PAUSED_FROM_SNAPSHOT: "from snapshot",
    libvirt.VIR_DOMAIN_PAUSED_SHUTTING_DOWN: "shutting down",
    libvirt.VIR_DOMAIN_PAUSED_SNAPSHOT: "creating snapshot",
    libvirt.VIR_DOMAIN_PAUSED_CRASHED: "crashed",
    libvirt.VIR_DOMAIN_PAUSED_STARTING_UP: "starting up",
    libvirt.VIR_DOMAIN_PAUSED_POSTCOPY: "post-copy",
    libvirt.VIR_DOMAIN_PAUSED_POSTCOPY_FAILED: "post-copy failed",
}
_WHY_STOPPED: Mapping[int, str] = {
    libvirt.VIR_DOMAIN_SHUTOFF_SHUTDOWN: "shutdown",
    libvirt.VIR_DOMAIN_SHUTOFF_DESTROYED: "destroyed",
    libvirt.VIR_DOMAIN_SHUTOFF_CRASHED: "crashed",
    libvirt.VIR_DOMAIN_SHUTOFF_MIGRATED: "migrated",
    libvirt.VIR_DOMAIN_SHUTOFF_SAVED: "saved",
    libvirt.VIR_DOMAIN_SHUTOFF_FAILED: "failed",
    libvirt.VIR_DOMAIN_SHUTOFF_FROM_SNAPSHOT: "from snapshot",
    libvirt.VIR_DOMAIN_SHUTOFF_DAEMON: "daemon",
}


_LONG_MS = 1000
_BUSY = (libvirt.VIR_DOMAIN_CONTROL_JOB, libvirt.VIR_DOMAIN_CONTROL_OCCUPIED)


@dataclass(frozen=True, slots=True)
class Sense:
    """What a domain is doing, and the hypervisor's reason in its own words (or nothing)."""

    power: Power
    detail: str = ""


def sense(state: int, reason: int) -> Sense:
    """Read a state and its reason. A state that is not known is one that must not be acted upon."""
    power = _POWERS.get(state, Power.PAUSED)
    if state == libvirt.VIR_DOMAIN_PAUSED:
        return Sense(power, _WHY_PAUSED.get(reason, ""))
    if state == libvirt.VIR_DOMAIN_SHUTOFF:
        return Sense(power, _WHY_STOPPED.get(reason, ""))
    if state == libvirt.VIR_DOMAIN_PMSUSPENDED:
        return Sense(power, "suspended by the guest")
    if state == libvirt.VIR_DOMAIN_CRASHED:
        return Sense(power, "crashed")
    return Sense(power)


def about(domain: libvirt.virDomain) -> str:
    """What a machine that runs and is on a journey is about: nothing, or it is not done with that.

    A migration that was called off may last for as long as TCP takes to notice that the line is cut.
    """
    try:
        return MIGRATING if is_moving(domain) else ""
    except libvirt.libvirtError as error:
        if is_gone(error):
            return ""  # since it was listed
        raise


def is_moving(domain: libvirt.virDomain) -> bool:
    """Whether libvirt is at something long with a domain: a migration, or taking one back."""
    return _is_stuck(domain) or bool(domain.jobInfo()[0] != libvirt.VIR_DOMAIN_JOB_NONE)


def _is_stuck(domain: libvirt.virDomain) -> bool:
    """Whether it is kept by something that does not end: any question waits for half a minute behind that."""
    try:
        state, _, waited_ms = domain.controlInfo()
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_SUPPORT:
            return False  # the test driver has no QEMU
        raise
    return bool(state in _BUSY and waited_ms > _LONG_MS)
