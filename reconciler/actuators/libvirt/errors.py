"""The one door at which libvirt's errors become ours."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import libvirt

from reconciler.errors import (
    ActionFailed,
    AlreadyExists,
    HostError,
    HostUnreachable,
    NoRoom,
    NotFound,
    Unsupported,
)

_NOT_FOUND = {
    libvirt.VIR_ERR_NO_DOMAIN,
    libvirt.VIR_ERR_NO_STORAGE_VOL,
    libvirt.VIR_ERR_NO_STORAGE_POOL,
    libvirt.VIR_ERR_NO_NETWORK,
}
_UNREACHABLE = {
    libvirt.VIR_ERR_NO_CONNECT,
    libvirt.VIR_ERR_INVALID_CONN,
    libvirt.VIR_ERR_RPC,
    libvirt.VIR_ERR_AUTH_FAILED,
    libvirt.VIR_ERR_AUTH_CANCELLED,
    libvirt.VIR_ERR_AUTH_UNAVAILABLE,
}
_EXISTS = {libvirt.VIR_ERR_DOM_EXIST, libvirt.VIR_ERR_STORAGE_VOL_EXIST}


def _is_unreachable(error: libvirt.libvirtError) -> bool:
    # A closed socket is a system or internal error like any other, but for where it comes from.
    return error.get_error_code() in _UNREACHABLE or error.get_error_domain() == libvirt.VIR_FROM_RPC


def _is_there(error: libvirt.libvirtError) -> bool:
    if error.get_error_code() in _EXISTS:
        return True
    text = str(error)
    return error.get_error_code() == libvirt.VIR_ERR_OPERATION_FAILED and (
        "already exists" in text or "already defined" in text
    )


def _is_full(error: libvirt.libvirtError) -> bool:
    if error.get_error_code() == libvirt.VIR_ERR_SYSTEM_ERROR and error.get_int1() in (
        errno.ENOSPC,
        errno.EDQUOT,
        errno.ENOMEM,
    ):
        return True
    # What qemu and qemu-img say reaches us only as text.
    text = str(error).lower()
    return any(
        words in text for words in ("no space left", "not enough free space", "cannot allocate memory")
    )


# The first row that holds decides.
_ROWS: tuple[tuple[Callable[[libvirt.libvirtError], bool], type[HostError]], ...] = (
    (_is_unreachable, HostUnreachable),
    (lambda error: error.get_error_code() in _NOT_FOUND, NotFound),
    (_is_there, AlreadyExists),
    (_is_full, NoRoom),
    (lambda error: error.get_error_code() == libvirt.VIR_ERR_NO_SUPPORT, Unsupported),
)


def translate(host: str, error: libvirt.libvirtError) -> HostError:
    """Ours for one of libvirt's."""
    kind = next((kind for holds, kind in _ROWS if holds(error)), ActionFailed)
    return kind(host, error.get_error_message() or str(error))


@contextmanager
def translated(host: str) -> Iterator[None]:
    """Whatever libvirt raises inside leaves as one of our errors."""
    try:
        yield
    except libvirt.libvirtError as error:
        raise translate(host, error) from error


def is_gone(error: libvirt.libvirtError) -> bool:
    """Whether what was asked about is simply not there."""
    return error.get_error_code() in _NOT_FOUND
