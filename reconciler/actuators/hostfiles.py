"""Files of a host: over SSH, or on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Protocol

from reconciler.actuators.questions import Both, Stream
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

    async def line_like(self, pattern: str, path: str) -> str:
        """The first line of a file that matches a pattern of ``grep -E``; empty where none does."""

    def stream(self, address: str, port: int) -> AbstractAsyncContextManager[Stream]:
        """A connection to an address as the host reaches it. Raises ActionFailed where nobody listens."""

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

    async def line_like(self, pattern: str, path: str) -> str:
        """By grep on the host: a log may be long, and a pattern slow."""
        return (await self._ssh.run(_grep(pattern, path))).rstrip("\n")

    def stream(self, address: str, port: int) -> AbstractAsyncContextManager[Stream]:
        """By a channel of the SSH connection."""
        return self._ssh.stream(address, port)

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

    async def line_like(self, pattern: str, path: str) -> str:
        """By grep as well: one pattern means the same everywhere."""
        pipe = asyncio.subprocess.PIPE
        grep = await asyncio.create_subprocess_exec(
            *_grep(pattern, path), stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=pipe
        )
        try:
            out, error = await grep.communicate()
        finally:
            if grep.returncode is None:
                grep.kill()
                await grep.wait()
        if grep.returncode:
            raise ActionFailed(self._host, error.decode(errors="replace").strip())
        return out.decode(errors="replace").rstrip("\n")

    @contextlib.asynccontextmanager
    async def stream(self, address: str, port: int) -> AsyncIterator[Stream]:
        """By a socket."""
        try:
            reader, writer = await asyncio.open_connection(address, port)
        except OSError as error:
            raise ActionFailed(self._host, f"{address}:{port}: {error.strerror or error}") from error
        try:
            yield Both(reader, writer)
        finally:
            writer.transport.abort()

    async def close(self) -> None:
        """Nothing is held."""

    async def _do(self, deed: Callable[[], object]) -> None:
        try:
            await asyncio.to_thread(deed)
        except OSError as error:
            raise ActionFailed(self._host, f"{error.filename}: {error.strerror}") from error


def _grep(pattern: str, path: str) -> list[str]:
    # The shell only takes "nothing found" for no error: pattern and path are its arguments, never its text.
    script = 'LC_ALL=C grep -aE -m1 -e "$1" -- "$2"; test $? -le 1'
    return ["sh", "-c", script, "grep", pattern, path]
