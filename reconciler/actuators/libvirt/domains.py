"""Our domains on one host: found, marked, started and ended. Everything here blocks."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass, replace

import libvirt

from reconciler.actuators.libvirt import mark as marks
from reconciler.actuators.libvirt.errors import is_gone
from reconciler.actuators.libvirt.mark import Mark
from reconciler.actuators.libvirt.parse import Ours, Reader, read_domain
from reconciler.actuators.libvirt.pool import Pool
from reconciler.actuators.libvirt.sense import sense
from reconciler.errors import ActionFailed, AlreadyExists, NotFound
from reconciler.specs.desired import InstanceName, InstanceUuid, Machine
from reconciler.state import InstanceState


@dataclass(frozen=True, slots=True)
class Domain:
    """A domain that bears our mark, as it is configured (not as it runs)."""

    handle: libvirt.virDomain
    mark: Mark

    def is_active(self) -> bool:
        """Whether it runs, paused included."""
        return bool(self.handle.isActive())

    def texts(self) -> tuple[str, ...]:
        """Its XML as it is configured and, while it is active, as it runs."""
        configured = str(self.handle.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))
        return (configured, str(self.handle.XMLDesc(0))) if self.is_active() else (configured,)

    def check_at_home(self, pool: Pool) -> None:
        """Raise ActionFailed where a disk of it is read from anything but its own volume.

        Whoever defined it over would lose sight of what was written there: a snapshot's file, a copy's.
        """
        others = tuple(pool.directories(self.mark.applied).items())
        for text in self.texts():
            read = read_domain(text, Reader(self.mark.fleet, pool.path, others))
            for disk in read.live.astray if isinstance(read, Ours) else ():
                message = (
                    f"{self.mark.key.name}: disk {disk.name} is read from {disk.source}, not its own volume"
                    " (a snapshot?): merge that back first (virsh blockcommit --shallow --active --pivot)"
                )
                raise ActionFailed(pool.host, message)

    def write_mark(self, mark: Mark) -> None:
        """Put another mark on it, configured and running alike."""
        text = ET.tostring(mark.element("instance"), encoding="unicode")
        flags = libvirt.VIR_DOMAIN_AFFECT_CONFIG
        if self.is_active():
            flags |= libvirt.VIR_DOMAIN_AFFECT_LIVE
        self.handle.setMetadata(
            libvirt.VIR_DOMAIN_METADATA_ELEMENT, text, marks.PREFIX, marks.NAMESPACE, flags
        )

    def begin_taking_apart(self, former: Machine | None) -> None:
        """From now on it counts as half made, whatever happens to us; ``former`` is what it can be again."""
        if self.mark.complete:
            self.write_mark(replace(self.mark, complete=False, former=former))

    def check_stayed(self, before: InstanceState | None) -> None:
        """Raise ActionFailed where it has been migrated away since it was ``before``: it runs elsewhere now.

        Somebody else may do so at any time; what is defined and started here then runs twice. With None
        nobody had seen it: it is only just being made.
        """
        state = sense(*self.handle.state())
        if before is not None and before.has_left(state.power, state.detail):
            raise ActionFailed(before.host, f"{self.mark.key.name} was migrated away, or is on its way")

    def start(self, before: InstanceState | None) -> None:
        """Start it, unless it runs. Raises ActionFailed where it has left since it was ``before``."""
        if not self.is_active():
            self.check_stayed(before)
            self.handle.create()

    def destroy(self) -> None:
        """Pull its plug, unless it is off."""
        try:
            if self.is_active():
                self.handle.destroy()
        except libvirt.libvirtError as error:
            if self.is_active():
                raise
            del error  # it went off by itself meanwhile

    def undefine(self) -> None:
        """Forget it, with its firmware variables and saved memory."""
        flags = libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM
        flags |= libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
        try:
            self.handle.undefineFlags(flags)
        except libvirt.libvirtError as error:
            if error.get_error_code() != libvirt.VIR_ERR_INVALID_ARG:
                raise
            self.handle.undefine()  # the test driver knows none of them


@dataclass(frozen=True, slots=True)
class Domains:
    """The domains of one host, seen with the eyes of one fleet."""

    connection: libvirt.virConnect
    host: str
    fleet: str

    def find(self, uuid: InstanceUuid) -> Domain | None:
        """Our domain of that UUID, or None. Raises AlreadyExists where it is somebody else's."""
        try:
            handle = self.connection.lookupByUUIDString(uuid)
        except libvirt.libvirtError as error:
            if is_gone(error):
                return None
            raise
        text = handle.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
        read = read_domain(text, Reader(self.fleet, ""))
        if not isinstance(read, Ours):
            raise AlreadyExists(self.host, f"domain {handle.name()} has UUID {uuid} and is not ours")
        return Domain(handle, read.mark)

    def call(self, uuid: InstanceUuid, name: InstanceName) -> None:
        """Give our domain of that UUID, if there is one, its name back: somebody may have renamed it.

        It must not run; libvirt defines none anew under another name than it has.
        """
        try:
            if self.connection.lookupByUUIDString(uuid).name() == name:
                return
        except libvirt.libvirtError as error:
            if is_gone(error):
                return
            raise
        found = self.find(uuid)
        if found is None:
            return
        try:
            found.handle.rename(name)
        except libvirt.libvirtError as error:
            if error.get_error_code() != libvirt.VIR_ERR_NO_SUPPORT:
                raise
            found.undefine()  # the test driver cannot rename, and is about to define it

    def get(self, uuid: InstanceUuid) -> Domain:
        """Our domain of that UUID. Raises NotFound, or ActionFailed where it is somebody else's."""
        domain = self.find(uuid)
        if domain is None:
            raise NotFound(self.host, f"there is no domain with UUID {uuid}")
        return domain

    def stayed(self, before: InstanceState) -> Domain:
        """Our domain that was ``before``. Raises NotFound, ActionFailed where it was migrated away since."""
        domain = self.get(before.uuid)
        domain.check_stayed(before)
        return domain

    def unprotected(self, before: InstanceState) -> Domain:
        """Our domain that was ``before``, and may be taken apart. Raises ActionFailed where it must not."""
        domain = self.stayed(before)
        if domain.mark.applied.protect:
            message = f"{domain.mark.key.name} is protected; set `protect: false` and apply first"
            raise ActionFailed(self.host, message)
        return domain

    def check_name_is_free(self, name: str) -> None:
        """Raise AlreadyExists where any domain has that name."""
        try:
            self.connection.lookupByName(name)
        except libvirt.libvirtError as error:
            if is_gone(error):
                return
            raise
        raise AlreadyExists(self.host, f"there is another domain called {name}")
