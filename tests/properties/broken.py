"""Copies of the planner with one line changed: what the laws must catch.

A copy is imported from the planner's own source, so a mutant whose line is gone from the source
fails loudly instead of testing nothing.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType

from tests.properties.laws import Planner

PACKAGE = "reconciler.planner"


@dataclass(frozen=True)
class Line:
    """One line of the planner (part of one is enough, if it is there once), and what it becomes."""

    module: str
    was: str
    now: str = ""


def broken(line: Line) -> Planner:
    """The planner with that line changed."""
    planner = imported(line, PACKAGE)
    return Planner(planner.make_plan, planner.after, planner.confirmed)


def imported(line: Line, module: str) -> ModuleType:
    """A module of the planner, with that line changed wherever it is."""
    with _apart():
        sys.meta_path.insert(0, _Finder(line))
        try:
            found = importlib.import_module(module)
            for name in getattr(found, "__all__", ()):
                # What is imported late is imported now.
                getattr(found, name)
            return found
        finally:
            del sys.meta_path[0]


@contextmanager
def _apart() -> Iterator[None]:
    """The planner is imported anew inside, and is the true one again outside."""

    def ours() -> list[str]:
        return [name for name in sys.modules if name == PACKAGE or name.startswith(f"{PACKAGE}.")]

    true = {name: sys.modules.pop(name) for name in ours()}
    room = importlib.import_module("reconciler")
    try:
        yield
    finally:
        for name in ours():
            del sys.modules[name]
        sys.modules.update(true)
        if PACKAGE in true:
            room.planner = true[PACKAGE]  # type: ignore[attr-defined]


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the one module with another loader."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != f"{PACKAGE}.{self._line.module}":
            return None
        found = importlib.machinery.PathFinder.find_spec(name, path)
        assert found is not None and found.origin is not None
        loader = _Loader(name, found.origin, self._line)
        return importlib.util.spec_from_file_location(name, found.origin, loader=loader)


class _Loader(importlib.machinery.SourceFileLoader):
    """Reads the source with the line changed, and leaves no bytecode of it."""

    def __init__(self, name: str, path: str, line: Line) -> None:
        super().__init__(name, path)
        self._line = line

    def get_code(self, fullname: str):  # type: ignore[no-untyped-def]
        source = self.get_data(self.path).decode()
        assert source.count(self._line.was) == 1, f"{self._line} is not once in the source"
        return compile(source.replace(self._line.was, self._line.now), f"<broken {fullname}>", "exec")
