"""Image files on the controller: believed only by digest, fetched once, complete or absent."""

from __future__ import annotations

import asyncio
import hashlib
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import stamina

from reconciler.errors import ImageUnavailable
from reconciler.specs.desired import ImagePart, Sha256
from reconciler.store.images import ImageCache

_CONTENT = b"not really an image\n" * 1000
_DIGEST = Sha256(hashlib.sha256(_CONTENT).hexdigest())
_WRONG = Sha256("0" * 64)


@pytest.fixture(autouse=True)
def _no_waiting_between_attempts() -> Iterator[None]:
    with stamina.set_testing(True, attempts=3):
        yield


@contextmanager
def served(replies: list[int]) -> Iterator[tuple[str, list[str]]]:
    """A server on loopback that answers with each status in turn (the last for ever)."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status = replies[min(len(asked), len(replies) - 1)]
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()
            if status == 200:
                self.wfile.write(_CONTENT)

        def log_message(self, format: str, *args: object) -> None:
            return None

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/image.qcow2", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def fetch(cache: Path, source: str, digest: Sha256 = _DIGEST) -> Path:
    return asyncio.run(ImageCache(cache).file(ImagePart(source, digest)))


def test_a_file_with_the_right_digest_is_used_where_it_lies(tmp_path: Path) -> None:
    file = tmp_path / "image.raw"
    file.write_bytes(_CONTENT)
    assert fetch(tmp_path / "cache", str(file)) == file
    assert not (tmp_path / "cache").exists()


def test_a_file_with_another_digest_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "image.raw"
    file.write_bytes(_CONTENT)
    with pytest.raises(ImageUnavailable, match=f"sha256 is {_DIGEST}, not {_WRONG}"):
        fetch(tmp_path / "cache", str(file), _WRONG)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImageUnavailable, match="nowhere.raw: No such file"):
        fetch(tmp_path / "cache", str(tmp_path / "nowhere.raw"))


def test_a_download_is_kept_and_not_repeated(tmp_path: Path) -> None:
    with served([200]) as (url, asked):
        first = fetch(tmp_path, url)
        assert first.read_bytes() == _CONTENT
        assert fetch(tmp_path, url) == first
    assert asked == ["/image.qcow2"]


def test_many_who_ask_at_once_share_one_download(tmp_path: Path) -> None:
    async def ask_ten_times(url: str) -> set[Path]:
        cache = ImageCache(tmp_path)
        return set(await asyncio.gather(*(cache.file(ImagePart(url, _DIGEST)) for _ in range(10))))

    with served([200]) as (url, asked):
        assert asyncio.run(ask_ten_times(url)) == {tmp_path / _DIGEST}
    assert len(asked) == 1


def test_a_download_with_another_digest_leaves_nothing_behind(tmp_path: Path) -> None:
    with served([200]) as (url, _), pytest.raises(ImageUnavailable, match="wrong file or wrong digest"):
        fetch(tmp_path, url, _WRONG)
    assert list(tmp_path.iterdir()) == []


def test_a_cached_file_that_rotted_is_fetched_again(tmp_path: Path) -> None:
    (tmp_path / _DIGEST).write_bytes(b"rotten")
    with served([200]) as (url, asked):
        assert fetch(tmp_path, url).read_bytes() == _CONTENT
    assert len(asked) == 1


def test_a_server_that_fails_once_is_asked_again(tmp_path: Path) -> None:
    with served([503, 200]) as (url, asked):
        assert fetch(tmp_path, url).read_bytes() == _CONTENT
    assert len(asked) == 2


def test_a_server_that_says_not_found_is_asked_once(tmp_path: Path) -> None:
    with served([404]) as (url, asked), pytest.raises(ImageUnavailable, match="answered 404"):
        fetch(tmp_path, url)
    assert len(asked) == 1
    assert list(tmp_path.iterdir()) == []
