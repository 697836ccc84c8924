"""Open a host: over SSH, this machine's own libvirtd, or libvirt's test driver."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import libvirt

from reconciler.actuators.hostfiles import HostFiles, LocalFiles, RemoteFiles
from reconciler.actuators.libvirt.actuator import LibvirtActuator
from reconciler.actuators.libvirt.ears import Ears, run_events
from reconciler.actuators.libvirt.locking import HostLock, LocalLock, SshLock
from reconciler.actuators.libvirt.order import Desk, Pace, Platform
from reconciler.actuators.libvirt.session import Session, Target
from reconciler.actuators.libvirt.wires import LocalWires, RemoteWires, Wires
from reconciler.actuators.port import Access, Actuator
from reconciler.actuators.relay import Dial, dial_local
from reconciler.actuators.ssh import Ssh
from reconciler.specs.desired import Host, Scheme

SOCKET = "/run/libvirt/libvirt-sock"
_RELAYED = "qemu+unix:///system?socket={socket}"


@dataclass(frozen=True, slots=True)
class _Reach:
    """How a host's files, links, libvirt socket and lock are reached; the test driver has only a lock."""

    files: HostFiles | None
    wires: Wires | None
    dial: Dial | None
    lock: HostLock


async def open_host(host: Host, access: Access, pace: Pace) -> Actuator:
    """Open one host and make sure that it answers. Raises HostUnreachable."""
    _be_quiet()
    run_events()
    reach = _reach(host, access)
    uri = host.connect.uri if reach.dial is None else _RELAYED
    session = Session(Target(host.name, uri, reach.dial, access.read_only))
    try:
        arch = await session.call("opening libvirt", lambda connection: str(connection.getInfo()[0]))
    except BaseException:
        await session.close()
        if reach.files is not None:
            await reach.files.close()
        raise
    platform = Platform("test" if reach.files is None else host.hypervisor.value, arch)
    desk = Desk(
        session=session,
        fleet=access.fleet,
        platform=platform,
        files=reach.files,
        wires=reach.wires,
        supplies=access.supplies,
        lock=reach.lock,
        pace=pace,
    )
    return LibvirtActuator(desk, Ears(session), access.read_only)


def _reach(host: Host, access: Access) -> _Reach:
    path = host.connect.socket or SOCKET
    lock = f"/run/lock/reconciler.{access.fleet}.lock"
    match host.connect.scheme:
        case Scheme.SSH:
            ssh = Ssh(host)
            wires = RemoteWires(host, ssh)
            return _Reach(RemoteFiles(ssh), wires, partial(ssh.dial, path), SshLock(host.name, ssh, lock))
        case Scheme.QEMU:
            local = LocalLock(host.name, Path(lock))
            return _Reach(LocalFiles(host.name), LocalWires(host), partial(dial_local, path), local)
        case Scheme.TEST:
            beside = LocalLock(host.name, access.store / "locks" / f"{access.fleet}.{host.name}")
            return _Reach(None, None, None, beside)
        case Scheme.SIM:
            raise ValueError(f"{host.name}: a simulated host has no libvirt")


def _be_quiet() -> None:
    # libvirt prints every error to standard error unless somebody takes it.
    libvirt.registerErrorHandler(lambda _context, _error: None, None)
