"""``kind: Service``: what a user asks for."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

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
    """Something that exists on the hosts: used, never changed."""

    bridge: Annotated[str, _BRIDGE] | None = None
    libvirt_network: Annotated[str, _LIBVIRT_NETWORK] | None = None

    @model_validator(mode="after")
    def _is_exactly_one(self) -> Self:
        if self.bridge and self.libvirt_network:
            raise refuse("a network is a bridge or a libvirt_network, not both", at="libvirt_network")
        if not (self.bridge or self.libvirt_network):
            raise refuse("expected {bridge: NAME} or {libvirt_network: NAME}")
        return self


class ServiceModel(Document):
    """Components, the networks between them, where they may run."""

    kind: Annotated[Kind, only(Kind.SERVICE)]
    networks: dict[Name, NetworkModel] = Field(default_factory=dict)
    moved: MovedModel | None = None
    defaults: DefaultsModel | None = None
    components: dict[Name, ComponentModel]
