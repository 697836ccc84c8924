"""All that touches a hypervisor, one folder a platform, one port."""

from __future__ import annotations

from reconciler.actuators.port import Access, Actuator
from reconciler.specs.desired import Host, Scheme


async def open_host(host: Host, access: Access) -> Actuator:
    """Open one host on the platform that its ``connect`` names. Raises HostUnreachable."""
    # Imported late: the simulated fleet needs neither asyncssh nor libvirt, and help needs none.
    if host.connect.scheme is Scheme.SIM:
        from reconciler.actuators.sim import open_sim

        return await open_sim(host, access)
    from reconciler.actuators.libvirt import open_libvirt

    return await open_libvirt(host, access)
