"""``kind: Service``: what a user asks for."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from reconciler.specs.identity import is_own_link
from reconciler.specs.models.addresses import Cidr
from reconciler.specs.models.amounts import whole
from reconciler.specs.models.base import Name, Spec, refuse, text_like
from reconciler.specs.models.component import ComponentModel, DefaultsModel
from reconciler.specs.models.document import Document, Kind, only
from reconciler.specs.models.moved import MovedModel

_BRIDGE = text_like(
    r"^[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,14}$",
    "the name of a bridge",
    "at most 15 letters, digits, '_', '.' and '-'",
)
_LIBVIRT_NETWORK = text_like(r"^[a-zA-Z0-9_][a-zA-Z0-9_.+-]{0,63}$", "the name of a libvirt network")


class NetworkModel(Spec):
    """Something that exists on the hosts (used, never changed), or a segment of the service's own."""

    bridge: Annotated[str, _BRIDGE] | None = None
    libvirt_network: Annotated[str, _LIBVIRT_NETWORK] | None = None
    cidr: Cidr | None = None
    mtu: Annotated[int, whole(1280, 9000)] | None = None

    @model_validator(mode="after")
    def _is_exactly_one(self) -> Self:
        kinds = [kind for kind in ("bridge", "libvirt_network", "cidr") if getattr(self, kind)]
        if len(kinds) > 1:
            raise refuse(f"a network is a {kinds[0]} or a {kinds[1]}, not both", at=kinds[1])
        if not kinds:
            raise refuse("expected {cidr: NETWORK}, {bridge: NAME} or {libvirt_network: NAME}")
        if self.mtu is not None and self.cidr is None:
            raise refuse("only a network with a cidr has an mtu: the others have that of the host", at="mtu")
        if self.bridge and is_own_link(self.bridge):
            raise refuse(f"names like {self.bridge!r} are for bridges made by us", at="bridge")
        return self


class ServiceModel(Document):
    """Components, the networks between them, where they may run."""

    kind: Annotated[Kind, only(Kind.SERVICE)]
    networks: dict[Name, NetworkModel] = Field(default_factory=dict)
    moved: MovedModel | None = None
    defaults: DefaultsModel | None = None
    components: dict[Name, ComponentModel]
