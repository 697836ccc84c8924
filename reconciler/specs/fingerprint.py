"""Digests of what should be: equal values, equal digests, on any machine and any run."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields, replace
from functools import lru_cache

from pydantic import TypeAdapter

from reconciler.specs.desired import Desired, Instance, Machine, Sha256
from reconciler.specs.guest import GuestContext
from reconciler.specs.health import HealthCheck

_WRITTEN = tuple(each.name for each in fields(GuestContext) if each.name not in ("interfaces", "peers"))
_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode
_ORIGIN = {"origin": True}
# Where something was written, and where it is kept, does not change what it asks for.
_NOT_MEANT = {
    "directory": True,
    "written": True,
    "fleet": {
        "origin": True,
        "hosts": {"__all__": {"origin": True, "maintenance_origin": True}},
        "scheduler": _ORIGIN,
    },
    "instances": {"__all__": _ORIGIN},
    "images": {"__all__": _ORIGIN},
}


@lru_cache(maxsize=1)
def _desired_adapter() -> TypeAdapter[Desired]:
    return TypeAdapter(Desired)


@lru_cache(maxsize=1)
def machine_adapter() -> TypeAdapter[Machine]:
    """JSON in and out of a ``Machine``: the form that is written into a domain's metadata."""
    return TypeAdapter(Machine)


@lru_cache(maxsize=1)
def _form_adapter() -> TypeAdapter[tuple[Machine, HealthCheck | None]]:
    return TypeAdapter(tuple[Machine, HealthCheck | None])


def digest_of(desired: Desired) -> Sha256:
    """SHA-256 of everything that decides what the fleet should be, comments and layout excluded."""
    return sha256_hex(_desired_adapter().dump_json(desired, exclude=_NOT_MEANT))  # type: ignore[arg-type]


def digest_of_written(context: GuestContext) -> Sha256:
    """SHA-256 of what is written for a guest. What the planner finds is compared by itself."""
    told = {name: getattr(context, name) for name in _WRITTEN}
    return sha256_hex(_canonical(told).encode())


def digest_of_form(instance: Instance) -> Sha256:
    """SHA-256 of what the files ask of every replica of a component, and of how its health is told.

    What one replica has for itself (its name, its addresses, its peers) is left out, and so is what says
    nothing of the guest.
    """
    context = instance.context and digest_of_written(replace(instance.context, hostname=""))
    machine = replace(
        instance.machine,
        nics=instance.machine.plugs,
        context=context or None,
        peers=None,
        protect=False,
        surge=False,
    )
    return sha256_hex(_form_adapter().dump_json((machine, instance.health)))


def sha256_hex(data: bytes) -> Sha256:
    """SHA-256 of bytes as 64 hexadecimal digits."""
    return Sha256(hashlib.sha256(data).hexdigest())
