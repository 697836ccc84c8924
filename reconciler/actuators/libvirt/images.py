"""Bring a base image to a host: beside its place first, verified there, then renamed into it.

What cannot serve as a base image is refused before anything is sent, and so is what finds no room. It
comes over SFTP, which was measured to be faster than libvirt's volume upload (docs/benchmarks.md).
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import libvirt

from reconciler.actions import PutImage
from reconciler.actuators.hostfiles import HostFiles, head
from reconciler.actuators.libvirt import names
from reconciler.actuators.libvirt.errors import translated
from reconciler.actuators.libvirt.names import PartKind
from reconciler.actuators.libvirt.order import Desk, Hands
from reconciler.actuators.libvirt.pool import MIB
from reconciler.actuators.libvirt.volume_xml import volume_xml
from reconciler.actuators.qcow2 import HEAD_BYTES, read_header
from reconciler.errors import ActionFailed, AlreadyExists, HostError, ImageUnavailable, NoRoom
from reconciler.specs.desired import HostName, ImagePart

_REFRESH_TRIES = 40
_REFRESH_PAUSE = 0.25


@dataclass(frozen=True, slots=True)
class _Part:
    """One file of an image, what it is to its machine, and how large a root disk it has to fit into."""

    image: str
    part: ImagePart
    kind: PartKind
    root_mib: int | None

    @property
    def volume(self) -> str:
        return names.image_volume(self.part.sha256, self.kind)


@dataclass(frozen=True, slots=True)
class _Room:
    """Of a pool, in bytes."""

    capacity: int
    available: int


async def put_image(desk: Desk, action: PutImage) -> None:
    """Every file of an image, those that are there already excepted. May be repeated."""
    image = action.image
    pool_path = await desk.change("opening the pool", lambda hands: hands.pool().path)
    if desk.files is not None:
        await sweep(desk, desk.files, pool_path)
    await refresh(desk)
    wanted = tuple(
        _Part(image.use.name, part, names.part_kind(image.use, part.sha256), action.root_mib)
        for part in image.parts
    )
    held = await desk.change("reading the pool", lambda hands: _held(hands, [each.volume for each in wanted]))
    for part in wanted:
        if part.volume in held:
            continue
        if desk.files is None:
            await desk.change("naming an image", partial(_only_name, part.volume))
        else:
            await _Bringing(desk, desk.files, part, f"{pool_path}/{part.volume}").bring(action.source)
    await refresh(desk)


@dataclass(frozen=True, slots=True)
class _Bringing:
    """One file on its way to ``path`` on the host."""

    desk: Desk
    files: HostFiles
    part: _Part
    path: str

    async def bring(self, source: HostName | None) -> None:
        """From a host that has it, and where that fails as well as without one from here."""
        if source is None:
            await self._from_here()
            return
        try:
            await self._from_host(source)
        except HostError as failed:
            try:
                await self._from_here()
            except ImageUnavailable as error:
                message = (
                    f"image {self.part.image} could not be copied ({failed}), nor had from elsewhere: {error}"
                )
                raise ActionFailed(self.desk.host, message) from error

    async def _from_here(self) -> None:
        local = await self.desk.supplies.image(self.part.part)
        size, data = await asyncio.to_thread(_beginning, local)
        await self._check(data, size)
        async with self._beside() as partial:
            await self.files.put(local, partial)

    async def _from_host(self, source: HostName) -> None:
        async with self.desk.neighbour(source) as other:
            if other.files is None:
                raise ActionFailed(source, "its files cannot be read")
            pool_path = await other.session.call(
                "opening the pool", lambda connection: Hands(other, connection).pool().path
            )
            async with other.files.reading(f"{pool_path}/{self.part.volume}") as stream:
                await self._check_room(stream.size_bytes)
                async with self._beside() as partial:
                    await self.files.write(stream.chunks, partial)
                    await self._check(await head(self.files, partial, HEAD_BYTES), stream.size_bytes)

    @contextlib.asynccontextmanager
    async def _beside(self) -> AsyncIterator[str]:
        """Where to write it; then it is verified and gets its name, or nothing is left of it."""
        directory, _, name = self.path.rpartition("/")
        # A file of our own: another fleet may be bringing the same image, or another step of ours.
        desk, luck = self.desk, secrets.token_hex(3)
        partial = f"{directory}/.{name}.part.{desk.fleet}.{desk.lock.stamp}.{luck}"
        try:
            desk.lock.check()
            try:
                yield partial
            except ActionFailed as error:
                await self._explain(error)
                raise
            digest = await self.files.sha256(partial)
            if digest != self.part.part.sha256:
                raise ActionFailed(desk.host, f"{self.path} arrived as {digest}: is its disk sound?")
            desk.lock.check()
            await self.files.move(partial, self.path)
        except BaseException:
            with contextlib.suppress(HostError):
                await self.files.remove(partial)
            raise

    async def _check(self, data: bytes, size: int) -> None:
        """Raise ActionFailed where it cannot be a base image, NoRoom where there is none for it."""
        why = refusal(data, self.part.kind)
        room = await self._check_room(size)
        if why is not None:
            raise ActionFailed(self.desk.host, f"image {self.part.image}: {why}")
        virtual = _virtual_bytes(data, size, self.part.kind)
        if virtual > room.capacity:
            most = f"more than the whole pool of {room.capacity // MIB} MiB could hold"
            raise NoRoom(self.desk.host, f"image {self.part.image}: it is {_mib(virtual)} MiB large, {most}")
        if self.part.root_mib is not None and _mib(virtual) > self.part.root_mib:
            asked = f"the largest root disk asked for has {self.part.root_mib} MiB"
            raise ActionFailed(
                self.desk.host, f"image {self.part.image}: it is {_mib(virtual)} MiB large: {asked}"
            )

    async def _check_room(self, size: int) -> _Room:
        room = await self.desk.change("asking for room", _room)
        if size > room.available:
            message = f"image {self.part.image} takes {_mib(size)} MiB and {room.available // MIB} are free"
            raise NoRoom(self.desk.host, message)
        return room

    async def _explain(self, error: ActionFailed) -> None:
        """Raise NoRoom where the pool is full now: SFTP has no word for it."""
        await refresh(self.desk)
        if (await self.desk.change("asking for room", _room)).available < MIB:
            raise NoRoom(
                self.desk.host, f"image {self.part.image}: no room is left ({error.message})"
            ) from error


def refusal(data: bytes, kind: PartKind) -> str | None:
    """Why a file with that beginning cannot be what it is declared as; None where it can."""
    if kind not in (PartKind.QCOW2, PartKind.RAW):
        return None
    try:
        header = read_header(data)
    except ValueError as error:
        return str(error)
    if header is None:
        return "it is not qcow2: is it `format: raw`?" if kind is PartKind.QCOW2 else None
    if kind is PartKind.RAW:
        return "it is qcow2, and declared as raw"
    return header.refusal


def _virtual_bytes(data: bytes, size: int, kind: PartKind) -> int:
    header = read_header(data) if kind is PartKind.QCOW2 else None
    return size if header is None else header.virtual_bytes


def _mib(size_bytes: int) -> int:
    return -(-size_bytes // MIB)


def _beginning(local: Path) -> tuple[int, bytes]:
    with local.open("rb") as file:
        return local.stat().st_size, file.read(HEAD_BYTES)


def _room(hands: Hands) -> _Room:
    _, capacity, _, available = hands.pool().handle.info()
    return _Room(capacity, available)


async def sweep(desk: Desk, files: HostFiles, directory: str) -> None:
    """Remove what a controller of this fleet left when it died: it wrote under a lock that is ours now."""
    ours = f".reconciler.image.*.part.{desk.fleet}"
    desk.lock.check()
    await files.sweep(directory, f"{ours}.*", but=f"{ours}.{desk.lock.stamp}.*")


def _held(hands: Hands, wanted: Iterable[str]) -> set[str]:
    pool = hands.pool()
    return {name for name in wanted if pool.find(name) is not None}


def _only_name(name: str, hands: Hands) -> None:
    with contextlib.suppress(AlreadyExists), translated(hands.desk.host):
        hands.pool().handle.createXML(volume_xml(name, MIB, "raw"), 0)  # or another step just did


async def refresh(desk: Desk, pool: str = "") -> None:
    """Let libvirt see files that came and went without it; it refuses while a volume is being made.

    ``pool`` is named as in ``Disk``.
    """
    for _ in range(_REFRESH_TRIES):
        if await desk.change("refreshing the pool", lambda hands: _try_refresh(hands, pool)):
            return
        await asyncio.sleep(_REFRESH_PAUSE)
    raise ActionFailed(desk.host, "the storage pool is busy for too long")


def _try_refresh(hands: Hands, pool: str) -> bool:
    try:
        hands.pool().named(pool).handle.refresh(0)
    except libvirt.libvirtError as error:
        if "asynchronous jobs" in str(error):
            return False
        raise
    return True
