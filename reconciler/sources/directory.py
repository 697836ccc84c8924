"""A directory of YAML, watched: every change below it is a tick.

What changed is not asked: the whole directory is loaded again. Hidden files and directories are no
part of it (git's own files, editors' swap files, what is kept in ``.reconciler``).
"""

from __future__ import annotations

import asyncio
import logging
import warnings
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

from reconciler.specs.desired import Desired
from reconciler.specs.load import load

# Reading is no change; and a file that is closed after writing was modified before.
_READING = frozenset({"opened", "closed_no_write"})
# It complains to standard error of every event that comes while it is being stopped.
logging.getLogger("watchdog").addHandler(logging.NullHandler())
# It finds some directories that were made just now twice, and warns that the second replaces the first.
warnings.filterwarnings("ignore", "Callback with id", RuntimeWarning, "watchdog")


class DirectorySource:
    """Loads a directory (and a fleet file elsewhere) and ticks when either changes.

    Use as a context manager, inside a running event loop.
    """

    def __init__(self, directory: Path, *, fleet: Path | None = None) -> None:
        self._directory = directory
        self._fleet = fleet
        self._event = asyncio.Event()
        self._observer: BaseObserver | None = None
        self._watched: tuple[int, ...] = ()

    def __enter__(self) -> Self:
        self._watch()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._unwatch()

    async def load(self) -> Desired:
        """Everything the files say now. Raises InvalidInput."""
        if self._identities() != self._watched:
            # Another directory has taken the place of the one that is watched.
            self._unwatch()
            self._watch()
        return await asyncio.to_thread(load, self._directory, fleet=self._fleet)

    async def changed(self) -> None:
        """Return when something was written, moved or removed since the last return."""
        await self._event.wait()
        self._event.clear()

    def _watch(self) -> None:
        self._watched = self._identities()
        observer = Observer()
        handler = _Handler(self._event, asyncio.get_running_loop(), self._directory)
        if self._directory.is_dir():
            observer.schedule(handler, str(self._directory), recursive=True)
        if self._fleet is not None and self._fleet.parent.is_dir():
            # The parent, because an editor puts another file into the place of the one it saves.
            beside = _Handler(self._event, asyncio.get_running_loop(), self._fleet.parent)
            if self._fleet.parent.absolute() != self._directory.absolute():
                observer.schedule(beside, str(self._fleet.parent), recursive=False)
        observer.start()
        self._observer = observer

    def _unwatch(self) -> None:
        if self._observer is not None:
            self._observer.stop()
            self._observer.join()
            self._observer = None

    def _identities(self) -> tuple[int, ...]:
        places = [self._directory] if self._fleet is None else [self._directory, self._fleet.parent]
        return tuple(_inode(place) for place in places)


class _Handler(FileSystemEventHandler):
    """Runs in watchdog's thread and wakes the loop's."""

    def __init__(self, event: asyncio.Event, loop: asyncio.AbstractEventLoop, root: Path) -> None:
        self._event = event
        self._loop = loop
        self._root = root

    def on_any_event(self, event: FileSystemEvent) -> None:
        if event.event_type in _READING or all(self._hidden(path) for path in _paths(event)):
            return
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._event.set)

    def _hidden(self, path: Path) -> bool:
        try:
            parts = path.relative_to(self._root).parts
        except ValueError:
            return True
        # An entry of the directory tells for itself; that the directory changed with it, hidden or not,
        # would only tell it twice.
        return not parts or any(part.startswith(".") for part in parts)


def _paths(event: FileSystemEvent) -> Iterable[Path]:
    for path in (event.src_path, event.dest_path):
        if path:
            yield Path(path.decode() if isinstance(path, bytes) else str(path))


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except OSError:
        return 0
