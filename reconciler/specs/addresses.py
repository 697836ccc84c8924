"""IP networks and addresses: which of them a machine can have."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address


def usable(network: Network) -> int:
    """How many addresses of a network machines and hosts can have."""
    return network.num_addresses - (2 if network.version == 4 else 1)


def unusable(address: Address, network: Network) -> str | None:
    """Why nobody can have an address on a network, or None where somebody can."""
    if address not in network:
        return f"{address} is not in {network}"
    if address == network.network_address:
        return f"{address} is the network itself"
    if network.version == 4 and address == network.broadcast_address:
        return f"{address} is the network's broadcast address"
    return None


def from_the_top(network: Network) -> int:
    """The highest address that can be had, as a number."""
    return int(network.broadcast_address) - (1 if network.version == 4 else 0)
