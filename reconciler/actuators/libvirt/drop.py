"""Remove a base image that nothing needs.

Another fleet's controller may be cloning it this moment, under a lock of its own. So the file is first
put aside: from then on nobody can begin to use it. Then everything is looked at once more, and only what
nothing needs even now is deleted; else it gets its name back.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Sequence
from dataclasses import replace

import libvirt

from reconciler.actions import DropImage
from reconciler.actuators.hostfiles import HostFiles
from reconciler.actuators.libvirt import names
from reconciler.actuators.libvirt.images import refresh, sweep
from reconciler.actuators.libvirt.order import Desk, Hands
from reconciler.actuators.libvirt.stored import take_inventory, users_of
from reconciler.errors import ActionFailed, HostError
from reconciler.specs.desired import Sha256


async def drop_image(desk: Desk, action: DropImage) -> None:
    """Remove its files, and with them all that was left of uploads; it may be gone already.

    Raises ActionFailed where something needs it, and then it is as it was.
    """
    sha256, whole = action.sha256, action.whole
    desk.lock.check()
    if whole:
        await _refuse_if_needed(desk, sha256)
    elif names.is_probe(action.name, desk.fleet):
        await desk.change("removing", lambda hands: _delete_everywhere(hands, action.name))
        return
    directory = await desk.change("opening the pool", lambda hands: hands.pool().path)
    if desk.files is not None:
        await sweep(desk, desk.files, directory)
        await refresh(desk)
    if not whole:
        return
    volumes = await desk.change("reading the pool", lambda hands: _files_of(hands, sha256))
    if desk.files is None:
        await desk.change("removing", lambda hands: _delete(hands, volumes))
    else:
        await _remove(desk, desk.files, [f"{directory}/{name}" for name in volumes], sha256)
        await refresh(desk)


async def _remove(desk: Desk, files: HostFiles, paths: Sequence[str], sha256: Sha256) -> None:
    aside = {path: _aside(desk, path) for path in paths}
    moved: list[str] = []
    try:
        for path, hidden in aside.items():
            desk.lock.check()
            moved.append(path)
            await files.move(path, hidden)
        await _refuse_if_needed(desk, sha256)
    except BaseException:
        for path in moved:
            await files.move_if_there(aside[path], path)
        # The pool may have been refreshed for another's sake while it was aside: it must not look gone.
        with contextlib.suppress(HostError):
            await refresh(desk)
        raise
    for hidden in aside.values():
        desk.lock.check()
        await files.remove(hidden)


def _aside(desk: Desk, path: str) -> str:
    """A name that the next one who sweeps takes for what was left of an upload."""
    directory, _, name = path.rpartition("/")
    return f"{directory}/.{name}.part.{desk.fleet}.{desk.lock.stamp}.{secrets.token_hex(3)}"


async def _refuse_if_needed(desk: Desk, sha256: Sha256) -> None:
    users = users_of(sha256, await take_inventory(desk))
    if users:
        raise ActionFailed(desk.host, f"image {sha256[:12]} is needed by {', '.join(users)}")


def _delete_everywhere(hands: Hands, name: str) -> None:
    for pool in hands.connection.listAllStoragePools(libvirt.VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE):
        replace(hands.pool(), handle=pool).delete(name)


def _delete(hands: Hands, volumes: Sequence[str]) -> None:
    for name in volumes:
        hands.pool().delete(name)


def _files_of(hands: Hands, sha256: Sha256) -> list[str]:
    volumes = (volume.name() for volume in hands.pool().handle.listAllVolumes())
    return [name for name in volumes if names.read_image(name) == sha256]
