"""A component: one role of a service."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from reconciler.specs.disks import DEFAULT_POOL, OnDelete
from reconciler.specs.models.addresses import OwnAddress
from reconciler.specs.models.amounts import DeviceCount, DeviceName, DiskSize, MachineSize, PoolName, whole
from reconciler.specs.models.base import (
    NAME_PATTERN,
    Flag,
    Line,
    Name,
    Parsed,
    Short,
    Spec,
    choice,
    is_nothing,
    mistyped,
    quoted,
    refuse,
    text_like,
)
from reconciler.specs.models.health import HealthcheckModel, UpdateModel
from reconciler.specs.models.moved import MovedModel
from reconciler.specs.models.placement import PlacementModel
from reconciler.specs.quantities import SIZE_PATTERN

MOST_REPLICAS = 10_000
PUBLIC_KEY = re.compile(r"(ssh-|ecdsa-|sk-)[a-zA-Z0-9@.-]+ [A-Za-z0-9+/]+={0,3}( .*)?")
_NAMES = {"type": "array", "items": {"type": "string", "pattern": NAME_PATTERN}, "uniqueItems": True}


class Phase(StrEnum):
    """What a dependant waits for."""

    STARTED = "started"
    HEALTHY = "healthy"


def _ssh_key(text: str) -> str:
    if "PRIVATE KEY" in text:
        raise refuse(
            "this is a private key: it must never be here", "give the public one, file:keys/NAME.pub"
        )
    if text.startswith("file:"):
        if not text.removeprefix("file:") or not text.isprintable():
            raise refuse("expected the path of a public key after 'file:'")
    elif not PUBLIC_KEY.fullmatch(text) or not text.isprintable():
        hint = f"write file:{text} for a file" if text.endswith(".pub") and " " not in text else ""
        raise refuse("expected an SSH public key such as 'ssh-ed25519 AAAA…', or file:PATH", hint)
    return text


def _path(text: str) -> str:
    if not text or not text.isprintable():
        raise refuse("expected the path of a file")
    return text


def _as_size(value: object) -> object:
    return {"size": value} if isinstance(value, str) else value


def _as_mapping(each: object) -> Callable[[object], object]:
    """``[a, b]`` as ``{a: each, b: each}``; items that are no text are left for the models to refuse."""

    def expand(value: object) -> object:
        if isinstance(value, str):
            raise mistyped("a list of names", value)
        if not isinstance(value, list):
            return value
        names = [str(item) for item in value if isinstance(item, str)]
        if len(names) < len(value):
            raise refuse("expected a list of names")
        if twice := next((name for name, times in Counter(names).items() if times > 1), None):
            raise refuse(f"{quoted(twice)} is in the list twice")
        return dict.fromkeys(names, each)

    return expand


def _empty_if_nothing(value: object) -> object:
    return {} if is_nothing(value) else value


class DiskModel(Spec):
    """A disk: cloned from the image (``root``) or empty."""

    size: DiskSize
    on_delete: Annotated[OnDelete, choice(OnDelete)] = OnDelete.DELETE
    pool: PoolName = DEFAULT_POOL


class PlugModel(Spec):
    """How a component is plugged into a network: ``addresses`` by ordinal, on a segment of its own."""

    addresses: list[OwnAddress] = Field(default_factory=list)


_Disk = Annotated[DiskModel, Short(_as_size, {"type": "string", "pattern": SIZE_PATTERN})]
_Plug = Annotated[PlugModel, Short(_empty_if_nothing, {"type": "null"})]
_Variable = Annotated[str, text_like(r"^[A-Za-z_][A-Za-z0-9_]*$", "the name of a variable")]


class DefaultsModel(Spec):
    """What the components of a service may have in common."""

    image: Name
    replicas: Annotated[int, whole(0, MOST_REPLICAS)] = 1
    resources: MachineSize
    disks: dict[Name, _Disk] = Field(default_factory=dict)
    devices: dict[DeviceName, DeviceCount] = Field(default_factory=dict)
    networks: Annotated[dict[Name, _Plug], Short(_as_mapping({}), _NAMES)] = Field(default_factory=dict)
    depends_on: Annotated[
        dict[Name, Annotated[Phase, choice(Phase)]],
        Short(_as_mapping("started"), _NAMES),
    ] = Field(default_factory=dict)
    healthcheck: HealthcheckModel | None = None
    update: UpdateModel = Field(default_factory=UpdateModel)
    protect: Flag = False
    ssh_keys: list[Annotated[str, Parsed(_ssh_key, {"type": "string"})]] = Field(default_factory=list)
    environment: dict[_Variable, Line] = Field(default_factory=dict)
    cloud_init: Annotated[str, Parsed(_path, {"type": "string", "minLength": 1}, "a path")] | None = None
    placement: PlacementModel = Field(default_factory=PlacementModel)


class ComponentModel(DefaultsModel):
    """One role of a service: so many machines of one kind."""

    moved: MovedModel | None = None
