"""What a service or a component was called before: a renamed one keeps its machines."""

from __future__ import annotations

from pydantic import Field

from reconciler.specs.models.base import Name, Spec


class MovedModel(Spec):
    """The name it had when its machines were made, and that they keep."""

    former: Name = Field(alias="from")
