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
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import ParamSpec, TypeVar

from tests.properties.laws import Planner

PACKAGE = "reconciler.planner"

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Line:
    """One line of the planner (part of one is enough, if it is there once), and what it becomes."""

    module: str
    was: str
    now: str = ""


def broken(line: Line) -> Planner:
    """The planner with that line changed."""
    modules: dict[str, ModuleType] = {}
    planner = imported(line, PACKAGE, modules)
    functions = (planner.make_plan, planner.after, planner.confirmed)
    return Planner(*(within(line, modules, each) for each in functions))


def within(line: Line, modules: dict[str, ModuleType], function: Callable[P, T]) -> Callable[P, T]:
    """A function of a planner with that line changed: some of it is imported only when it is used."""

    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        with _apart(line, modules):
            return function(*args, **kwargs)

    return call


def imported(line: Line, module: str, modules: dict[str, ModuleType] | None = None) -> ModuleType:
    """A module of the planner, with that line changed wherever it is; ``modules`` receives all of them."""
    with _apart(line, {} if modules is None else modules):
        found = importlib.import_module(module)
        for name in getattr(found, "__all__", ()):
            # What a package imports when it is asked for is asked for now.
            getattr(found, name)
        return found


@contextmanager
def _apart(line: Line, modules: dict[str, ModuleType]) -> Iterator[None]:
    """The planner is the broken one inside, whose modules are kept, and is the true one again outside."""

    def ours() -> list[str]:
        return [name for name in sys.modules if name == PACKAGE or name.startswith(f"{PACKAGE}.")]

    true = {name: sys.modules.pop(name) for name in ours()}
    room = importlib.import_module("reconciler")
    finder = _Finder(line)
    sys.meta_path.insert(0, finder)
    sys.modules.update(modules)
    if PACKAGE in modules:
        room.planner = modules[PACKAGE]  # type: ignore[attr-defined]
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in ours():
            modules[name] = sys.modules.pop(name)
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
