"""What this process does to the world: the files it writes, the processes and connections it begins."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

_PROCESSES = (
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.spawn",
    "os.fork",
    "pty.spawn",
)
_CHANGES = ("os.mkdir", "os.rename", "os.link", "os.symlink", "os.chmod", "os.truncate")
# The relay to a real host has its socket in a folder that only we can enter.
_TEMPORARY = re.escape(os.path.realpath(tempfile.gettempdir()))
_RELAY = re.compile(_TEMPORARY + r"/reconciler-relay-[a-z0-9_]{8}(/|$)")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


@dataclass(slots=True)
class Witness:
    """What was seen: ``processes`` and ``connections`` as told, ``written`` as absolute paths."""

    processes: list[str] = field(default_factory=list)
    connections: list[str] = field(default_factory=list)
    written: list[Path] = field(default_factory=list)

    def written_outside(self, *places: Path) -> list[Path]:
        """Files that were written elsewhere than below these places, and not by Python for itself."""
        roots = [Path(os.path.realpath(place)) for place in places]
        return [
            path
            for path in self.written
            if path.suffix != ".pyc" and path.name != "__pycache__" and ".pyc." not in path.name
            if not any(path.is_relative_to(root) for root in roots) and not _RELAY.match(str(path))
        ]


_watching: list[Witness] = []


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    for witness in _watching:
        if event in _PROCESSES:
            witness.processes.append(f"{event} {arguments!r}")
        elif event in ("socket.connect", "socket.getaddrinfo"):
            witness.connections.append(f"{event} {arguments!r}")
        elif event == "open" and _is_for_writing(arguments):
            witness.written.extend(_paths(arguments[:1]))
        elif event in ("os.remove", "os.rmdir"):
            witness.written.extend(_paths(arguments[:1], beside=arguments[1]))
        elif event in _CHANGES:
            witness.written.extend(_paths(arguments[:2]))


def _is_for_writing(arguments: tuple[object, ...]) -> bool:
    _, mode, flags = arguments
    if isinstance(mode, str):
        return bool(set(mode) & set("wax+"))
    return isinstance(flags, int) and bool(flags & _WRITING)


def _paths(arguments: tuple[object, ...], *, beside: object = -1) -> list[Path]:
    """Absolute paths; ``beside`` is an open folder that they are relative to."""
    base = f"/proc/self/fd/{beside}" if isinstance(beside, int) and beside >= 0 else ""
    names = [os.fsdecode(each) for each in arguments if isinstance(each, str | bytes | os.PathLike)]
    return [Path(os.path.realpath(Path(base, name))) for name in names if not name.startswith("/dev/")]


sys.addaudithook(_hook)  # for the life of the process: it cannot be removed


@contextmanager
def watching() -> Iterator[Witness]:
    """See all that happens inside."""
    witness = Witness()
    _watching.append(witness)
    try:
        yield witness
    finally:
        _watching.remove(witness)
