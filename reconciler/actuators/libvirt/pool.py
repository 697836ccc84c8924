"""The volumes of one host's pools. Everything here blocks: it is called in a session's threads."""

from __future__ import annotations

from dataclasses import dataclass, replace

import libvirt

from reconciler.actuators.libvirt import names
from reconciler.actuators.libvirt.errors import is_gone
from reconciler.actuators.libvirt.parse import read_pool_directory
from reconciler.actuators.libvirt.volume_xml import Backing, volume_xml
from reconciler.errors import ActionFailed, UnknownImage
from reconciler.specs.desired import Disk, ImageUse, Machine
from reconciler.specs.disks import DEFAULT_POOL

MIB = 1024 * 1024
# The test driver comes with one pool, of another name.
TEST_POOL = "default-pool"
_CHUNK_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Pool:
    """An active pool; ``holds_bytes`` is False for the test driver's, whose volumes are only names."""

    host: str
    path: str
    handle: libvirt.virStoragePool
    holds_bytes: bool = True

    def of(self, disk: Disk) -> Pool:
        """Where a disk of the host lies, given the pool in which images lie. Raises ActionFailed where there
        is no such pool.
        """
        return self.named(disk.pool)

    def named(self, name: str) -> Pool:
        """That pool of the host, as a disk names it. Raises ActionFailed where it is not there."""
        if not name:
            return self
        handle = find_pool(self.handle.connect(), name)
        if handle is None:
            message = (
                f"there is no active storage pool {name!r} for disks that are to lie in it. On the host: "
            )
            raise ActionFailed(self.host, f"{message}virsh pool-start {name}")
        return replace(self, path=_directory(self.host, handle), handle=handle)

    def directories(self, machine: Machine) -> dict[str, str]:
        """Where its other pools lie, in which the machine has disks, by their names. Raises as ``of``."""
        return {disk.pool: self.of(disk).path for disk in machine.disks if disk.pool}

    def find(self, name: str) -> libvirt.virStorageVol | None:
        """Volume of that name, or None."""
        try:
            return self.handle.storageVolLookupByName(name)
        except libvirt.libvirtError as error:
            if is_gone(error):
                return None
            raise

    def delete(self, name: str) -> None:
        """Delete a volume; it may be gone already."""
        volume = self.find(name)
        if volume is None:
            return
        try:
            volume.delete(0)
        except libvirt.libvirtError as error:
            if not is_gone(error):
                raise

    def size_mib(self, name: str) -> int | None:
        """What a guest sees of a volume, or None where there is no such volume."""
        volume = self.find(name)
        return None if volume is None else _capacity(volume) // MIB

    def check_image(self, use: ImageUse, root_mib: int | None) -> None:
        """Raise UnknownImage where a file of it is not here, ActionFailed where the root is too small."""
        for digest in use.digests:
            name = names.image_volume(digest, names.part_kind(use, digest))
            if self.find(name) is None:
                raise UnknownImage(
                    self.host, f"image {use.name} is not in pool {self.handle.name()} ({name})"
                )
        if use.disk is None or root_mib is None:
            return
        needed = -(-_capacity(self._base(use)) // MIB)
        if needed > root_mib:
            message = f"image {use.name} is {needed} MiB large: a root disk of {root_mib} MiB cannot hold it"
            raise ActionFailed(self.host, message)

    def clone(self, use: ImageUse, name: str, root: Disk) -> None:
        """Make a root disk, in its own pool, that reads from its base image here until it is written."""
        self.make(name, root.size_mib * MIB, root, use)

    def adopt_or_make(self, name: str, size_mib: int) -> None:
        """A data disk of at least ``size_mib``: the one that is there, grown if need be, or a new one."""
        volume = self.find(name)
        if volume is None:
            self.handle.createXML(volume_xml(name, size_mib * MIB, "qcow2"), 0)
        elif _capacity(volume) < size_mib * MIB:
            if self.holds_bytes:
                volume.resize(size_mib * MIB, 0)
            else:
                volume.delete(0)
                self.handle.createXML(volume_xml(name, size_mib * MIB, "qcow2"), 0)

    def check_not_shrinking(self, name: str, size_mib: int) -> None:
        """Raise ActionFailed where a volume is larger than that."""
        has = self.size_mib(name)
        if has is not None and has > size_mib:
            message = f"{name} has {has} MiB, {size_mib} MiB were asked for: a disk cannot shrink"
            raise ActionFailed(self.host, message)

    def write(self, name: str, data: bytes) -> None:
        """Make a volume of these bytes, over any that was there.

        One of the same size is written over in its place: a guest that has it plugged in sees the new one
        when it boots again, which it may do by itself.
        """
        volume = self.find(name)
        if volume is None or _capacity(volume) != len(data):
            self.delete(name)
            volume = self.handle.createXML(volume_xml(name, len(data), "raw"), 0)
        if not self.holds_bytes:
            return
        stream = self.handle.connect().newStream(0)
        try:
            volume.upload(stream, 0, len(data), 0)
            for start in range(0, len(data), _CHUNK_BYTES):
                _send(stream, data[start : start + _CHUNK_BYTES])
            stream.finish()
        except libvirt.libvirtError:
            stream.abort()
            raise

    def read(self, name: str) -> bytes | None:
        """The bytes of a small volume, or None where there is no such volume."""
        volume = self.find(name)
        if volume is None:
            return None
        if not self.holds_bytes:
            return bytes(_capacity(volume))
        received: list[bytes] = []
        stream = self.handle.connect().newStream(0)
        try:
            volume.download(stream, 0, _capacity(volume), 0)
            stream.recvAll(lambda _stream, data, _opaque: received.append(data), None)
            stream.finish()
        except libvirt.libvirtError:
            stream.abort()
            raise
        return b"".join(received)

    def size_bytes(self, name: str) -> int:
        """What a guest sees of a volume. Raises libvirt's error where there is no such volume."""
        return _capacity(self.handle.storageVolLookupByName(name))

    def make(self, name: str, size_bytes: int, disk: Disk, base: ImageUse | None) -> None:
        """A new disk of exactly that size in its own pool, reading from ``base``, which is here, until it is
        written, or empty.
        """
        backing = None if base is None else Backing(self._base(base).path(), names.disk_kind(base).value)
        self.of(disk).handle.createXML(volume_xml(name, size_bytes, "qcow2", backing), 0)

    def make_empty(self, name: str) -> None:
        """A volume of no bytes. Raises libvirt's error where a file of that name is there, listed or not."""
        self.handle.createXML(volume_xml(name, 0, "raw"), 0)

    def _base(self, use: ImageUse) -> libvirt.virStorageVol:
        assert use.disk is not None, "asked only of images that have a disk"
        return self.handle.storageVolLookupByName(names.image_volume(use.disk, names.disk_kind(use)))


def find_pool(connection: libvirt.virConnect, name: str) -> libvirt.virStoragePool | None:
    """The active pool of that name, or None."""
    try:
        handle = connection.storagePoolLookupByName(name)
    except libvirt.libvirtError as error:
        if is_gone(error):
            return None
        raise
    return handle if handle.isActive() else None


def open_pool(connection: libvirt.virConnect, host: str, *, is_test: bool) -> Pool:
    """The pool that images live in, and every disk that does not say another. Raises ActionFailed, saying
    how to make it.
    """
    name = main_pool(is_test=is_test)
    handle = find_pool(connection, name)
    if handle is None:
        message = (
            f"there is no active storage pool {name!r}. On the host: "
            f"virsh pool-define-as {name} dir --target /var/lib/libvirt/images; "
            f"virsh pool-start {name}; virsh pool-autostart {name}"
        )
        raise ActionFailed(host, message)
    return Pool(host, _directory(host, handle), handle, holds_bytes=not is_test)


def main_pool(*, is_test: bool) -> str:
    """The name of the pool that images live in."""
    return TEST_POOL if is_test else DEFAULT_POOL


def _directory(host: str, handle: libvirt.virStoragePool) -> str:
    path = read_pool_directory(handle.XMLDesc(0))
    if path is None:
        raise ActionFailed(host, f"storage pool {handle.name()} is no directory of files")
    return path


def _capacity(volume: libvirt.virStorageVol) -> int:
    return int(volume.info()[1])


def _send(stream: libvirt.virStream, data: bytes) -> None:
    while data:
        data = data[stream.send(data) :]
