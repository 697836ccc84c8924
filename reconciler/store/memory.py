"""Files that spare work and are never truth: whole and one's own, or as good as not there."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

FOLDER = ".reconciler"
PREFIX = "parsed-"
_PARTIAL = ".parsed-"
_MOST_BYTES = 256 << 20
_ABANDONED_S = 3600.0
_DIGEST = hashlib.sha256().digest_size


@dataclass(frozen=True, slots=True)
class FileMemory:
    """Files ``parsed-*`` in the store, or in ``.reconciler`` of the folder that is asked about.

    What is kept may be secret: a file is for its owner alone (mode 0600). One that somebody else
    could have written is not believed.
    """

    store: Path | None = None
    least: int = 16 << 10

    def recall(self, folder: Path, name: str) -> bytes | None:
        """What was kept, or None where it is not there, is torn or may be another's."""
        try:
            handle = os.open(
                self._path(folder, name), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            )
            with os.fdopen(handle, "rb") as file:
                if not _is_own(os.fstat(handle)):
                    return None
                digest, data = file.read(_DIGEST), file.read(_MOST_BYTES)
        except OSError:
            return None
        return data if hashlib.sha256(data).digest() == digest else None

    def keep(self, folder: Path, name: str, data: bytes) -> None:
        """Put it in the place of what was kept; a store that cannot be written to is none."""
        path = self._path(folder, name)
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, partial = tempfile.mkstemp(prefix=_PARTIAL, dir=path.parent)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(hashlib.sha256(data).digest() + data)
                _sweep(path.parent, Path(partial).stat().st_mtime)
                Path(partial).rename(path)
            finally:
                Path(partial).unlink(missing_ok=True)

    def _path(self, folder: Path, name: str) -> Path:
        return (self.store or folder / FOLDER) / f"{PREFIX}{name}"


def _is_own(found: os.stat_result) -> bool:
    return stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077


def _sweep(folder: Path, now: float) -> None:
    """Remove what a process that was killed has left of its writing."""
    for path in folder.glob(f"{_PARTIAL}*"):
        with contextlib.suppress(OSError):
            if path.lstat().st_mtime < now - _ABANDONED_S:
                path.unlink()
