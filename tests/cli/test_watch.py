"""`reconcile watch` as a process: logs where nobody looks, a live view on a terminal, and a clean end."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from reconciler.actuators.sim import interfere
from reconciler.actuators.sim.store import Store
from reconciler.specs.desired import HostName
from tests.cli.conftest import Directory

_GIVE_UP_S = 30
_PROGRAM = "from reconciler.cli.main import main; main()"


class Watcher:
    """One under way, and all that it has said on stderr."""

    def __init__(self, process: subprocess.Popen[bytes], stderr: int) -> None:
        self.process = process
        self._stderr = stderr
        self.said = ""

    def hear(self, words: str, *, times: int = 1) -> None:
        """Read on until it has said that so many times."""
        while self.said.count(words) < times:
            assert select.select([self._stderr], [], [], _GIVE_UP_S)[0], f"no {words!r} in: {self.said}"
            piece = b""
            with suppress(OSError):  # how a terminal ends
                piece = os.read(self._stderr, 65536)
            assert piece, f"it ended without {words!r}: {self.said}"
            self.said += piece.decode()

    def end(self, how: signal.Signals) -> int:
        self.process.send_signal(how)
        return self.process.wait(timeout=_GIVE_UP_S)


@contextmanager
def watching(directory: Directory, *, terminal: bool = False) -> Iterator[Watcher]:
    ours, theirs = pty.openpty() if terminal else os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, "watch", str(directory), "--resync", "3600"],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.DEVNULL,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "120", "LINES": "40"},
    )
    os.close(theirs)
    try:
        yield Watcher(process, ours)
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def test_an_edit_is_followed_and_a_broken_one_is_told_and_changes_nothing(directory: Directory) -> None:
    with watching(directory) as watcher:
        watcher.hear("carried out")
        fresh = directory.path / ".shop.yaml.swp"
        fresh.write_text((directory.path / "shop.yaml").read_text().replace("cpus: 1", "cpus: 2"))
        fresh.rename(directory.path / "shop.yaml")
        watcher.hear("carried out", times=2)
        directory.edit("shop.yaml", "replicas: 2", "replcas: 2")
        watcher.hear("the last good state stays in force")
        assert "did you mean" in watcher.said or "unknown field 'replcas'" in watcher.said
        directory.edit("shop.yaml", "replcas: 2", "replicas: 1")
        watcher.hear("carried out", times=3)
        assert "step=destroy/shop-web-1" in watcher.said
        assert watcher.end(signal.SIGTERM) == 0


def test_a_machine_that_somebody_stops_is_started_again(directory: Directory) -> None:
    with watching(directory) as watcher:
        watcher.hear("carried out")
        for name in ("hv1", "hv2"):
            store = Store(directory.path / ".reconciler", HostName(name), read_only=False)
            if store.look().named("shop-db-0") is not None:
                interfere.stop(store, "shop-db-0")
        watcher.hear("carried out", times=2)
        assert "step=start/shop-db-0" in watcher.said
        assert watcher.end(signal.SIGINT) == 0


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_terminal_shows_the_fleet_and_a_signal_ends_it_cleanly(
    directory: Directory, how: signal.Signals
) -> None:
    with watching(directory, terminal=True) as watcher:
        watcher.hear("shop-web-1")
        watcher.hear("running")
        assert "level=" not in watcher.said
        assert watcher.end(how) == 0
