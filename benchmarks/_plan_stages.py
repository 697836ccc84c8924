"""Where the time of one ``reconcile plan --snapshot`` goes: the same functions, wrapped in a clock.

Of a function that others of these call, only its own time is counted.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TypeVar

_STARTED = time.perf_counter()
_T = TypeVar("_T")

_STAGES = (
    ("load", "reconciler.cli.session", "load"),
    ("snapshot", "reconciler.state", "from_json"),
    ("sort", "reconciler.planner.make", "sorted_desired"),
    ("sort", "reconciler.planner.make", "sorted_observed"),
    ("digests", "reconciler.planner.make", "digest_of"),
    ("prepare", "reconciler.planner.surging", "prepared"),
    ("diff", "reconciler.planner.surging", "judge"),
    ("place", "reconciler.planner.make", "board_of"),
    ("place", "reconciler.planner.make", "held_back"),
    ("order", "reconciler.planner.make", "steps_of"),
    ("guard", "reconciler.engine.rounds", "guarded"),
    ("render", "reconciler.cli.plan", "show_plan"),
)
_DIGEST = ("digests", "reconciler.state", "Observed", "digest")


class Clock:
    """Adds up the time of each stage."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}
        self._inner: list[float] = []

    def around(self, stage: str, function: Callable[..., _T]) -> Callable[..., _T]:
        """The same function, and its time counted."""

        def timed(*args: object, **options: object) -> _T:
            since = time.perf_counter()
            self._inner.append(0.0)
            try:
                return function(*args, **options)
            finally:
                taken = time.perf_counter() - since
                own = taken - self._inner.pop()
                if self._inner:
                    self._inner[-1] += taken
                self.spent[stage] = self.spent.get(stage, 0.0) + own

        return timed


def main() -> None:
    """Run it, and print the milliseconds of each stage."""
    import contextlib
    import os

    directory, snapshot = sys.argv[1:]
    clock = Clock()
    from reconciler.cli.main import run

    for name in ("plan", "session"):
        import_module(f"reconciler.cli.{name}")
    clock.spent["import"] = time.perf_counter() - _STARTED
    for stage, module, name in _STAGES:
        holder = import_module(module)
        setattr(holder, name, clock.around(stage, getattr(holder, name)))
    stage, module, kind, name = _DIGEST
    owner = getattr(import_module(module), kind)
    setattr(owner, name, clock.around(stage, getattr(owner, name)))
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):
        clock.around("other", run)(["plan", directory, "--snapshot", snapshot, "-o", "json"])
    for stage, seconds in clock.spent.items():
        print(f"{stage}\t{seconds * 1000:.1f}")


if __name__ == "__main__":
    main()
