"""Virtual time: how long each effect takes, and who makes the time pass."""

from __future__ import annotations

from typing import Protocol

from reconciler.actuators.sim.effects import (
    AddVolume,
    Cut,
    Effect,
    GuestUp,
    PowerOff,
    Sicken,
    SickenImage,
    Silence,
    StoreImage,
)

IMAGE_MIB = 512
"""Size that every image file is taken to have: nothing is downloaded for a simulated host."""

_CALL = 0.01
_BOOT = 5.0
_SHUTDOWN = 3.0
_TRANSFER_MIB_A_SECOND = 100
_MIGRATE_MIB_A_SECOND = 1_000
_WRITE_MIB_A_SECOND = 20_000


class Clock(Protocol):
    """Makes virtual time pass; where tasks take turns is up to it."""

    async def sleep(self, seconds: float) -> None:
        """Return when that much virtual time has passed."""
        ...


def copying(memory_mib: int, disk_mib: int) -> float:
    """Virtual seconds in which a running machine's memory, and its disks, go from host to host."""
    return (memory_mib + disk_mib) / _MIGRATE_MIB_A_SECOND


def duration(effect: Effect) -> float:
    """Virtual seconds that pass before an effect is there."""
    match effect:
        case StoreImage():
            return IMAGE_MIB / _TRANSFER_MIB_A_SECOND
        case AddVolume(size_mib=size_mib):
            return size_mib / _WRITE_MIB_A_SECOND
        case GuestUp():
            return _BOOT
        case PowerOff():
            return _SHUTDOWN
        case Sicken() | SickenImage() | Silence() | Cut():
            return 0.0
        case _:  # anything else is one call
            return _CALL
