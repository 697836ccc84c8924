"""What a killed controller leaves in the temporary directory is swept by the next, and nothing else is."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reconciler.actuators.private import PrivateDirectory, sweep, sweep_once
from reconciler.actuators.relay import End, Relay

_OPEN = """
import asyncio
from reconciler.actuators.relay import Relay

async def scene():
    relay = Relay(None)
    await relay.open()
    print(relay.path, flush=True)
    await asyncio.sleep(600)

asyncio.run(scene())
"""


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@contextmanager
def another(workshop: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Another process with an open relay, and its socket."""
    environment = {**os.environ, "TMPDIR": str(workshop), "PYTHONPATH": str(Path(__file__).parents[3])}
    with subprocess.Popen(
        [sys.executable, "-c", _OPEN], env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield process, Path(process.stdout.readline().strip())
        finally:
            process.kill()


def open_relay() -> None:
    async def nowhere(_: End) -> None:
        raise OSError

    async def scene() -> None:
        relay = Relay(nowhere)
        await relay.open()
        assert relay.path.is_socket()
        relay.cut()

    sweep_once.cache_clear()
    asyncio.run(scene())


def test_what_a_killed_controller_left_is_removed_by_the_next(workshop: Path) -> None:
    with another(workshop) as (process, socket):
        process.kill()
        process.wait()
        assert socket.is_socket()
        open_relay()
    assert list(workshop.iterdir()) == []


def test_what_a_living_controller_uses_is_left_alone(workshop: Path) -> None:
    with another(workshop) as (_, socket):
        open_relay()
        assert socket.is_socket()
        assert [path.name for path in workshop.iterdir()] == [socket.parent.name]


def test_one_that_is_in_use_in_this_very_process_is_left_alone(workshop: Path) -> None:
    directory = PrivateDirectory.made()
    sweep(workshop)
    assert directory.path.is_dir()
    directory.remove()
    assert list(workshop.iterdir()) == []


def test_links_are_not_followed(workshop: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "socket").write_text("precious")
    (workshop / "reconciler-relay-link").symlink_to(elsewhere)
    sweep(workshop)
    assert (elsewhere / "socket").read_text() == "precious"
    assert (workshop / "reconciler-relay-link").is_symlink()


def test_whatever_else_lies_there_is_kept(workshop: Path) -> None:
    (workshop / "reconciler-relay-file").write_text("a file")
    kept = workshop / "reconciler-relay-kept"
    kept.mkdir()
    (kept / "other").write_text("not ours")
    (workshop / "something").mkdir()
    sweep(workshop)
    assert sorted(path.name for path in workshop.iterdir()) == [
        "reconciler-relay-file",
        "reconciler-relay-kept",
        "something",
    ]
    assert (kept / "other").read_text() == "not ours"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_what_belongs_to_another_user_is_left_alone(workshop: Path) -> None:
    theirs = workshop / "reconciler-relay-theirs"
    theirs.mkdir()
    os.chown(theirs, 12345, 12345)
    sweep(workshop)
    assert theirs.is_dir()


def test_where_nothing_can_be_locked_none_is_made_and_none_is_left(
    workshop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.EOPNOTSUPP, "no locks here")

    monkeypatch.setattr(fcntl, "flock", refused)
    with pytest.raises(OSError, match="cannot be locked there"):
        PrivateDirectory.made()
    assert list(workshop.iterdir()) == []


def test_one_that_is_swept_while_it_is_made_is_made_again(
    workshop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    mkdtemp = tempfile.mkdtemp

    def raced(*, prefix: str) -> str:
        made.append(mkdtemp(prefix=prefix))
        if len(made) == 1:
            sweep(workshop)
        return made[-1]

    monkeypatch.setattr(tempfile, "mkdtemp", raced)
    directory = PrivateDirectory.made()
    assert [str(directory.path)] == made[1:]
    assert directory.path.is_dir()
    directory.remove()
