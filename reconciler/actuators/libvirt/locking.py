"""The right to write to a libvirt host: held on the host itself, over the connection that acts.

One controller's lock and its effects travel together: when the SSH connection dies, the lock dies with
it, and nothing that was meant to happen under it happens over another.
"""

from __future__ import annotations

from pathlib import Path
from secrets import token_hex
from typing import Protocol

from reconciler.actuators.lock import FileLock
from reconciler.actuators.ssh import Held, Ssh
from reconciler.errors import HostUnreachable, LockHeld
from reconciler.specs.desired import HostName

# /run is emptied at boot, and every account may put files into /run/lock. $1 is the lock's file, $2 who
# we are. The file is opened to read, for it may be another account's; what it says is a courtesy.
_HOLD = """
umask 0
[ -e "$1" ] || : > "$1" || exit 1
exec 9< "$1" || exit 1
if ! flock -n 9; then cat "$1"; exit 9; fi
printf %s "$2" > "$1" 2> /dev/null
echo held
exec cat > /dev/null
"""
_TAKEN = 9


class HostLock(Protocol):
    """One host's lock for one fleet. ``stamp`` is another each time that it was taken."""

    stamp: str

    async def acquire(self, holder: str) -> None:
        """Make it ours, or find it ours. Raises LockHeld, HostUnreachable."""

    async def release(self) -> None:
        """Let go of it. May be repeated."""

    def check(self) -> None:
        """Raises HostUnreachable where it is not ours now."""


class LocalLock:
    """For this machine's own libvirtd: as long as this process lives."""

    def __init__(self, host: HostName, path: Path) -> None:
        self._host = host
        self._lock = FileLock(host, path)
        self.stamp = ""

    async def acquire(self, holder: str) -> None:
        """Make it ours. Raises LockHeld, HostUnreachable."""
        if not self._lock.held:
            self._lock.acquire(holder)
            self.stamp = token_hex(6)

    async def release(self) -> None:
        """Let go of it."""
        self._lock.release()

    def check(self) -> None:
        """Raises HostUnreachable where it is not ours."""
        if not self._lock.held:
            raise _lost(self._host)


class SshLock:
    """For a remote host: as long as the SSH connection that it was taken over."""

    def __init__(self, host: HostName, ssh: Ssh, path: str) -> None:
        self._host = host
        self._ssh = ssh
        self._path = path
        self._held: Held | None = None
        self.stamp = ""

    async def acquire(self, holder: str) -> None:
        """Make it ours. Raises LockHeld, HostUnreachable."""
        if self._held is not None and self._held.alive:
            return
        await self.release()
        words = ["sh", "-c", _HOLD, "sh", self._path, holder]
        held = await self._ssh.hold(words)
        if held.said.strip() != "held":
            status = await held.end()
            if status == _TAKEN:
                raise LockHeld(self._host, held.said.strip() or "somebody who has not said who")
            raise HostUnreachable(self._host, f"cannot lock {self._path}: {held.said.strip() or status}")
        self._held = held
        self.stamp = token_hex(6)

    async def release(self) -> None:
        """Let go of it."""
        held, self._held = self._held, None
        if held is not None:
            await held.end()

    def check(self) -> None:
        """Raises HostUnreachable where it is not ours, or its connection is gone."""
        if self._held is None or not self._held.alive:
            raise _lost(self._host)


def _lost(host: HostName) -> HostUnreachable:
    return HostUnreachable(host, "the lock is not held: nothing is done without it")
