"""Files of a host: over SSH, or on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import os
import posixpath
import shutil
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from fnmatch import fnmatchcase
from pathlib import Path
from typing import BinaryIO, Protocol

from reconciler.actuators.questions import Both, Line
from reconciler.actuators.ssh import Ssh, Stream
from reconciler.errors import ActionFailed, NoRoom, NotFound

HASH_SECONDS = 900.0
"""For the digest of a large image on a slow disk."""
_READABLE = 0o644
_PIECE_BYTES = 4 * 1024 * 1024
_KINDS: Mapping[int, type[ActionFailed]] = {
    errno.ENOSPC: NoRoom,
    errno.EDQUOT: NoRoom,
    errno.ENOENT: NotFound,
}


class HostFiles(Protocol):
    """What is done to files on a host. Raises ActionFailed, HostUnreachable."""

    async def put(self, local: Path, path: str) -> None:
        """Copy a local file to ``path``, readable by all."""

    def reading(self, path: str) -> AbstractAsyncContextManager[Stream]:
        """A file's bytes. Raises NotFound where there is none."""

    async def write(self, chunks: AsyncIterator[bytes], path: str, *, private: bool = False) -> None:
        """Make a file of what comes, readable by all; one that is there is written over, and if it is
        ``private`` whoever could read it still can.
        """

    async def flush(self, paths: Sequence[str]) -> None:
        """Have what was written to files of one directory on its disk, whatever the power does then."""

    async def sha256(self, path: str) -> str:
        """Digest of a file as the host reads it, in hexadecimal."""

    async def move(self, old: str, new: str) -> None:
        """Rename within a directory, in one step, over what was there."""

    async def move_if_there(self, old: str, new: str) -> None:
        """Rename like that, or do nothing where there is no such file."""

    async def listing(self, directory: str, pattern: str) -> tuple[tuple[str, int], ...]:
        """Names and sizes in bytes of a directory's files that match ``pattern`` (a shell wildcard)."""

    async def remove(self, path: str) -> None:
        """Delete a file; it may be gone already."""

    async def sweep(self, directory: str, pattern: str, *, but: str) -> None:
        """Delete a directory's files whose names match ``pattern`` and not ``but`` (shell wildcards)."""

    async def line_like(self, pattern: str, path: str) -> str:
        """The first line of a file that matches a pattern of ``grep -E``; empty where none does."""

    def stream(self, address: str, port: int) -> AbstractAsyncContextManager[Line]:
        """A connection to an address as the host reaches it. Raises ActionFailed where nobody listens."""

    async def close(self) -> None:
        """Let go of the host."""


# Files come and go while a directory is read; one that went is no error.
_FOR_NOW = ("-ignore_readdir_race",)


