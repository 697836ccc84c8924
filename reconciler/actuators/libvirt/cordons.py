"""A cordon on a libvirt host: a small file of the fleet's own beside the disks in the pool.

Every look lists the pool anyway, so a host without one costs nothing. It is written beside its place and
renamed into it. One that cannot be read is a cordon all the same: nobody hangs one up for nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import lru_cache

from pydantic import TypeAdapter, ValidationError

from reconciler.actuators.hostfiles import HostFiles, head
from reconciler.actuators.libvirt.images import refresh
from reconciler.actuators.libvirt.names import cordon_file
from reconciler.actuators.libvirt.order import Desk, Hands
from reconciler.errors import ActionFailed, NotFound, Unsupported
from reconciler.state import Cordon, HostState

_MOST_BYTES = 4096
_MOST_CHARACTERS = 300


async def hang(desk: Desk, cordon: Cordon) -> None:
    """Hang it up, in place of the one that hangs there. Raises ActionFailed."""
    files, directory = _files(desk), await _directory(desk)
    name = cordon_file(desk.fleet, desk.host)
    # What a controller of this fleet left when it died: it wrote under a lock that is ours now.
    desk.lock.check()
    await files.sweep(directory, f".{name}.part.*", but="")
    partial = f"{directory}/.{name}.part.{desk.lock.stamp}.{secrets.token_hex(3)}"
    await files.write(_whole(_adapter().dump_json(cordon) + b"\n"), partial)
    desk.lock.check()
    await files.move(partial, f"{directory}/{name}")
    await refresh(desk)


async def take_down(desk: Desk) -> None:
    """Take it down; it may be gone already. Raises ActionFailed."""
    files, directory = _files(desk), await _directory(desk)
    desk.lock.check()
    await files.remove(f"{directory}/{cordon_file(desk.fleet, desk.host)}")
    await refresh(desk)


async def read(desk: Desk, state: HostState) -> HostState:
    """The look with what its cordon says. Raises HostUnreachable."""
    if state.cordon is None or desk.files is None:
        return state
    try:
        path = f"{await _directory(desk)}/{cordon_file(desk.fleet, desk.host)}"
        data = await head(desk.files, path, _MOST_BYTES)
    except NotFound:
        return replace(state, cordon=None)  # taken down, and libvirt has not seen it yet
    except ActionFailed:
        return state
    return replace(state, cordon=parse(data))


def parse(data: bytes) -> Cordon:
    """What a cordon's file says; what a human made of it is a cordon still."""
    try:
        cordon = _adapter().validate_json(data)
    except ValidationError:
        return Cordon()
    return replace(cordon, by=_tame(cordon.by), since=_tame(cordon.since), reason=_tame(cordon.reason))


def _tame(text: str) -> str:
    return "".join(each if each.isprintable() else "?" for each in text[:_MOST_CHARACTERS])


def _files(desk: Desk) -> HostFiles:
    if desk.files is None:
        raise Unsupported(desk.host, "libvirt's test driver has nowhere to hang a cordon")
    return desk.files


async def _directory(desk: Desk) -> str:
    return await desk.session.call("opening the pool", lambda connection: Hands(desk, connection).pool().path)


async def _whole(data: bytes) -> AsyncIterator[bytes]:
    yield data


@lru_cache(maxsize=1)
def _adapter() -> TypeAdapter[Cordon]:
    return TypeAdapter(Cordon)
