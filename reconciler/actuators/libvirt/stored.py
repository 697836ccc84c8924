"""Which base images a host holds, and what needs each: everybody's machines and volumes are asked.

Images are shared by all fleets of a host, and anybody may have put a clone on one. So whatever names an
image's digest counts, in whatever way: a machine's mark, kernel or disk, running or configured; a volume
of any pool with the image below it; a disk file in no pool, whose own header is read.
"""

from __future__ import annotations

import posixpath
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import libvirt

from reconciler.actuators.hostfiles import HostFiles, head
from reconciler.actuators.libvirt import names
from reconciler.actuators.libvirt.errors import is_gone
from reconciler.actuators.libvirt.order import Desk, Hands
from reconciler.actuators.qcow2 import HEAD_BYTES, read_header
from reconciler.errors import ActionFailed, NotFound
from reconciler.specs.desired import Sha256
from reconciler.specs.fingerprint import sha256_hex
from reconciler.state import StoredImage

_ANYTHING = "*"
_STOCK_SECONDS = 60.0
_OF_NOTHING = sha256_hex(b"")
_DEEPEST = 32
"""Files that lie one upon another; more is taken for a circle."""


@dataclass(frozen=True, slots=True)
class Thing:
    """A machine, or a volume or file (then ``path`` is where it lies), and all that is said of it."""

    name: str
    text: str
    path: str = ""


@dataclass(frozen=True, slots=True)
class Inventory:
    """What lies on a host: image files by digest with their sizes in bytes, and what may need them."""

    images: Mapping[Sha256, int]
    leftovers: tuple[StoredImage, ...]
    things: tuple[Thing, ...]


async def survey(desk: Desk) -> tuple[StoredImage, ...]:
    """Every base image and its users. Raises HostUnreachable, ActionFailed."""
    found = await take_inventory(desk)
    images = (StoredImage(sha256, size, users_of(sha256, found)) for sha256, size in found.images.items())
    everything = (*images, *found.leftovers)
    return tuple(sorted(everything, key=lambda each: (each.sha256, each.whole, each.probe)))


async def take_inventory(desk: Desk) -> Inventory:
    """Look at everything. Raises HostUnreachable, ActionFailed."""
    found = await desk.session.call(
        "taking stock", lambda connection: _inventory(Hands(desk, connection)), deadline=_STOCK_SECONDS
    )
    if desk.files is None:
        return found
    pool_path = await desk.session.call(
        "opening the pool", lambda connection: Hands(desk, connection).pool().path
    )
    leftovers = await _leftovers(desk.files, pool_path, desk.fleet)
    files = await _unlisted(desk.files, found.things)
    images = {**await _whole(desk.files, pool_path), **found.images}
    return Inventory(images, (*found.leftovers, *leftovers), (*found.things, *files))


def users_of(sha256: Sha256, inventory: Inventory) -> tuple[str, ...]:
    """Names of the machines that need it, and paths of the volumes that nothing else uses; sorted."""
    words, volumes = [str(sha256)], [thing for thing in inventory.things if thing.path]
    needing: list[Thing] = []
    while fresh := [each for each in volumes if each not in needing and _says(each.text, words)]:
        needing += fresh
        words += [each.path for each in fresh]
    machines = [each for each in inventory.things if not each.path]
    users = {each.name for each in machines if _says(each.text, words)}
    above = (*machines, *needing)
    users |= {
        each.path for each in needing if not any(each.path in other.text for other in above if other != each)
    }
    return tuple(sorted(users))


def _says(text: str, words: Iterable[str]) -> bool:
    return text == _ANYTHING or any(word in text for word in words)


def _inventory(hands: Hands) -> Inventory:
    images: dict[Sha256, int] = {}
    for volume in hands.pool().handle.listAllVolumes():
        if (sha256 := names.read_image(volume.name())) is not None:
            images[sha256] = images.get(sha256, 0) + _size(volume)
    machines = (_machine(domain) for domain in hands.connection.listAllDomains())
    pools = hands.connection.listAllStoragePools(libvirt.VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE)
    listed = [volume for pool in pools for volume in pool.listAllVolumes()]
    left = sorted({name for volume in listed if names.is_probe(name := volume.name(), hands.desk.fleet)})
    probes = tuple(StoredImage(_OF_NOTHING, 0, whole=False, probe=name) for name in left)
    volumes = (thing for volume in listed if (thing := _volume(volume)))
    return Inventory(images, probes, (*(each for each in machines if each is not None), *volumes))


def _size(volume: libvirt.virStorageVol) -> int:
    try:
        return int(volume.info()[2])
    except libvirt.libvirtError as error:
        if is_gone(error):
            return 0  # put aside: the pool learns of it when it is refreshed
        raise


def _machine(domain: libvirt.virDomain) -> Thing | None:
    try:
        texts = [domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)]
        if domain.isActive():
            texts.append(domain.XMLDesc(0))
    except libvirt.libvirtError as error:
        if is_gone(error):
            return None
        raise
    return Thing(domain.name(), "\n".join(texts))


def _volume(volume: libvirt.virStorageVol) -> Thing | None:
    if names.is_of_an_image(volume.name()):
        return None  # it names its own digest, and has nothing below it
    try:
        return Thing(volume.name(), volume.XMLDesc(0), volume.path())
    except libvirt.libvirtError as error:
        if is_gone(error):
            return None
        raise


async def _leftovers(files: HostFiles, directory: str, fleet: str) -> tuple[StoredImage, ...]:
    found = await files.listing(directory, f".reconciler.image.*.part.{fleet}.*")
    read = ((names.read_leftover(name), size) for name, size in found)
    return tuple(StoredImage(sha256, size, whole=False) for sha256, size in read if sha256 is not None)


async def _whole(files: HostFiles, directory: str) -> dict[Sha256, int]:
    """Image files that have their name already: whoever was killed right then told no pool of them."""
    found: dict[Sha256, int] = {}
    for name, size in await files.listing(directory, "reconciler.image.*"):
        if (sha256 := names.read_image(name)) is not None:
            found[sha256] = found.get(sha256, 0) + size
    return found


async def _unlisted(files: HostFiles, things: Sequence[Thing]) -> tuple[Thing, ...]:
    """The disk files of machines that lie in no pool, and all that lies below them."""
    listed = {thing.path for thing in things if thing.path}
    found: dict[str, Thing] = {}
    for machine in (thing for thing in things if not thing.path):
        waiting = [path for path in _disk_files(machine.text) if path not in listed]
        while waiting and len(found) < _DEEPEST * len(things):
            path = waiting.pop()
            if path in found or path in listed:
                continue
            below = await _below(files, path)
            found[path] = Thing(path, below, path)
            waiting += [below] if below not in ("", _ANYTHING) else []
    return tuple(found.values())


async def _below(files: HostFiles, path: str) -> str:
    """Path of the file that a disk file is read through to; empty where there is none.

    What cannot be read, or understood, may lie on anything.
    """
    try:
        header = read_header(await head(files, path, HEAD_BYTES))
    except NotFound:
        return ""
    except (ActionFailed, ValueError):
        return _ANYTHING
    if header is None or not header.backing:
        return ""
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), header.backing.removeprefix("file:")))


def _disk_files(text: str) -> list[str]:
    """Every file that is the source of a disk, in one or two domain documents."""
    documents = ET.fromstring(f"<machine>{text}</machine>")
    return [source.get("file", "") for source in documents.iterfind("domain/devices/disk/source[@file]")]
