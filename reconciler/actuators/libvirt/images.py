"""Bring a base image to a host: beside its place first, verified there, then renamed into it."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Iterable
from functools import partial

import libvirt

from reconciler.actuators.hostfiles import HostFiles
from reconciler.actuators.libvirt import names
from reconciler.actuators.libvirt.errors import translated
from reconciler.actuators.libvirt.order import Desk, Hands
from reconciler.actuators.libvirt.pool import MIB
from reconciler.actuators.libvirt.volume_xml import volume_xml
from reconciler.errors import ActionFailed, AlreadyExists, HostError
from reconciler.specs.desired import Image, ImagePart

_REFRESH_TRIES = 40
_REFRESH_PAUSE = 0.25


async def put_image(desk: Desk, image: Image) -> None:
    """Every file of an image, those that are there already excepted. May be repeated."""
    pool_path = await desk.change("opening the pool", lambda hands: hands.pool().path)
    if desk.files is not None:
        await _sweep(desk, desk.files, pool_path)
    await _refresh(desk)
    wanted = {
        part: names.image_volume(part.sha256, names.part_kind(image.use, part.sha256)) for part in image.parts
    }
    held = await desk.change("reading the pool", lambda hands: _held(hands, wanted.values()))
    for part, name in wanted.items():
        if name in held:
            continue
        if desk.files is None:
            await desk.change("naming an image", partial(_only_name, name))
        else:
            await _bring(desk, desk.files, part, f"{pool_path}/{name}")
    await _refresh(desk)


async def _bring(desk: Desk, files: HostFiles, part: ImagePart, path: str) -> None:
    local = await desk.supplies.image(part)
    directory, _, name = path.rpartition("/")
    # A file of our own: another fleet's controller may be bringing the same image, or another step of ours.
    partial = f"{directory}/.{name}.part.{desk.fleet}.{desk.lock.stamp}.{secrets.token_hex(3)}"
    try:
        desk.lock.check()
        await files.put(local, partial)
        digest = await files.sha256(partial)
        if digest != part.sha256:
            raise ActionFailed(desk.host, f"{path} arrived as {digest}: is its disk sound?")
        desk.lock.check()
        await files.move(partial, path)
    except BaseException:
        with contextlib.suppress(HostError):
            await files.remove(partial)
        raise


async def _sweep(desk: Desk, files: HostFiles, directory: str) -> None:
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


async def _refresh(desk: Desk) -> None:
    """Let libvirt see files that came and went without it; it refuses while a volume is being made."""
    for _ in range(_REFRESH_TRIES):
        if await desk.change("refreshing the pool", _try_refresh):
            return
        await asyncio.sleep(_REFRESH_PAUSE)
    raise ActionFailed(desk.host, "the storage pool is busy for too long")


def _try_refresh(hands: Hands) -> bool:
    try:
        hands.pool().handle.refresh(0)
    except libvirt.libvirtError as error:
        if "asynchronous jobs" in str(error):
            return False
        raise
    return True
