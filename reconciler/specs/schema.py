"""The JSON Schema that editors complete and check with."""

from __future__ import annotations

from functools import lru_cache

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from reconciler.specs.models.document import Kind
from reconciler.specs.models.fleet import FleetModel
from reconciler.specs.models.image import ImageModel
from reconciler.specs.models.service import ServiceModel

DRAFT = "https://json-schema.org/draft/2020-12/schema"
KINDS = tuple(kind.value for kind in Kind)

_MODELS: dict[Kind, type[BaseModel]] = {
    Kind.FLEET: FleetModel,
    Kind.IMAGE: ImageModel,
    Kind.SERVICE: ServiceModel,
}


def json_schema(kind: str | None = None) -> dict[str, object]:
    """Draft 2020-12, for documents of one kind or of any. Raises ValueError for no such kind."""
    definitions = _definitions()
    if kind is not None:
        name = _MODELS[Kind(kind)].__name__
        return {"$schema": DRAFT, "title": kind, "$ref": f"#/$defs/{name}", "$defs": definitions}
    references = [{"$ref": f"#/$defs/{model.__name__}"} for model in _MODELS.values()]
    return {"$schema": DRAFT, "title": "reconciler", "oneOf": references, "$defs": definitions}


@lru_cache(maxsize=1)
def _definitions() -> dict[str, object]:
    _, schema = models_json_schema(
        [(FleetModel, "validation"), (ImageModel, "validation"), (ServiceModel, "validation")],
        ref_template="#/$defs/{model}",
    )
    definitions = schema["$defs"]
    # What a component lacks may be in the service's defaults, and defaults are never whole.
    for partial in ("ComponentModel", "DefaultsModel", "MachineSize"):
        definitions[partial].pop("required", None)
    return {name: _tidy(definition) for name, definition in definitions.items()}


def _tidy(schema: object) -> object:
    """What the loader refuses, the schema refuses: no null for a field left out, no names of any shape."""
    if isinstance(schema, list):
        return [_tidy(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    tidy = {
        key: _tidy(each) for key, each in schema.items() if not (key == "title" and isinstance(each, str))
    }
    options = tidy.get("anyOf")
    if "default" in tidy and tidy["default"] is None and isinstance(options, list):
        del tidy["default"], tidy["anyOf"]
        options = [each for each in options if each != {"type": "null"}]
        tidy |= options[0] if len(options) == 1 else {"anyOf": options}
    if "patternProperties" in tidy:
        tidy["additionalProperties"] = False
    return tidy
