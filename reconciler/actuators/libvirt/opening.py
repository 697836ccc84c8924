"""Open a host: over SSH, this machine's own libvirtd, or libvirt's test driver."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import libvirt

from reconciler.actuators.hostfiles import HostFiles, LocalFiles, RemoteFiles
from reconciler.actuators.libvirt.actuator import LibvirtActuator
from reconciler.actuators.libvirt.order import Desk, Pace, Platform
from reconciler.actuators.libvirt.session import Session, Target
from reconciler.actuators.port import Access, Actuator
from reconciler.actuators.relay import Dial, dial_local
from reconciler.actuators.ssh import Ssh
from reconciler.specs.desired import Host, Scheme

SOCKET = "/run/libvirt/libvirt-sock"
_RELAYED = "qemu+unix:///system?socket={socket}"


@dataclass(frozen=True, slots=True)
class _Reach:
    """How a host's files and its libvirt socket are reached; neither is, of the test driver."""

    files: HostFiles | None
    dial: Dial | None


async def open_host(host: Host, access: Access, pace: Pace) -> Actuator:
    """Open one host and make sure that it answers. Raises HostUnreachable."""
    _be_quiet()
    reach = _reach(host)
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
    desk = Desk(session, access.fleet, platform, reach.files, access.supplies, pace)
    return LibvirtActuator(desk, access.read_only)


def _reach(host: Host) -> _Reach:
    path = host.connect.socket or SOCKET
    match host.connect.scheme:
        case Scheme.SSH:
            ssh = Ssh(host)
            return _Reach(RemoteFiles(ssh), partial(ssh.dial, path))
        case Scheme.QEMU:
            return _Reach(LocalFiles(host.name), partial(dial_local, path))
        case Scheme.TEST:
            return _Reach(None, None)
        case Scheme.SIM:
            raise ValueError(f"{host.name}: a simulated host has no libvirt")


def _be_quiet() -> None:
    # libvirt prints every error to standard error unless somebody takes it.
    libvirt.registerErrorHandler(lambda _context, _error: None, None)
