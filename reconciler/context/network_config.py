"""``network-config`` of a NoCloud seed, version 2: how a guest sets up its cards."""

from __future__ import annotations

import yaml

from reconciler.specs.desired import Interface


def network_config(interfaces: tuple[Interface, ...]) -> str:
    """Each card, found by its MAC address, with its own address, or DHCP where it has none."""
    cards = {f"card{number}": _card(interface) for number, interface in enumerate(interfaces)}
    return yaml.safe_dump({"version": 2, "ethernets": cards}, sort_keys=True, width=2**16)


def _card(interface: Interface) -> dict[str, object]:
    card: dict[str, object] = {"match": {"macaddress": interface.mac}}
    if interface.address is None:
        card["dhcp4"] = True
    else:
        card["addresses"] = [interface.address]
    if interface.mtu is not None:
        card["mtu"] = interface.mtu
    return card
