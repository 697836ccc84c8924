"""How a host is reached: the ``connect`` of a host, parsed."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from reconciler.specs.desired import Connect, Scheme

_USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,254}")
_ADDRESS = re.compile(
    r"(?!.{254})(?:[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?|[0-9A-Fa-f:.]+(%[A-Za-z0-9_.-]+)?)"
)
_PLACE = re.compile(r"(?:[^@]*@)?(?:[^\[\]:]+|\[[^\[\]]+\])(?::[0-9]*)?")
_PARAMETERS = {
    Scheme.SSH: ("keyfile", "known_hosts", "socket"),
    Scheme.QEMU: ("socket",),
    Scheme.TEST: (),
    Scheme.SIM: (),
}
FORMS = "ssh://[user@]host[:port], qemu:///system, test:///default, sim://"


class NotAConnection(ValueError):
    """The text is no way to reach a host; ``hint`` says what was probably meant."""

    def __init__(self, message: str, hint: str = "") -> None:
        self.hint = hint
        super().__init__(message)


def parse_connect(text: str) -> Connect:
    """Read a connect URI; paths stay as written. Raises NotAConnection."""
    if not text.isprintable() or " " in text:
        raise NotAConnection("a connect URI is one word without spaces")
    try:
        parts = urlsplit(text)
    except ValueError:
        raise NotAConnection("'[…]' holds no IPv6 address") from None
    try:
        port = parts.port
    except ValueError:
        raise NotAConnection("a port is between 1 and 65535") from None
    scheme = _scheme(parts, text)
    if parts.fragment:
        raise NotAConnection("a connect URI has no '#'", "write '#' in a path as %23")
    parameters = _parameters(parts.query, scheme)
    if scheme is Scheme.SSH:
        return replace(_with(parameters, _ssh(parts, port)), uri=text)
    _expect_local(parts, scheme)
    return _with(parameters, Connect(scheme, text))


def rooted(connect: Connect, base: Path) -> Connect:
    """Paths made absolute: ``~`` is the user's home, others are beside the fleet file in ``base``."""
    return replace(
        connect, keyfile=_absolute(connect.keyfile, base), known_hosts=_absolute(connect.known_hosts, base)
    )


def _with(parameters: dict[str, str], connect: Connect) -> Connect:
    return replace(
        connect,
        keyfile=parameters.get("keyfile"),
        known_hosts=parameters.get("known_hosts"),
        socket=parameters.get("socket"),
    )


def _absolute(path: str | None, base: Path) -> str | None:
    if path is None:
        return None
    try:
        expanded = Path(path).expanduser()
    except RuntimeError:  # no such user: let the path that cannot be opened say so
        expanded = Path(path)
    return str((base / expanded).absolute())


def _scheme(parts: SplitResult, text: str) -> Scheme:
    try:
        return Scheme(parts.scheme)
    except ValueError:
        pass
    user_at_host = parts.netloc or "host"
    hints = {
        "qemu+ssh": f"write ssh://{user_at_host}",
        "": f"write ssh://{text}" if re.fullmatch(r"[\w.-]+(@[\w.-]+)?", text) else f"write one of {FORMS}",
    }
    what = f"unknown scheme {parts.scheme + '://'!r}" if parts.scheme else f"{text!r} is not a connect URI"
    raise NotAConnection(what, hints.get(parts.scheme, f"write one of {FORMS}"))


def _ssh(parts: SplitResult, port: int | None) -> Connect:
    user, address = parts.username, parts.hostname
    if parts.password is not None:
        raise NotAConnection("passwords are not supported", "use a key: ssh://user@host?keyfile=PATH")
    if not address or not _ADDRESS.fullmatch(address) or not _PLACE.fullmatch(parts.netloc):
        raise NotAConnection("ssh:// needs the name or address of a host", "write ssh://user@host")
    if "@" in parts.netloc and not _USER.fullmatch(user or ""):
        raise NotAConnection(f"{user!r} is not a user's name")
    if parts.path not in ("", "/"):
        raise NotAConnection(
            f"unexpected path {parts.path!r} after the host",
            f"write ssh://{parts.netloc} (the system's libvirtd is meant)",
        )
    if port is not None and port < 1:
        raise NotAConnection("a port is between 1 and 65535")
    return Connect(Scheme.SSH, "", user=user, address=address, port=port)


@dataclass(frozen=True, slots=True)
class _Form:
    netloc: str
    paths: tuple[str, ...]
    written: str


_LOCAL = {
    Scheme.QEMU: _Form("", ("/system",), "qemu:///system"),
    Scheme.TEST: _Form("", ("/default",), "test:///default"),
    Scheme.SIM: _Form("", ("",), "sim://"),
}


def _expect_local(parts: SplitResult, scheme: Scheme) -> None:
    form = _LOCAL[scheme]
    if parts.netloc != form.netloc or parts.path not in form.paths:
        elsewhere = scheme is Scheme.QEMU and parts.netloc
        hint = f"write ssh://{parts.netloc} for a remote host" if elsewhere else f"write {form.written}"
        raise NotAConnection(f"the only form of {scheme}:// is {form.written}", hint)


def _parameters(query: str, scheme: Scheme) -> dict[str, str]:
    known, values = _PARAMETERS[scheme], dict[str, str]()
    for part in query.split("&") if query else ():
        name, _, value = part.partition("=")
        if name not in known:
            hint = f"known are {', '.join(known)}" if known else f"{scheme}:// has none"
            raise NotAConnection(f"unknown parameter {name!r} of {scheme}://", hint)
        if name in values:
            raise NotAConnection(f"parameter {name!r} is written twice")
        values[name] = unquote(value)
        if not values[name] or not values[name].isprintable():
            raise NotAConnection(f"parameter {name!r} needs a path", f"write {name}=/some/path")
        if name == "socket" and not values[name].startswith("/"):
            raise NotAConnection("'socket' is a path on the host and must be absolute")
    return values
