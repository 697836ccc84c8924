"""IP networks and addresses in the models."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Annotated

from reconciler.specs.models.base import Parsed, quoted, refuse

_LONGEST_PREFIX = {4: 30, 6: 126}
"""Room for a machine, and for a host that looks after it."""
_SHORTEST_PREFIX = {4: 8, 6: 32}


def _cidr(text: str) -> str:
    address, slash, prefix = text.partition("/")
    try:
        network = ip_network(text, strict=False)
        if slash and not prefix.isdecimal():
            raise ValueError("a netmask")
    except ValueError:
        raise refuse(f"{quoted(text)} is not a network", "write one such as 10.42.0.0/24") from None
    if not slash:
        raise refuse(f"{quoted(text)} has no prefix length", f"write {address}/24" if "." in text else "")
    if str(network.network_address) != str(ip_address(address)):
        raise refuse(f"{quoted(text)} is an address inside of {network}", f"write {network}")
    if network.prefixlen > _LONGEST_PREFIX[network.version]:
        longest = _LONGEST_PREFIX[network.version]
        raise refuse(f"{network} is too small: a machine and its host do not fit", f"/{longest} or larger")
    if network.prefixlen < _SHORTEST_PREFIX[network.version]:
        raise refuse(f"{network} is too large", f"/{_SHORTEST_PREFIX[network.version]} or smaller")
    if network.is_multicast or network.is_loopback or network.is_link_local or network.is_unspecified:
        raise refuse(f"{network} is not for machines", "write a private network such as 10.42.0.0/24")
    return str(network)


def _address(text: str) -> str:
    try:
        address = ip_address(text)
    except ValueError:
        hint = f"write {text.partition('/')[0]}" if "/" in text else ""
        raise refuse(f"{quoted(text)} is not an IP address", hint) from None
    if "%" in text:
        raise refuse("an address here has no zone", f"write {text.partition('%')[0]}")
    return str(address)


def _underlay(text: str) -> str:
    address = ip_address(_address(text))
    if address.is_multicast or address.is_loopback or address.is_unspecified or address.is_link_local:
        raise refuse(f"other hosts cannot reach {address}", "write the address that they know this host by")
    return str(address)


Cidr = Annotated[
    str, Parsed(_cidr, {"type": "string", "pattern": "^[0-9a-fA-F.:]+/[0-9]{1,3}$"}, "a network")
]
OwnAddress = Annotated[str, Parsed(_address, {"type": "string", "pattern": "^[0-9a-fA-F.:]+$"}, "an address")]
UnderlayAddress = Annotated[
    str, Parsed(_underlay, {"type": "string", "pattern": "^[0-9a-fA-F.:]+$"}, "an IP address")
]
