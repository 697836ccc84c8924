"""How a base image gets to a host fastest: SFTP, a pipe into a file, or libvirt's own volume upload.

All three over the one SSH connection that a host is reached by, to a real host of the laboratory; and
from one host to another through this machine.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import libvirt

from reconciler.actuators.libvirt.ears import run_events
from reconciler.actuators.libvirt.opening import SOCKET
from reconciler.actuators.libvirt.session import Session, Target
from reconciler.actuators.libvirt.volume_xml import volume_xml
from reconciler.actuators.ssh import Ssh
from reconciler.specs.desired import Connect, Host, HostName, Scheme
from tests.lab.hosts import IMAGES
from tests.lab.laboratory import Laboratory, enter_network

_MIB = 1024 * 1024
_CHUNK = 256 * 1024
_DEADLINE = 600.0

Way = Callable[[Path], Awaitable[None]]


def main() -> int:
    """Print a table; the first column is MiB a second, the median of the rounds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    run_events()
    with TemporaryDirectory() as scratch, Laboratory(hosts=2) as lab, enter_network(lab):
        image = Path(scratch) / "image"
        with Path("/dev/urandom").open("rb") as luck:
            image.write_bytes(luck.read(arguments.mib * _MIB))
        asyncio.run(_measure(lab, image, arguments))
    return 0


async def _measure(lab: Laboratory, image: Path, arguments: argparse.Namespace) -> None:
    one, other = (Ssh(_declared(lab, number)) for number in (0, 1))
    session = Session(
        Target(
            HostName("hv1"),
            "qemu+unix:///system?socket={socket}",
            partial(one.dial, SOCKET),
            read_only=False,
        )
    )
    ways: dict[str, Way] = {
        "SFTP": lambda path: one.put(path, f"{IMAGES}/bench"),
        "libvirt volume upload": lambda path: _upload(session, path),
        "host to host, through here": lambda _: _relay(one, other),
    }
    try:
        for name, way in ways.items():
            seconds = []
            for _ in range(arguments.rounds):
                since = time.perf_counter()
                await way(image)
                seconds.append(time.perf_counter() - since)
            median = statistics.median(seconds)
            spread = f"{min(seconds):.2f} – {max(seconds):.2f}"
            sys.stdout.write(f"{name:28} {arguments.mib / median:7.1f} MiB/s   {median:6.2f} s ({spread})\n")
    finally:
        await session.close()
        await one.close()
        await other.close()


async def _relay(source: Ssh, target: Ssh) -> None:
    async with source.reading(f"{IMAGES}/bench") as stream:
        await target.write(stream.chunks, f"{IMAGES}/bench")


async def _upload(session: Session, path: Path) -> None:
    def work(connection: libvirt.virConnect) -> None:
        pool = connection.storagePoolLookupByName("default")
        pool.refresh(0)
        if "upload" in pool.listVolumes():
            pool.storageVolLookupByName("upload").delete(0)
        size = path.stat().st_size
        volume = pool.createXML(volume_xml("upload", size, "raw"), 0)
        stream = connection.newStream(0)
        volume.upload(stream, 0, size, 0)
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                while chunk:
                    chunk = chunk[stream.send(chunk) :]
        stream.finish()

    await session.call("uploading", work, deadline=_DEADLINE)


def _declared(lab: Laboratory, number: int) -> Host:
    address = lab.hosts[number].address
    connect = Connect(
        Scheme.SSH,
        f"ssh://root@{address}/",
        user="root",
        address=address,
        keyfile=str(lab.keyfile),
        known_hosts=str(lab.known_hosts_file),
    )
    return Host(HostName(f"hv{number + 1}"), connect)


if __name__ == "__main__":
    sys.exit(main())
