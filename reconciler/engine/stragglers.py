"""Wait for many hosts without letting one of them hold up the rest.

A host that is far slower than the others is left out of this round, not waited for to the end of
its deadline. In a small fleet everybody is waited for: there is no crowd to be slower than.
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
_FACTOR = 4.0
_FLOOR = 1.0


async def gather_all_but_stragglers(tasks: Mapping[HostName, asyncio.Task[_T]]) -> Mapping[HostName, _T]:
    """The answers that came in time. Tasks that did not are cancelled and have ended on return.

    The first quarter that is missing is waited for four times as long as the others took, and for
    no less than a second. A task that raises lets its error through.
    """
    clock = asyncio.get_running_loop().time
    since = clock()
    pending = set(tasks.values())
    try:
        while pending and (len(tasks) < _SMALL or len(pending) > len(tasks) * (1 - _QUORUM)):
            _, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        if pending:
            _, pending = await asyncio.wait(pending, timeout=max(_FLOOR, _FACTOR * (clock() - since)))
        return {host: task.result() for host, task in tasks.items() if task not in pending}
    finally:
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
