"""The command line, and all that it prints."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconciler.cli.main import run

Typed = Callable[..., str]


@pytest.fixture
def directory() -> Iterator[Path]:
    """An empty directory that is gone at once: there are too many of them for pytest to keep."""
    with tempfile.TemporaryDirectory(prefix="hostile-") as path:
        yield Path(path)


@pytest.fixture
def typed(capsys: pytest.CaptureFixture[str]) -> Typed:
    def command(*argv: str | Path) -> str:
        run([str(word) for word in argv])
        return "".join(capsys.readouterr())

    return command
