"""Private directories in the temporary one: nobody removes one while its maker lives, and then anybody may.

The maker holds a lock on the directory itself, which the kernel lets go of when it dies, however that
happens. Whoever gets that lock knows that the directory belongs to nobody.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Self

_PREFIX = "reconciler-relay-"
_TRIES = 10
SOCKET = "socket"
"""The only thing that is ever in one."""


class PrivateDirectory:
    """One directory (mode 0700), locked until it is removed."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock

    @classmethod
    def made(cls) -> Self:
        """Make one. Raises OSError."""
        for _ in range(_TRIES):
            path = Path(tempfile.mkdtemp(prefix=_PREFIX))
            # Between these two it may be taken for one that was left behind; then another is made.
            if (lock := _locked(path)) is not None:
                return cls(path, lock)
            with contextlib.suppress(OSError):
                path.rmdir()
        raise OSError(errno.ENOLCK, "a directory cannot be locked there", tempfile.gettempdir())

    def remove(self) -> None:
        """Remove it with what is in it. Once."""
        _empty_and_remove(self.path, self._lock)
        os.close(self._lock)


@lru_cache(maxsize=1)
def sweep_once() -> None:
    """Remove what dead processes of this user have left, once in this process' life."""
    sweep(Path(tempfile.gettempdir()))


def sweep(directory: Path) -> None:
    """Remove what dead processes of this user have left there; never raises."""
    with contextlib.suppress(OSError):
        for path in sorted(directory.glob(f"{_PREFIX}*")):
            if (lock := _locked(path)) is not None:
                _empty_and_remove(path, lock)
                os.close(lock)


def _locked(path: Path) -> int | None:
    """The lock on a directory of ours that nobody holds; None where it is anything else."""
    try:
        lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        there, held = path.lstat(), os.fstat(lock)
        if os.path.samestat(there, held) and held.st_uid == os.geteuid() and stat.S_ISDIR(there.st_mode):
            return lock
    except OSError:  # somebody holds it, or it is gone
        pass
    os.close(lock)
    return None


def _empty_and_remove(path: Path, lock: int) -> None:
    # By the directory that is held, not by its name; and only what we put there, so that anything else
    # keeps the directory from being removed.
    with contextlib.suppress(OSError):
        os.unlink(SOCKET, dir_fd=lock)
    with contextlib.suppress(OSError):
        path.rmdir()
