"""Image files on the controller: each fetched once, believed only when its digest is right.

A file is named by its digest and appears under that name complete or not at all.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import tempfile
import urllib.error
import urllib.request
from http.client import HTTPResponse
from pathlib import Path
from typing import BinaryIO

import stamina

from reconciler.errors import ImageUnavailable
from reconciler.specs.desired import ImagePart, Sha256

_CHUNK = 1 << 20
_SOCKET_TIMEOUT = 30.0
_ATTEMPTS = 4


class ImageCache:
    """Verified image files under one directory, which is made when first needed."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._fetching: dict[Sha256, asyncio.Task[Path]] = {}

    async def file(self, part: ImagePart) -> Path:
        """A local file with exactly the bytes of ``part.sha256``. Raises ImageUnavailable.

        Many hosts ask for the same image at once: it is read, hashed or downloaded only once.
        """
        task = self._fetching.get(part.sha256)
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            task = asyncio.create_task(asyncio.to_thread(self._file, part))
            self._fetching[part.sha256] = task
        return await asyncio.shield(task)

    def _file(self, part: ImagePart) -> Path:
        if not _is_url(part.source):
            local = Path(part.source)
            _check(_digest(local, part.source), part)
            return local
        cached = self._directory / part.sha256
        if cached.exists() and _digest(cached, part.source) == part.sha256:
            return cached
        return self._download(part, cached)

    def _download(self, part: ImagePart, target: Path) -> Path:
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=f".{part.sha256[:12]}.", dir=self._directory)
            partial = Path(name)
            try:
                with os.fdopen(handle, "wb") as out:
                    digest = _fetch(part.source, out)
                _check(digest, part)
                partial.rename(target)
            finally:
                partial.unlink(missing_ok=True)
        except OSError as error:
            raise ImageUnavailable(part.source, f"cannot keep it in {self._directory}: {error}") from error
        return target


def _is_url(source: str) -> bool:
    return source.startswith(("https://", "http://"))


def _check(digest: str, part: ImagePart) -> None:
    if digest != part.sha256:
        raise ImageUnavailable(
            part.source, f"its sha256 is {digest}, not {part.sha256} as declared: wrong file or wrong digest"
        )


def _digest(path: Path, source: str) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ImageUnavailable(source, error.strerror or str(error)) from error


def _fetch(url: str, out: BinaryIO) -> str:
    """Download into ``out`` and return the digest; passing faults are tried again from the start."""
    try:
        for attempt in stamina.retry_context(on=_passing, attempts=_ATTEMPTS):
            with attempt:
                return _fetch_once(url, out)
    except urllib.error.HTTPError as error:
        raise ImageUnavailable(url, f"the server answered {error.code} {error.reason}") from error
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        raise ImageUnavailable(url, f"cannot be downloaded: {error}") from error
    raise AssertionError("stamina returns or raises")


def _passing(error: Exception) -> bool:
    if isinstance(error, urllib.error.HTTPError):
        return error.code >= 500
    return isinstance(error, urllib.error.URLError | TimeoutError | ConnectionError)


def _opened(url: str) -> HTTPResponse:
    try:
        reply: HTTPResponse = urllib.request.urlopen(url, timeout=_SOCKET_TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()  # it holds the connection open until somebody does
        raise
    return reply


def _fetch_once(url: str, out: BinaryIO) -> str:
    out.seek(0)
    out.truncate()
    digest = hashlib.sha256()
    with contextlib.closing(_opened(url)) as reply:
        while chunk := reply.read(_CHUNK):
            digest.update(chunk)
            out.write(chunk)
    out.flush()
    return digest.hexdigest()
