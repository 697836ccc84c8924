"""Which base images the hosts hold, and what needs each: the answer to ``reconcile images``."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from reconciler.engine.hosts import Hosts
from reconciler.errors import DeadlineExceeded, HostError
from reconciler.planner.pruning import Holdings, title_of
from reconciler.specs.desired import Desired, HostName, Sha256
from reconciler.state import HostUnknown, Observed, StoredImage

_SECONDS = 120.0
"""A host of thousands of volumes is asked for each."""


@dataclass(frozen=True, slots=True)
class Stock:
    """What was seen, and what each host that could tell holds; the others are unknown."""

    observed: Observed
    holdings: Holdings


@dataclass(frozen=True, slots=True)
class HeldImage:
    """One file of a base image on one host; ``name`` is None where no image that is declared has it.
    What is left of telling pools apart has its own.
    """

    host: HostName
    name: str | None
    sha256: Sha256
    size_bytes: int
    users: tuple[str, ...]
    whole: bool


async def take_stock(hosts: Hosts, observed: Observed) -> Stock:
    """Ask every host that has answered. One that cannot tell counts as unknown."""
    names = [state.host for state in observed.hosts]
    answers = await asyncio.gather(*(_of(hosts, name) for name in names))
    holdings = {
        name: answer
        for name, answer in zip(names, answers, strict=True)
        if not isinstance(answer, HostUnknown)
    }
    silent = (*observed.unknown, *(answer for answer in answers if isinstance(answer, HostUnknown)))
    telling = tuple(state for state in observed.hosts if state.host in holdings)
    unknown = tuple(sorted(silent, key=lambda each: each.host))
    return Stock(replace(observed, hosts=telling, unknown=unknown), holdings)


async def _of(hosts: Hosts, name: HostName) -> tuple[StoredImage, ...] | HostUnknown:
    try:
        async with asyncio.timeout(_SECONDS):
            return await hosts.actuator(name).images()
    except HostError as error:
        return HostUnknown(name, error.message)
    except TimeoutError:
        return HostUnknown(name, DeadlineExceeded(name, "taking stock", after=_SECONDS).message)


def images_of(stock: Stock, desired: Desired) -> tuple[HeldImage, ...]:
    """Everything that is held, by host and digest."""
    return tuple(
        HeldImage(
            host,
            each.probe or title_of(each.sha256, desired),
            each.sha256,
            each.size_bytes,
            each.users,
            each.whole,
        )
        for host in sorted(stock.holdings)
        for each in stock.holdings[host]
    )
