"""Files of a host: over SSH, or on this machine."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Protocol

from reconciler.actuators.ssh import Ssh
from reconciler.errors import ActionFailed

HASH_SECONDS = 900.0
"""For the digest of a large image on a slow disk."""
_READABLE = 0o644


class HostFiles(Protocol):
    """What is done to files on a host. Raises ActionFailed, HostUnreachable."""

    async def put(self, local: Path, path: str) -> None:
        """Copy a local file to ``path``, readable by all."""

    async def sha256(self, path: str) -> str:
        """Digest of a file as the host reads it, in hexadecimal."""

    async def move(self, old: str, new: str) -> None:
        """Rename within a directory, in one step, over what was there."""

    async def remove(self, path: str) -> None:
        """Delete a file; it may be gone already."""

    async def sweep(self, directory: str, pattern: str, *, but: str) -> None:
        """Delete a directory's files whose names match ``pattern`` and not ``but`` (shell wildcards)."""

    async def close(self) -> None:
        """Let go of the host."""


class RemoteFiles:
    """Files of a host over SSH."""

    def __init__(self, ssh: Ssh) -> None:
        self._ssh = ssh

    async def put(self, local: Path, path: str) -> None:
        """Copy by SFTP."""
        await self._ssh.put(local, path)
        await self._ssh.run(["chmod", f"{_READABLE:o}", "--", path])

    async def sha256(self, path: str) -> str:
        """By sha256sum on the host: what counts is what arrived on its disk."""
        said = await self._ssh.run(["sha256sum", "--", path], deadline=HASH_SECONDS)
        return said.lstrip("\\")[:64]

    async def move(self, old: str, new: str) -> None:
        """By mv, which renames."""
        await self._ssh.run(["mv", "-fT", "--", old, new])

    async def remove(self, path: str) -> None:
        """By rm."""
        await self._ssh.run(["rm", "-f", "--", path])

    async def sweep(self, directory: str, pattern: str, *, but: str) -> None:
        """By find."""
        which = ["-maxdepth", "1", "-type", "f", "-name", pattern, "!", "-name", but]
        await self._ssh.run(["find", directory, *which, "-delete"])

    async def close(self) -> None:
        """Hang up."""
        await self._ssh.close()


class LocalFiles:
    """Files of this machine."""

    def __init__(self, host: str) -> None:
        self._host = host

    async def put(self, local: Path, path: str) -> None:
        """Copy."""

        def copy() -> None:
            shutil.copyfile(local, path)
            Path(path).chmod(_READABLE)

        await self._do(copy)

    async def sha256(self, path: str) -> str:
        """Read the copy again."""
        digest = ""

        def read() -> None:
            nonlocal digest
            with Path(path).open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()

        await self._do(read)
        return digest

    async def move(self, old: str, new: str) -> None:
        """Rename."""
        await self._do(lambda: Path(old).replace(new))

    async def remove(self, path: str) -> None:
        """Unlink."""
        await self._do(lambda: Path(path).unlink(missing_ok=True))

    async def sweep(self, directory: str, pattern: str, *, but: str) -> None:
        """Unlink."""

        def sweep() -> None:
            for path in Path(directory).glob(pattern):
                if path.is_file() and not fnmatchcase(path.name, but):
                    path.unlink(missing_ok=True)

        await self._do(sweep)

    async def close(self) -> None:
        """Nothing is held."""

    async def _do(self, deed: Callable[[], object]) -> None:
        try:
            await asyncio.to_thread(deed)
        except OSError as error:
            raise ActionFailed(self._host, f"{error.filename}: {error.strerror}") from error
