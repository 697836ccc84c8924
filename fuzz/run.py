"""Feed a counted number of broken inputs to a target; keep, and make small, what it chokes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from fuzz.inputs import Input
from fuzz.mutate import broken
from fuzz.targets import Target

_MOST_TRIES = 400  # to make a failing input smaller


@dataclass(frozen=True, slots=True)
class Failure:
    """An input that a target choked on, and the first line of how."""

    files: Input
    error: str


@dataclass(frozen=True, slots=True)
class Result:
    """How many inputs were fed in how many seconds, the slowest of them, and the failures, one a kind."""

    target: str
    fed: int
    seconds: float
    slowest: float
    failures: tuple[Failure, ...]


def run(
    target: Target, seeds: Sequence[Input], *, count: int, seed: int, heard: Callable[[Failure], None]
) -> Result:
    """Feed ``count`` inputs; number ``n`` of a seed is always the same one. ``heard`` is told of each failure
    as it comes.
    """
    found: dict[str, Failure] = {}
    began, slowest = time.perf_counter(), 0.0
    for number in range(count):
        files = broken(seeds, Random(f"{seed}/{number}"))
        start = time.perf_counter()
        error = choked(target, files)
        slowest = max(slowest, time.perf_counter() - start)
        if error and _kind(error) not in found:
            failure = Failure(_smaller(files, lambda each: choked(target, each), error), error)
            found[_kind(error)] = failure
            heard(failure)
    return Result(target.name, count, time.perf_counter() - began, slowest, tuple(found.values()))


def choked(target: Target, files: Input) -> str:
    """How a target chokes on an input, in a line; empty where it does not."""
    try:
        target.feed(files)
    except Exception as error:  # noqa: BLE001 - finding what nobody thought of is what this is for
        return f"{type(error).__name__}: {error}".splitlines()[0] + f" ({_where(error)})"
    return ""


def _where(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"


def _kind(error: str) -> str:
    """The same bug chokes on many inputs: by exception and line (too deep is too deep anywhere)."""
    exception = error.partition(":")[0]
    return exception if exception == RecursionError.__name__ else exception + error.rpartition("(")[2]


def _smaller(files: Input, choke: Callable[[Input], str], error: str) -> Input:
    """Drop lines, halves first, as long as it chokes in the same way."""
    tries = 0
    for name in sorted(files):
        size = max(1, len(files[name].splitlines()) // 2)
        while size and tries < _MOST_TRIES:
            lines, at = files[name].splitlines(keepends=True), 0
            while at < len(lines) and tries < _MOST_TRIES:
                tries += 1
                fewer = {**files, name: b"".join(lines[:at] + lines[at + size :])}
                if _kind(choke(fewer)) == _kind(error):
                    files, lines = fewer, lines[:at] + lines[at + size :]
                else:
                    at += size
            size //= 2
    return files
