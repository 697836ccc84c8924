from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from reconciler.actuators.libvirt import open_libvirt
from reconciler.actuators.port import Access
from reconciler.errors import HostUnreachable
from reconciler.specs.desired import Connect, Host, HostName, ImagePart, Instance, Scheme


class NoSupplies:
    async def image(self, part: ImagePart) -> Path:
        raise NotImplementedError

    def seed(self, instance: Instance) -> bytes:
        raise NotImplementedError

    def telling(self, instance: Instance) -> str:
        raise NotImplementedError


def open_it(connect: Connect) -> None:
    host = Host(HostName("hv1"), connect)
    asyncio.run(_open(host))


async def _open(host: Host) -> None:
    await open_libvirt(host, Access("lab", read_only=True, store=Path("/none"), supplies=NoSupplies()))


def test_without_the_binding_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "libvirt", None)
    with pytest.raises(HostUnreachable, match=r"pip install 'reconciler\[libvirt\]'"):
        open_it(Connect(Scheme.TEST, "test:///default"))


def test_without_known_hosts_no_host_is_believed(tmp_path: Path) -> None:
    pytest.importorskip("libvirt")
    nowhere = str(tmp_path / "known_hosts")
    connect = Connect(Scheme.SSH, "ssh://x", address="127.0.0.1", port=2222, known_hosts=nowhere)
    with pytest.raises(HostUnreachable, match=r"ssh-keyscan -p 2222 127\.0\.0\.1"):
        open_it(connect)


def test_a_host_that_refuses_is_unreachable(tmp_path: Path) -> None:
    pytest.importorskip("libvirt")
    (tmp_path / "known_hosts").touch()
    known = str(tmp_path / "known_hosts")
    connect = Connect(Scheme.SSH, "ssh://x", address="127.0.0.1", port=1, known_hosts=known)
    with pytest.raises(HostUnreachable, match="hv1: cannot connect"):
        open_it(connect)
