"""libvirt's platforms: its in-process test driver, and a real libvirtd of the laboratory."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.specs.desired import Connect, Host, Image, Scheme
from tests.contract.platforms import declared, disk_image, stand_in

if TYPE_CHECKING:
    import libvirt

    from tests.lab.hosts import Host as LabHost
    from tests.lab.laboratory import Laboratory

Edit = Callable[[str], str]
"""Domain XML in, domain XML out."""


def _with_cpus(xml: str, cpus: int) -> str:
    return re.sub(r"(<vcpu[^>]*>)[0-9]+<", rf"\g<1>{cpus}<", xml)


def _half_made(xml: str) -> str:
    edited = re.sub(r"""complete=(['"])yes['"]""", r"complete=\g<1>no\g<1>", xml)
    assert edited != xml, "there is no mark to edit"
    return edited


_FOREIGN = """
<domain type='{type}'><name>{name}</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>
<os><type arch='x86_64'>hvm</type></os></domain>
"""


@dataclass(frozen=True, slots=True)
class InProcess:
    """libvirt's in-process test driver: as long as one connection is open, all see the same host."""

    connection: libvirt.virConnect
    image: Image
    name: str = "test-driver"
    network: str = "default"

    @property
    def host(self) -> Host:
        return declared(Connect(Scheme.TEST, "test:///default"))

    def stop(self, name: str) -> None:
        self.connection.lookupByName(name).destroy()

    def undefine(self, name: str) -> None:
        domain = self.connection.lookupByName(name)
        if domain.isActive():
            domain.destroy()
        domain.undefine()

    def edit_cpus(self, name: str, cpus: int) -> None:
        self._edit(name, lambda xml: _with_cpus(xml, cpus))

    def leave_half_made(self, name: str) -> None:
        self._edit(name, _half_made)

    def add_foreign(self, name: str) -> None:
        self.connection.defineXML(_FOREIGN.format(name=name, type="test")).create()

    def definition(self, name: str) -> str:
        return str(self.connection.lookupByName(name).XMLDesc())

    def clean(self) -> None:
        """Leave nothing of what was there."""
        for domain in self.connection.listAllDomains():
            self.undefine(domain.name())
        for pool in self.connection.listAllStoragePools():
            for volume in pool.listAllVolumes():
                volume.delete()

    def _edit(self, name: str, change: Edit) -> None:
        import libvirt

        xml = self.connection.lookupByName(name).XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
        self.connection.defineXML(change(xml))


@dataclass(frozen=True, slots=True)
class RealHost:
    """A real libvirtd of the laboratory, over SSH."""

    lab: Laboratory
    box: LabHost
    image: Image
    name: str = "libvirtd"
    network: str = "lab"

    @property
    def host(self) -> Host:
        lab, address = self.lab, self.box.address
        return declared(
            Connect(
                Scheme.SSH,
                f"ssh://root@{address}/",
                user="root",
                address=address,
                keyfile=str(lab.keyfile),
                known_hosts=str(lab.known_hosts_file),
            )
        )

    def stop(self, name: str) -> None:
        self.box.virsh("destroy", name)

    def undefine(self, name: str) -> None:
        if name in self.box.virsh("list", "--name").split():
            self.stop(name)
        self.box.virsh("undefine", name)

    def edit_cpus(self, name: str, cpus: int) -> None:
        self.box.define(_with_cpus(self.box.virsh("dumpxml", "--inactive", name), cpus))

    def leave_half_made(self, name: str) -> None:
        self.box.define(_half_made(self.box.virsh("dumpxml", "--inactive", name)))

    def add_foreign(self, name: str) -> None:
        self.box.define(_FOREIGN.format(name=name, type="qemu"))
        self.box.virsh("start", name)

    def definition(self, name: str) -> str:
        return self.box.virsh("dumpxml", name)

    def clean(self) -> None:
        """Leave the host as empty as it was."""
        for name in self.box.virsh("list", "--all", "--name").split():
            self.undefine(name)
        for line in self.box.virsh("vol-list", "default").splitlines():
            self.box.virsh("vol-delete", line.split()[0], "default")


@contextmanager
def in_process(directory: Path) -> Iterator[InProcess]:
    """The test driver's host, emptied of the machine it is born with.

    It lives while any connection does, and one that leaks through a cycle keeps it for the next test.
    """
    import libvirt

    connection = libvirt.open("test:///default")
    try:
        driver = InProcess(connection, disk_image(stand_in(directory)))
        driver.clean()
        yield driver
    finally:
        connection.close()


def libvirt_is_missing() -> bool:
    """Whether the binding is not installed."""
    return importlib.util.find_spec("libvirt") is None
