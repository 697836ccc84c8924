"""The third document of a NoCloud seed: how the guest is to set up its cards (network-config, version 2)."""

from __future__ import annotations

from collections.abc import Sequence

import yaml

from reconciler.specs.guest import Interface

Setting = bool | int | list[str] | dict[str, str] | str


def network_config(interfaces: Sequence[Interface]) -> str | None:
    """``network-config`` for the cards in their order, or None where nothing is told of them.

    A card is recognised by its MAC address and called ``eth0``, ``eth1``, …: every renderer of
    cloud-init understands that, and some do not understand a match alone. No card gets a gateway
    from us: the networks that we make lead nowhere else.
    """
    if not interfaces:
        return None
    cards = {f"eth{number}": _card(card, f"eth{number}") for number, card in enumerate(interfaces)}
    return yaml.safe_dump({"version": 2, "ethernets": cards}, sort_keys=False, width=2**16)


def _card(card: Interface, name: str) -> dict[str, Setting]:
    settings: dict[str, Setting] = {"match": {"macaddress": card.mac}, "set-name": name}
    if card.address is None:
        settings["dhcp4"] = True
    else:
        settings |= {"dhcp4": False, "dhcp6": False, "addresses": [card.address]}
    if card.mtu is not None:
        settings["mtu"] = card.mtu
    return settings
