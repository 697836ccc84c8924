"""Whether a host is given anything new, and whether what runs there is to leave.

The files say so (``maintenance``), or a cordon that hangs on the host itself.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePath

from reconciler.specs.desired import Desired, Host, InstanceUuid
from reconciler.state import HostState, Observed


def with_maintenance(desired: Desired, observed: Observed) -> Desired:
    """What is desired, with every host that is being drained in maintenance."""
    draining = {state.host for state in observed.hosts if state.cordon and state.cordon.draining}
    if not draining:
        return desired
    hosts = (
        replace(host, maintenance=True) if host.name in draining else host for host in desired.fleet.hosts
    )
    return replace(desired, fleet=replace(desired.fleet, hosts=tuple(hosts)))


def why_empty(host: Host, state: HostState | None) -> str | None:
    """Why everything is to leave a host; None where nothing has to."""
    if state is not None and state.cordon is not None and state.cordon.draining:
        return f"is {state.cordon}"
    if not host.maintenance:
        return None
    where = host.maintenance_origin
    line = f" ({PurePath(where.file).name}:{where.line})" if where.file else ""
    return f"is in maintenance: hosts.{host.name}.maintenance{line}"


def why_closed(host: Host, state: HostState | None, uuid: InstanceUuid) -> str | None:
    """Why a host is not for an instance; None where it is. Who is on a host that is cordoned may stay."""
    if reason := why_empty(host, state):
        return reason
    if state is None or state.cordon is None or state.instance(uuid) is not None:
        return None
    return f"is {state.cordon}"
