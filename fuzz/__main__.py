"""``scripts/fuzz``: run the targets, print the figures, keep what failed."""

from __future__ import annotations

import argparse
import secrets
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from fuzz.guests import CONTEXT, HOSTS, context_seeds, hosts_seeds
from fuzz.inputs import Input, digest, read, write
from fuzz.run import Failure, Result, choked, run
from fuzz.seeds import ROOT, domain_seeds, loader_seeds
from fuzz.targets import DOMAINS, LOADER, Target
from fuzz.wires import LINKS, links_seeds

KEPT = ROOT / "fuzz" / "failures"
_SEEDS: dict[Target, Callable[[], list[Input]]] = {
    LOADER: loader_seeds,
    DOMAINS: domain_seeds,
    CONTEXT: context_seeds,
    HOSTS: hosts_seeds,
    LINKS: links_seeds,
}
TARGETS = {target.name: target for target in _SEEDS}


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code: 0 where nothing choked, 1 where something did."""
    options = _options().parse_args(argv)
    if options.replay is not None:
        return _replay(options.replay)
    seed = secrets.randbelow(10**9) if options.seed is None else options.seed
    targets = [TARGETS[name] for name in options.targets or sorted(TARGETS)]
    print(f"seed {seed}", flush=True)
    failed = False
    for target in targets:

        def keep(failure: Failure, name: str = target.name) -> None:
            print(_kept(name, failure, options.keep), flush=True)

        result = run(target, _SEEDS[target](), count=options.count, seed=seed, heard=keep)
        print(_figures(result), flush=True)
        failed = failed or bool(result.failures)
    return int(failed)


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", choices=[*sorted(TARGETS), []], help="by default all")
    parser.add_argument("--count", type=int, default=10_000, help="inputs a target [10000]")
    parser.add_argument("--seed", type=int, help="the same seed gives the same inputs")
    parser.add_argument("--keep", type=Path, default=KEPT, help="where failing inputs go [fuzz/failures]")
    parser.add_argument("--replay", type=Path, metavar="FOLDER", help="feed one kept input again")
    return parser


def _figures(result: Result) -> str:
    rate = result.fed / result.seconds if result.seconds else 0.0
    return (
        f"{result.target}: {result.fed} inputs in {result.seconds:.1f} s, {rate:.0f} a second, "
        f"slowest {result.slowest * 1000:.0f} ms, {len(result.failures)} failures"
    )


def _kept(target: str, failure: Failure, keep: Path) -> str:
    folder = keep / f"{target}-{digest(failure.files)}"
    write(failure.files, folder)
    return f"  {failure.error}\n    replay: scripts/fuzz --replay {folder}"


def _replay(folder: Path) -> int:
    target: Target = TARGETS[folder.name.rpartition("-")[0]]
    error = choked(target, read(folder))
    print(error or f"{target.name} takes it")
    return int(bool(error))


if __name__ == "__main__":
    sys.exit(main())