class RemoteFiles:
    """Files of a host over SSH."""

    def __init__(self, ssh: Ssh) -> None:
        self._ssh = ssh

    async def put(self, local: Path, path: str) -> None:
        """Copy by SFTP."""
        await self._ssh.put(local, path)
        await self._ssh.run(["chmod", f"{_READABLE:o}", "--", path])

    def reading(self, path: str) -> AbstractAsyncContextManager[Stream]:
        """By SFTP."""
        return self._ssh.reading(path)

    async def write(self, chunks: AsyncIterator[bytes], path: str, *, private: bool = False) -> None:
        """By SFTP."""
        await self._ssh.write(chunks, path)
        if not private:
            await self._ssh.run(["chmod", f"{_READABLE:o}", "--", path])

    async def flush(self, paths: Sequence[str]) -> None:
        """By sync, of the files and of their directory."""
        if paths:
            directory = posixpath.dirname(paths[0])
            await self._ssh.run(["sync", "--", *paths, directory], deadline=HASH_SECONDS)

    async def sha256(self, path: str) -> str:
        """By sha256sum on the host: what counts is what arrived on its disk."""
        said = await self._ssh.run(["sha256sum", "--", path], deadline=HASH_SECONDS)
        return said.lstrip("\\")[:64]

    async def move(self, old: str, new: str) -> None:
        """By mv, which renames."""
        await self._ssh.run(["mv", "-fT", "--", old, new])

    async def move_if_there(self, old: str, new: str) -> None:
        """By mv, if the shell finds it."""
        await self._ssh.run(["sh", "-c", '[ ! -e "$1" ] || mv -fT -- "$1" "$2"', "sh", old, new])

    async def listing(self, directory: str, pattern: str) -> tuple[tuple[str, int], ...]:
        """By find."""
        which = [*_FOR_NOW, "-maxdepth", "1", "-type", "f", "-name", pattern]
        said = await self._ssh.run(["find", directory, *which, "-printf", "%s %f\\n"])
        rows = (line.partition(" ") for line in said.splitlines())
        return tuple(sorted((name, int(size)) for size, _, name in rows))

    async def remove(self, path: str) -> None:
        """By rm."""
        await self._ssh.run(["rm", "-f", "--", path])

    async def sweep(self, directory: str, pattern: str, *, but: str) -> None:
        """By find."""
        which = [*_FOR_NOW, "-maxdepth", "1", "-type", "f", "-name", pattern, "!", "-name", but]
        await self._ssh.run(["find", directory, *which, "-delete"])

    async def line_like(self, pattern: str, path: str) -> str:
        """By grep on the host: a log may be long, and a pattern slow."""
        return (await self._ssh.run(_grep(pattern, path))).rstrip("\n")

    def stream(self, address: str, port: int) -> AbstractAsyncContextManager[Line]:
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

    @asynccontextmanager
    async def reading(self, path: str) -> AsyncIterator[Stream]:
        """Piece by piece."""
        with self._translated():
            file = await asyncio.to_thread(Path(path).open, "rb")
        with file:
            size = await asyncio.to_thread(lambda: os.fstat(file.fileno()).st_size)
            yield Stream(size, self._pieces(file))

    async def _pieces(self, file: BinaryIO) -> AsyncIterator[bytes]:
        with self._translated():
            while piece := await asyncio.to_thread(file.read, _PIECE_BYTES):
                yield piece

    async def write(self, chunks: AsyncIterator[bytes], path: str, *, private: bool = False) -> None:
        """Piece by piece."""
        with self._translated():
            with await asyncio.to_thread(Path(path).open, "wb") as file:
                async for chunk in chunks:
                    await asyncio.to_thread(file.write, chunk)
            if not private:
                await asyncio.to_thread(Path(path).chmod, _READABLE)

    async def flush(self, paths: Sequence[str]) -> None:
        """By fsync."""

        def flush() -> None:
            for path in (*paths, *{posixpath.dirname(each) for each in paths}):
                opened = os.open(path, os.O_RDONLY)
                try:
                    os.fsync(opened)
                finally:
                    os.close(opened)

        await self._do(flush)

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

    async def move_if_there(self, old: str, new: str) -> None:
        """Rename, if it is there."""

        def move() -> None:
            with suppress(FileNotFoundError):
                Path(old).replace(new)

        await self._do(move)

    async def listing(self, directory: str, pattern: str) -> tuple[tuple[str, int], ...]:
        """Look."""
        found: list[tuple[str, int]] = []

        def look() -> None:
            for path in Path(directory).glob(pattern):
                with contextlib.suppress(FileNotFoundError):  # it went meanwhile
                    if path.is_file():
                        found.append((path.name, path.stat().st_size))

        await self._do(look)
        return tuple(sorted(found))

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
    async def stream(self, address: str, port: int) -> AsyncIterator[Line]:
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
        with self._translated():
            await asyncio.to_thread(deed)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            kind = _KINDS.get(error.errno or 0, ActionFailed)
            raise kind(self._host, f"{error.filename}: {error.strerror}") from error


async def head(files: HostFiles, path: str, size_bytes: int) -> bytes:
    """The beginning of a file. Raises NotFound where there is none, ActionFailed where it cannot be read."""
    data = b""
    async with files.reading(path) as stream:
        async for piece in stream.chunks:
            data += piece
            if len(data) >= size_bytes:
                break
    return data[:size_bytes]


def _grep(pattern: str, path: str) -> list[str]:
    # The shell only takes "nothing found" for no error: pattern and path are its arguments, never its text.
    script = 'LC_ALL=C grep -aE -m1 -e "$1" -- "$2"; test $? -le 1'
    return ["sh", "-c", script, "grep", pattern, path]
