"""Questions that go through a real sshd: to what listens on a host's network, and to files on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager

import pytest

from reconciler.actuators.hostfiles import RemoteFiles
from reconciler.actuators.questions import why_not_http
from reconciler.actuators.ssh import Ssh
from reconciler.errors import ActionFailed
from reconciler.specs.connect import parse_connect
from reconciler.specs.desired import Host as Declared
from reconciler.specs.desired import HostName
from reconciler.specs.health import HttpCheck

from .hosts import Host
from .laboratory import Laboratory

_PAGES = 8099
_SCENERY = """
mkdir -p /tmp/pages
echo well > /tmp/pages/healthz
printf 'a\\377b\\nlogin: \\n' > "$1"
busybox httpd -f -p "$2" -h /tmp/pages > /dev/null 2>&1 &
echo $! > /run/pages.pid
"""
_LOG = "/var/log/libvirt/qemu/some-console.log"


@pytest.fixture
def box(laboratory: Laboratory) -> Iterator[Host]:
    box = laboratory.hosts[0]
    box.run(["sh", "-ec", _SCENERY, "sh", _LOG, f"{box.address}:{_PAGES}"])
    yield box
    box.run(["sh", "-c", 'kill "$(cat /run/pages.pid)"'])


@asynccontextmanager
async def _files(lab: Laboratory, box: Host) -> AsyncIterator[RemoteFiles]:
    uri = f"ssh://root@{box.address}/?keyfile={lab.keyfile}&known_hosts={lab.known_hosts_file}"
    files = RemoteFiles(Ssh(Declared(HostName(box.name), parse_connect(uri))))
    try:
        yield files
    finally:
        await files.close()


def _ask(lab: Laboratory, box: Host, question: Callable[[RemoteFiles], Awaitable[str]]) -> str:
    async def scene() -> str:
        async with _files(lab, box) as files, asyncio.timeout(10):
            return await question(files)

    return asyncio.run(scene())


async def _why_not(files: RemoteFiles, box: Host, check: HttpCheck) -> str:
    async with files.stream(box.address, check.port) as stream:
        return await why_not_http(stream, box.address, check)


def test_a_page_that_is_there_is_healthy_and_another_is_not(laboratory: Laboratory, box: Host) -> None:
    well, lost = HttpCheck(_PAGES, "/healthz"), HttpCheck(_PAGES, "/lost")
    assert _ask(laboratory, box, lambda files: _why_not(files, box, well)) == ""
    assert _ask(laboratory, box, lambda files: _why_not(files, box, lost)) == "it answered 404, not 200"
    allowed = HttpCheck(_PAGES, "/lost", (200, 404))
    assert _ask(laboratory, box, lambda files: _why_not(files, box, allowed)) == ""


def test_what_does_not_speak_http_is_told_from_what_does(laboratory: Laboratory, box: Host) -> None:
    why = _ask(laboratory, box, lambda files: _why_not(files, box, HttpCheck(22, "/")))
    assert "does not speak HTTP" in why


def test_a_port_where_nobody_listens_is_a_no_in_words(laboratory: Laboratory, box: Host) -> None:
    with pytest.raises(ActionFailed, match=rf"{box.address}:9: .*refused"):
        _ask(laboratory, box, lambda files: _why_not(files, box, HttpCheck(9, "/")))


def test_many_are_asked_at_once_over_one_connection(laboratory: Laboratory, box: Host) -> None:
    async def scene() -> list[str]:
        async with _files(laboratory, box) as files, asyncio.timeout(20):
            check = HttpCheck(_PAGES, "/healthz")
            return await asyncio.gather(*(_why_not(files, box, check) for _ in range(40)))

    assert asyncio.run(scene()) == [""] * 40


def test_a_log_is_searched_on_the_host(laboratory: Laboratory, box: Host) -> None:
    assert _ask(laboratory, box, lambda files: files.line_like("^log[a-z]+:", _LOG)) == "login: "
    assert _ask(laboratory, box, lambda files: files.line_like("^nothing like it", _LOG)) == ""
    assert _ask(laboratory, box, lambda files: files.line_like("-e .; echo '$(id)'", _LOG)) == ""
    with pytest.raises(ActionFailed, match="No such file"):
        _ask(laboratory, box, lambda files: files.line_like("a", "/nowhere"))
