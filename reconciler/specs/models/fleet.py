"""``kind: Fleet``: the hosts, and how much may happen to what runs on them."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import Field, model_validator

from reconciler.specs.connect import FORMS, NotAConnection, parse_connect
from reconciler.specs.desired import Connect, Hypervisor, Scheme
from reconciler.specs.models.addresses import UnderlayAddress
from reconciler.specs.models.amounts import (
    Capacity,
    DeviceCount,
    DeviceName,
    Factor,
    MemorySize,
    Reserve,
    duration,
    whole,
)
from reconciler.specs.models.base import (
    Flag,
    LabelKey,
    Line,
    Name,
    Parsed,
    Short,
    Spec,
    choice,
    is_nothing,
    missing,
    quoted,
    refuse,
)
from reconciler.specs.models.document import Document, Kind, only
from reconciler.specs.models.scheduler import Scheduler
from reconciler.specs.placement import Policy


def _connect(text: str) -> Connect:
    try:
        return parse_connect(text)
    except NotAConnection as error:
        raise refuse(str(error), error.hint) from None


_PEER = r"^qemu\+(ssh|tls|tcp)://[A-Za-z0-9@._:\[\]-]+/system(\?[A-Za-z0-9_=&%./-]*)?$"
_MILLISECONDS = r"^[1-9][0-9]{0,4}ms$"


def _peer(text: str) -> str:
    if not re.fullmatch(_PEER[1:-1], text):
        hint = "write it as the other hosts' libvirtds would use it: qemu+ssh://hv2.example/system"
        raise refuse(f"expected a libvirt URI, got {quoted(text)}", hint)
    return text


def _milliseconds(text: str) -> int:
    if not re.fullmatch(_MILLISECONDS[1:-1], text):
        raise refuse(f"expected a time such as 300ms, got {quoted(text)}")
    return int(text.removesuffix("ms"))


def _empty_if_nothing(value: object) -> object:
    return {} if is_nothing(value) else value


class ClusterReserveModel(Spec):
    """What a cluster keeps free for bad days."""

    hosts: Annotated[int, whole(0, 1000)] = 0


class ClusterModel(Spec):
    """A partition of the hosts, and what it is to look like."""

    policy: Annotated[Policy, choice(Policy)] = Policy.BALANCE
    reserve: ClusterReserveModel = Field(default_factory=ClusterReserveModel)
    return_home: Flag = False
    hold: Annotated[int, duration()] = 600


class OvercommitModel(Spec):
    """How many times over each resource may be given out."""

    cpu: Factor = 1.0
    memory: Factor = 1.0
    disk: Factor = 1.0


class HostModel(Spec):
    """A physical box."""

    connect: Annotated[
        Connect,
        Parsed(
            _connect,
            {"type": "string", "pattern": r"^(ssh|qemu|test|sim)://", "description": FORMS},
            "a connect URI",
        ),
    ]
    hypervisor: Annotated[Hypervisor, choice(Hypervisor)] = Hypervisor.KVM
    cluster: Name = "default"
    labels: dict[LabelKey, Line] = Field(default_factory=dict)
    capacity: Capacity | None = None
    overcommit: OvercommitModel = Field(default_factory=OvercommitModel)
    reserve: Reserve = Field(default_factory=Reserve)
    address: UnderlayAddress | None = None
    peer: Annotated[str, Parsed(_peer, {"type": "string", "pattern": _PEER}, "a libvirt URI")] | None = None
    storage: Name | None = None
    maintenance: Flag = False
    devices: dict[DeviceName, DeviceCount] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        if self.capacity is None and self.connect.scheme is Scheme.SIM:
            hint = "a simulated host needs capacity: {cpus: 16, memory: 64GiB, disk: 1TiB}"
            raise missing("capacity", at="connect", hint=hint)
        if "host" in self.labels:
            raise refuse("the label 'host' is taken: it is the host's own name", at="labels.host")
        return self


class DeletesModel(Spec):
    """How many instances may be destroyed: the larger of a count and a share."""

    max: Annotated[int, whole(0, 1_000_000)] = 5
    percent: Annotated[int, whole(0, 100)] = 10


class MigrationsModel(Spec):
    """How many migrations may be under way at once, and how each is carried out."""

    per_host: Annotated[int, whole(1, 64)] = 2
    per_cluster: Annotated[int, whole(1, 1024)] = 5
    bandwidth: MemorySize | None = None
    """A second, of one migration."""
    downtime: (
        Annotated[
            int,
            Parsed(
                _milliseconds, {"type": "string", "pattern": _MILLISECONDS}, wanted="a time such as 300ms"
            ),
        ]
        | None
    ) = None
    timeout: Annotated[int, duration(10)] | None = None


class LimitsModel(Spec):
    """How much may happen at once."""

    deletes: DeletesModel = Field(default_factory=DeletesModel)
    migrations: MigrationsModel = Field(default_factory=MigrationsModel)


class FleetModel(Document):
    """The hosts, and how much may happen to what runs on them."""

    kind: Annotated[Kind, only(Kind.FLEET)]
    clusters: dict[Name, Annotated[ClusterModel, Short(_empty_if_nothing, {"type": "null"})]] | None = None
    hosts: dict[Name, HostModel] = Field(min_length=1)
    limits: LimitsModel = Field(default_factory=LimitsModel)
    scheduler: Scheduler | None = None
