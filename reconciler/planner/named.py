"""What a user names and nobody knows: an error with the nearest name that there is."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from reconciler.errors import Fault, InvalidInput
from reconciler.specs.desired import Desired, Host

_MOST_NAMED = 20


def stranger(kind: str, name: str, known: Iterable[str], desired: Desired, *, hint: str = "") -> InvalidInput:
    """The error for a name; ``hint`` is for where no name is near, else some of those that are known."""
    names = sorted(known)
    shown = [*names[:_MOST_NAMED], "…"] if len(names) > _MOST_NAMED else names
    near = get_close_matches(name, names, n=1)
    said = f"did you mean {near[0]!r}?" if near else hint or f"known are {', '.join(shown)}"
    return InvalidInput([Fault(desired.fleet.origin, f"no {kind} is called {name!r}", hint=said)])


def host_named(desired: Desired, name: str) -> Host:
    """The host of that name. Raises InvalidInput."""
    host = desired.fleet.host(name)
    if host is None:
        raise stranger("host", name, [each.name for each in desired.fleet.hosts], desired)
    return host
