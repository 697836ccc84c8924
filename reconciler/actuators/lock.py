"""One writer a host: locks that die with whoever holds them."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Protocol

from reconciler.errors import HostUnreachable, LockHeld
from reconciler.specs.desired import HostName


class Lock(Protocol):
    """The right to write to one host for one fleet."""

    @property
    def held(self) -> bool:
        """Whether it is ours now; once lost it stays lost until it is acquired again."""
        ...

    def acquire(self, holder: str) -> None:
        """Make it ours, or find it ours. Raises LockHeld, HostUnreachable."""
        ...

    def release(self) -> None:
        """Let go of it. May be repeated."""
        ...


class FileLock:
    """A lock for hosts that live on this machine: the kernel lets go of it when this process ends."""

    def __init__(self, host: HostName, path: Path) -> None:
        self._host = host
        self._path = path
        self._file: int | None = None

    @property
    def held(self) -> bool:
        """Whether it is ours."""
        return self._file is not None

    def acquire(self, holder: str) -> None:
        """Make it ours and write down who we are. Raises LockHeld, HostUnreachable."""
        if self._file is not None:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise HostUnreachable(self._host, f"cannot lock {self._path}: {error.strerror}") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(file, 0)
            os.pwrite(file, holder.encode(), 0)
        except BlockingIOError:
            other = os.pread(file, 4096, 0).decode(errors="replace")
            os.close(file)
            raise LockHeld(self._host, other or "somebody who has not said who") from None
        except OSError as error:
            os.close(file)
            raise HostUnreachable(self._host, f"cannot lock {self._path}: {error.strerror}") from error
        self._file = file

    def release(self) -> None:
        """Let go; the file stays, for removing it could let two hold one lock."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
