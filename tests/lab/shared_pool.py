"""One pool that all hosts of a laboratory share: a brick of GlusterFS at the controller, mounted on each.

It needs no more than FUSE, where network file systems of the kernel's may be missing, and it is a real one:
libvirt takes it for shared, and QEMU's image locks on it hold between hosts.
"""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from . import namespaces
from .desk import clean
from .hosts import IMAGES, Host, wait_until
from .laboratory import Laboratory
from .namespaces import LabError, inside
from .settings import CONTROLLER

_PORT = 24100
_BRICK = f"""\
volume files
  type storage/posix
  option directory {{directory}}
end-volume
volume pool
  type features/locks
  option auth.addr.pool.allow *
  subvolumes files
end-volume
volume server
  type protocol/server
  option transport-type tcp
  option transport.socket.listen-port {_PORT}
  option transport.socket.bind-address {CONTROLLER}
  option auth.addr.pool.allow *
  subvolumes pool
end-volume
"""
_CLIENT = f"""\
volume pool
  type protocol/client
  option transport-type tcp
  option remote-host {CONTROLLER}
  option remote-port {_PORT}
  option remote-subvolume pool
end-volume
"""
_VOLUME = "/var/lib/libvirt/pool.vol"
# What one host has written is there for the next to read, whatever that remembers.
_COHERENT = ("--direct-io-mode=enable", "--attribute-timeout=0", "--entry-timeout=0")


def why_not_shared() -> str:
    """What keeps hosts of this machine from sharing a pool; empty if nothing does."""
    if shutil.which("glusterfsd", path="/usr/sbin:/sbin") is None:
        return "a shared pool needs: apt-get install glusterfs-client"
    return "" if Path("/dev/fuse").exists() else "a shared pool needs /dev/fuse"


@contextmanager
def shared_pool(lab: Laboratory) -> Iterator[Path]:
    """Have all hosts share their pool within the block; where its files really are."""
    home = lab.directory / "pool"
    brick = home / "brick"
    brick.mkdir(parents=True)
    (home / "brick.vol").write_text(_BRICK.format(directory=brick))
    words = ["glusterfsd", "-N", "-f", str(home / "brick.vol"), "-l", str(home / "brick.log")]
    server = subprocess.Popen(
        [*inside(lab.controller, "net"), *words, "-p", str(home / "brick.pid")],
        stdin=subprocess.DEVNULL,
        env=namespaces.environment(lab.identity),
    )
    try:
        wait_until(lambda: _listens(lab), what="the brick of the shared pool")
        for host in lab.hosts:
            clean(host)
            mount(host)
            host.virsh("pool-refresh", "default")
        yield brick
    finally:
        for host in lab.hosts:
            clean(host)
            host.run(["umount", "-l", IMAGES])
            host.virsh("pool-refresh", "default")
        server.kill()
        server.wait()
        shutil.rmtree(home)


def mount(host: Host) -> None:
    """Have a host see the shared pool, as one does that boots: before its libvirtd starts."""
    host.path(_VOLUME).write_text(_CLIENT)
    with suppress(LabError):  # what a dead client has left
        host.run(["umount", "-l", IMAGES])
    host.run(["glusterfs", "-f", _VOLUME, "-l", "/var/log/libvirt/pool.log", *_COHERENT, IMAGES])


def _listens(lab: Laboratory) -> bool:
    return f":{_PORT}" in lab.run(["ss", "-ltn"]).stdout
