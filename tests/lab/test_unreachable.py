"""A libvirtd that is stopped harms only its own host, however often it is asked."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from signal import SIGINT
from tempfile import TemporaryDirectory, gettempdir

import pytest

pytest.importorskip("libvirt")

import libvirt

from reconciler.actuators.libvirt.ears import run_events
from reconciler.actuators.libvirt.opening import SOCKET
from reconciler.actuators.libvirt.session import THREADS, Deadlines, Session, Target
from reconciler.actuators.ssh import Ssh
from reconciler.errors import DeadlineExceeded, HostError

from .boot_sector import boot_sector_image
from .crowd import crowd_yaml
from .desk import Desk, image_yaml
from .factory import Factory
from .hosts import Host, wait_until
from .laboratory import Laboratory
from .libvirt_bench import Bench, benches

_HANGS = 1000
_A_STOP = 20
_RELAYED = "qemu+unix:///system?socket={socket}"
_HOSTS = 5


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return boot_sector_image(tmp_path_factory.mktemp("image") / "sector.qcow2", heeds_button=True)


@pytest.fixture
def bench(laboratory: Laboratory, image: Path) -> Iterator[Bench]:
    yield from benches(laboratory, image)


@pytest.fixture
def crowd(laboratory_factory: Factory, image: Path) -> Iterator[Desk]:
    """A desk in front of five hosts; each is to have one guest."""
    lab = laboratory_factory(hosts=_HOSTS)
    with TemporaryDirectory(prefix="crowd-") as scratch:
        desk = Desk(lab, Path(scratch))
        (desk.path / "fleet.yaml").write_text(lab.fleet_yaml())
        (desk.path / "images.yaml").write_text(image_yaml([image]))
        desk.write("shop.yaml", crowd_yaml(lab))
        yield desk
    lab.down()


def guests(host: Host) -> list[str]:
    return sorted(host.virsh("list", "--name").split())


def uuids(host: Host) -> set[str]:
    return set(host.virsh("list", "--all", "--uuid").split())


def test_the_others_are_served_while_one_is_silent_and_nothing_is_made_twice(crowd: Desk) -> None:
    *others, silent = crowd.lab.hosts
    assert crowd.reconcile("apply", "--yes")[0] == 0
    before = {host.name: uuids(host) for host in crowd.lab.hosts}
    crowd.edit("memory: 16MiB", "memory: 24MiB")
    silent.stop_daemon()
    try:
        code, report = crowd.reconcile("apply", "--yes")
        assert code == 8, report
        for host in others:
            assert "24576 KiB" in host.virsh("dominfo", f"shop-{host.name}-0")
    finally:
        silent.continue_daemon()
    assert {host.name: uuids(host) for host in crowd.lab.hosts} == before
    assert crowd.deeds() == {("update_restart", f"shop-{silent.name}-0")}


def test_one_that_falls_silent_meanwhile_does_not_keep_the_others_from_their_work(
    crowd: Desk, tmp_path: Path
) -> None:
    *others, silent = crowd.lab.hosts
    process = crowd.start("apply", "--yes", log=tmp_path / "apply.log")
    try:
        wait_until(
            lambda: bool(list(silent.path("/var/lib/libvirt/images").iterdir())), what="its first file"
        )
        silent.stop_daemon()
        since = time.monotonic()
        wait_until(
            lambda: all(guests(host) for host in others), what="the guests of the other hosts", within=60
        )
        print(f"the others were done after {time.monotonic() - since:.1f} s")
        # It still waits for the silent one: told to stop twice, it waits no longer.
        process.send_signal(SIGINT)
        time.sleep(0.2)
        process.send_signal(SIGINT)
        assert process.wait(timeout=15) == 130
    finally:
        silent.continue_daemon()
        process.kill()
        process.wait()
    assert crowd.reconcile("apply", "--yes")[0] == 0
    assert [guests(host) for host in crowd.lab.hosts] == [[f"shop-{h.name}-0"] for h in crowd.lab.hosts]


@dataclass(frozen=True, slots=True)
class Footprint:
    """What this process, and its sessions on a host, hold of the system."""

    threads: int
    tasks: int
    files: int
    temporary: int
    processes: int


def footprint(host: Host) -> Footprint:
    return Footprint(
        threads=threading.active_count(),
        tasks=len(list(Path("/proc/self/task").iterdir())),
        files=len(list(Path("/proc/self/fd").iterdir())),
        temporary=len(list(Path(gettempdir()).iterdir())),
        processes=len(host.processes()),
    )


async def steady(host: Host) -> Footprint:
    """What is held when it has not changed for a second."""
    gc.collect()  # a connection is closed with its last reference
    last, since = footprint(host), time.monotonic()
    while time.monotonic() < since + 1:
        await asyncio.sleep(0.05)
        if (now := footprint(host)) != last:
            last, since = now, time.monotonic()
    return last


def ask(connection: libvirt.virConnect) -> None:
    connection.getInfo()


@contextlib.asynccontextmanager
async def on_the_way(bench: Bench) -> AsyncIterator[Target]:
    run_events()
    libvirt.registerErrorHandler(lambda _context, _error: None, None)
    ssh = Ssh(bench.host)
    try:
        yield Target(bench.name, _RELAYED, partial(ssh.dial, SOCKET), read_only=False)
    finally:
        await ssh.close()


async def hang(session: Session, target: Target, box: Host, times: int) -> None:
    """Ask a stopped daemon: in every thread there is, and then in opening another session."""
    for _ in range(times // _A_STOP):
        await session.call("asking", ask)
        hasty = Session(target, Deadlines(open=0.01))
        box.stop_daemon()
        try:
            calls = (session.call("asking", ask, deadline=0.01) for _ in range(THREADS))
            assert all(
                isinstance(each, HostError) for each in await asyncio.gather(*calls, return_exceptions=True)
            )
            for _ in range(_A_STOP - THREADS):
                with pytest.raises(DeadlineExceeded):
                    await hasty.call("asking", ask)
        finally:
            box.continue_daemon()  # before its queue of callers is full
            await hasty.close()
    await session.call("asking", ask)


def test_a_thousand_hangs_hold_no_more_than_a_few(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> tuple[Footprint, Footprint]:
        async with on_the_way(bench) as target:
            session = Session(target)
            try:
                await hang(session, target, bench.box, _A_STOP)
                few = await steady(bench.box)
                await hang(session, target, bench.box, _HANGS)
                return few, await steady(bench.box)
            finally:
                await session.close()

    with TemporaryDirectory(prefix="hangs-") as scratch:
        monkeypatch.setattr(tempfile, "tempdir", scratch)
        few, thousand = asyncio.run(scene())
    print(few, thousand)
    assert thousand == few
