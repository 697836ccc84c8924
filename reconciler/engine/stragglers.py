"""Wait for many hosts without letting one of them hold up the rest.

A host that takes more than twice as long as all that have answered is left out of this round, not
waited for to the end of its deadline. In a small fleet everybody is waited for: there is no crowd to be
slower than.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TypeVar

from reconciler.specs.desired import HostName

_T = TypeVar("_T")

_SMALL = 4
_QUORUM = 0.75
"""The share of hosts whose answers say what is usual."""
_FACTOR = 1.0
"""As long again as it has taken so far: what one silent host may cost the others."""
_FLOOR = 1.0


async def gather_all_but_stragglers(tasks: Mapping[HostName, asyncio.Task[_T]]) -> Mapping[HostName, _T]:
    """The answers that came in time. Tasks that did not are cancelled and have ended on return.

    Once three quarters have answered, each answer is waited for as long again as the one before it
    took, and for no less than a second. A task that raises lets its error through.
    """
    clock = asyncio.get_running_loop().time
    since = clock()
    pending = set(tasks.values())
    try:
        patience: float | None = None
        while pending:
            answered, pending = await asyncio.wait(
                pending, timeout=patience, return_when=asyncio.FIRST_COMPLETED
            )
            if not answered:
                break
            if len(tasks) >= _SMALL and len(pending) <= len(tasks) * (1 - _QUORUM):
                patience = max(_FLOOR, _FACTOR * (clock() - since))
        return {host: task.result() for host, task in tasks.items() if task not in pending}
    finally:
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
