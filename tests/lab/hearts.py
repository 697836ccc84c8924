"""The heartbeats of one guest on two hosts, listened to all the time: does it ever run twice?"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import pairwise

Counts = tuple[int, ...]
"""How often the guest has beaten on each host so far; a console that begins anew counts from nothing."""
_EVERY_S = 0.25


def beats_twice(samples: Sequence[Counts]) -> str:
    """Where a heart went on after another had taken over from it; empty where none did.

    A machine that moves beats here, then there. One that beats here, there and here again runs twice,
    for in between it was not moved back.
    """
    heard: list[int] = []
    for before, after in pairwise(samples):
        for host in (index for index, (was, now) in enumerate(zip(before, after, strict=True)) if now > was):
            if host in heard and heard[-1] != host:
                return f"host {host} went on after host {heard[-1]}: {before} {after}"
            heard.append(host)
    return ""


class Ear:
    """What has been heard so far."""

    def __init__(self, count: Callable[[], Counts]) -> None:
        self._count = count
        self._samples: list[Counts] = []
        self._over = threading.Event()

    def check(self) -> None:
        """Fail where the guest has run twice."""
        assert not (found := beats_twice(tuple(self._samples))), found

    def listen(self) -> None:
        """Until it is told to end."""
        while not self._over.wait(_EVERY_S):
            with suppress(FileNotFoundError):  # a console ends with its machine, between two questions
                self._samples.append(self._count())

    def end(self) -> None:
        """Hear no more."""
        self._over.set()


@contextmanager
def listening(count: Callable[[], Counts]) -> Iterator[Ear]:
    """Count again and again within the block, from a thread of its own."""
    ear = Ear(count)
    thread = threading.Thread(target=ear.listen, daemon=True)
    thread.start()
    try:
        yield ear
    finally:
        ear.end()
        thread.join()
