"""Amounts as people write them."""

from __future__ import annotations

_UNITS = ((1024 * 1024, "TiB"), (1024, "GiB"))


def mib(amount: int) -> str:
    """MiB as text in the largest unit that is exact: ``8 GiB``, ``1536 MiB``."""
    for factor, unit in _UNITS:
        if amount and amount % factor == 0:
            return f"{amount // factor} {unit}"
    return f"{amount} MiB"
