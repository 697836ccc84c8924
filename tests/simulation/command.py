"""``scripts/simulate``: run seeds on every core, and for one that fails say how to see it again."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from multiprocessing import get_context

from tests.simulation.regressions import save
from tests.simulation.scenario import Result, Scenario
from tests.simulation.shrink import shrunk
from tests.simulation.simulation import simulate

_CHUNK = 20
_SHOWN = 5


def main(argv: Sequence[str]) -> int:
    """0 all laws held, 1 one was broken."""
    asked = _parser().parse_args(argv)
    if asked.seed is not None:
        return _one(asked.seed, keep=asked.save)
    since = time.monotonic()
    seeds = range(asked.start, asked.start + asked.seeds)
    failed = [result for result in _results(seeds, asked.jobs) if result.broken]
    seconds = time.monotonic() - since
    for law, count in Counter(result.law for result in failed).most_common():
        print(f"{law}: {count} seeds")
    for result in failed[:_SHOWN]:
        _tell(shrunk(result), keep=asked.save)
    rate = len(seeds) / seconds * 60
    print(
        f"{len(seeds)} seeds, {len(failed)} failed, {seconds:.0f} s, {rate:.0f} a minute, {asked.jobs} cores"
    )
    return 1 if failed else 0


def _one(seed: int, *, keep: bool) -> int:
    """One seed with its trace."""
    result = simulate(Scenario.of(seed))
    for line in result.trace:
        if "plans [] blocked [] unknown []" not in line:
            print(line)
    if not result.broken:
        print(f"seed {seed}: every law held")
        return 0
    _tell(shrunk(result), keep=keep)
    return 1


def _tell(result: Result, *, keep: bool) -> None:
    print(f"\nseed {result.scenario.seed} breaks: {result.broken[0]}")
    for fault in result.scenario.faults:
        when = f"at {fault.at:g} s" if fault.nth is None else f"at call {fault.nth}"
        print(f"    {when}: {fault.kind} number {fault.number}, for {fault.seconds:g} s")
    print(f"  replay: scripts/simulate --seed {result.scenario.seed}")
    if keep:
        print(f"  kept in {save(result, 'found by scripts/simulate')}")


def _results(seeds: Iterable[int], jobs: int) -> Iterable[Result]:
    if jobs == 1:
        yield from map(_run, seeds)
        return
    with get_context("fork").Pool(jobs) as pool:
        yield from pool.imap_unordered(_run, seeds, chunksize=_CHUNK)


def _run(seed: int) -> Result:
    result = simulate(Scenario.of(seed))
    return result if result.broken else Result(result.scenario, (), (), result.calls)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/simulate", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, metavar="N", help="how many seeds (1000)")
    parser.add_argument("--start", type=int, default=0, metavar="S", help="the first of them (0)")
    parser.add_argument("--seed", type=int, metavar="S", help="this one only, with its trace")
    parser.add_argument("--save", action="store_true", help="keep what fails as a regression file")
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="processes at a time"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
