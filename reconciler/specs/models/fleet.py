"""``kind: Fleet``: the hosts, and how much may happen to what runs on them."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from reconciler.specs.connect import FORMS, NotAConnection, parse_connect
from reconciler.specs.desired import Connect, Hypervisor, Scheme
from reconciler.specs.models.addresses import UnderlayAddress
from reconciler.specs.models.amounts import Capacity, Factor, Reserve, whole
from reconciler.specs.models.base import (
    LabelKey,
    Line,
    Name,
    Parsed,
    Short,
    Spec,
    choice,
    is_nothing,
    missing,
    refuse,
)
from reconciler.specs.models.document import Document, Kind, only


def _connect(text: str) -> Connect:
    try:
        return parse_connect(text)
    except NotAConnection as error:
        raise refuse(str(error), error.hint) from None


def _empty_if_nothing(value: object) -> object:
    return {} if is_nothing(value) else value


class ClusterModel(Spec):
    """A partition of the hosts."""


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


class LimitsModel(Spec):
    """How much may happen at once."""

    deletes: DeletesModel = Field(default_factory=DeletesModel)


class FleetModel(Document):
    """The hosts, and how much may happen to what runs on them."""

    kind: Annotated[Kind, only(Kind.FLEET)]
    clusters: dict[Name, Annotated[ClusterModel, Short(_empty_if_nothing, {"type": "null"})]] | None = None
    hosts: dict[Name, HostModel] = Field(min_length=1)
    limits: LimitsModel = Field(default_factory=LimitsModel)
