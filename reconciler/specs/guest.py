"""What a guest is told at boot, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Interface:
    """How a guest is to set up one of its cards: ``address`` with its prefix (``10.42.0.10/24``), or
    None for DHCP; ``mtu`` in bytes, or None for the card's own.
    """

    mac: str
    address: str | None = None
    mtu: int | None = None


@dataclass(frozen=True, slots=True)
class Peer:
    """An instance of the same service, and the address by which a guest reaches it."""

    address: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GuestContext:
    """What a guest is told at boot. ``environment`` and ``cloud_init`` may hold secrets: no repr.

    Once the planner has found the addresses, ``interfaces`` are the cards in their order, ``peers`` the
    lines of ``/etc/hosts``, and no expression is left in ``environment`` and ``cloud_init``.
    """

    hostname: str
    ssh_keys: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    cloud_init: str = field(default="", repr=False)
    """The user's own cloud-config document as text; empty where there is none."""
    interfaces: tuple[Interface, ...] = ()
    peers: tuple[Peer, ...] = ()
