"""Real hosts through libvirt: the only importer of the libvirt binding."""

from __future__ import annotations

import os

from reconciler.actuators.port import Access, Actuator
from reconciler.errors import HostUnreachable
from reconciler.specs.desired import Host

_INSTALL = (
    "libvirt's Python binding is not installed. Either `pip install 'reconciler[libvirt]'`, which builds it "
    "(first: apt-get install libvirt-dev pkg-config gcc python3-dev), or `apt-get install python3-libvirt` "
    "and a virtual environment made with --system-site-packages"
)


GRACE_SECONDS = 30.0


async def open_libvirt(host: Host, access: Access, *, grace: float = GRACE_SECONDS) -> Actuator:
    """Open a host by ``ssh://``, ``qemu:///system`` or ``test:///default``. Raises HostUnreachable.

    ``grace`` is how many seconds a guest has to shut down before its plug is pulled.
    """
    # The library writes warnings to standard error by itself: what they say is seen by looking.
    os.environ.setdefault("LIBVIRT_DEBUG", "error")
    try:
        import libvirt
    except ImportError as error:
        raise HostUnreachable(host.name, _INSTALL) from error
    del libvirt
    from reconciler.actuators.libvirt.opening import open_host
    from reconciler.actuators.libvirt.order import Pace

    return await open_host(host, access, Pace(grace))
