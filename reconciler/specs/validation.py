"""A tree of nodes against a model: pydantic's errors in our words, each at its key or value."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Generic, TypeVar, Union, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from reconciler.errors import Fault
from reconciler.specs.models.base import MISTYPED, REFUSED, Spec, describe, suggestion
from reconciler.specs.yaml.nodes import Found, Node, Scalar, find, to_data
from reconciler.specs.yaml.source import Place

M = TypeVar("M", bound=Spec)

_LATER = "this version does not support it yet"
_FLAT = "there is no such level: its fields belong at the top"
_KNOWN_STRANGERS = {
    "addresses": _LATER,
    "cidr": _LATER,
    "migrations": _LATER,
    "metadata": _FLAT,
    "moved": "only a service and a component can have moved",
    "spec": _FLAT,
}
"""Fields that are planned, or known from elsewhere: no misspellings of ours."""

_KEY = "[key]"  # pydantic's mark of an error in a key


@dataclass(frozen=True, slots=True)
class Checked(Generic[M]):
    """The model, or None and why not."""

    model: M | None
    faults: tuple[Fault, ...] = ()


def check(model: type[M], node: Node, *, partial: bool = False) -> Checked[M]:
    """Read a tree as a model. ``partial`` takes no offence at fields that are missing."""
    try:
        return Checked(model.model_validate(to_data(node)))
    except ValidationError as error:
        errors = [_Error.of(details, model, node) for details in error.errors(include_url=False)]
        return Checked(
            None, tuple(each.fault() for each in errors if not (partial and each.kind == "missing"))
        )


@dataclass(frozen=True, slots=True)
class _Error:
    """One of pydantic's errors, and the nearest thing to where it is."""

    details: ErrorDetails
    model: type[Spec]
    root: Node
    path: tuple[int | str, ...]
    in_key: bool

    @staticmethod
    def of(details: ErrorDetails, model: type[Spec], root: Node) -> _Error:
        path = details["loc"]
        in_key = path[-1:] == (_KEY,)
        return _Error(details, model, root, path[:-1] if in_key else path, in_key)

    @property
    def kind(self) -> str:
        return self.details["type"]

    @property
    def found(self) -> Found:
        return find(self.root, self.path)

    def fault(self) -> Fault:
        return _WORDS.get(self.kind, _other)(self)


def _refused(error: _Error) -> Fault:
    told = error.details["ctx"]
    at = tuple(told["at"].split(".")) if told["at"] else ()
    found = find(error.root, (*error.path, *at))
    if isinstance(found.node, Scalar) and told["offset"] is not None:
        place = found.node.inside(told["offset"])
    elif error.in_key or at or not isinstance(found.node, Scalar):
        place = found.key or found.node.place
    else:
        place = _visible(found)
    fault = place.fault(told["message"], hint=told["hint"])
    if "field" in told:
        return replace(fault, path=".".join([*fault.path.split(".")[:-1], told["field"]]))
    return fault


def _mistyped(error: _Error) -> Fault:
    return _visible(error.found).fault(error.details["ctx"]["message"], hint=error.details["ctx"]["hint"])


def _missing(error: _Error) -> Fault:
    holder, field = find(error.root, error.path[:-1]), str(error.path[-1])
    place = holder.key or holder.node.place
    fault = place.fault(f"missing field {field!r}")
    return replace(fault, path=f"{fault.path}.{field}" if fault.path else field)


def _unknown(error: _Error) -> Fault:
    name, found = str(error.path[-1]), error.found
    hint = _KNOWN_STRANGERS.get(name) or suggestion(name, list(_fields(error.model, error.path[:-1])))
    return (found.key or found.node.place).fault(f"unknown field {name!r}", hint=hint)


def _not_a_mapping(error: _Error) -> Fault:
    found, hint = error.details["input"], ""
    match found:
        case [{"name": str(name)}, *_]:
            hint = f"each is a key of its own here: '{name}: {{...}}' instead of '- name: ...'"
    return _visible(error.found).fault(f"expected a mapping, got {describe(found)}", hint=hint)


def _not_a_list(error: _Error) -> Fault:
    return _visible(error.found).fault(f"expected a list, got {describe(error.details['input'])}")


def _empty(error: _Error) -> Fault:
    return _visible(error.found).fault("expected at least one")


def _other(error: _Error) -> Fault:
    return _visible(error.found).fault(error.details["msg"])


_WORDS: Mapping[str, Callable[[_Error], Fault]] = {
    REFUSED: _refused,
    MISTYPED: _mistyped,
    "missing": _missing,
    "extra_forbidden": _unknown,
    "model_type": _not_a_mapping,
    "model_attributes_type": _not_a_mapping,
    "dict_type": _not_a_mapping,
    "list_type": _not_a_list,
    "too_short": _empty,
}


def _visible(found: Found) -> Place:
    """The value; or its key, where nothing was written after it."""
    node = found.node
    if found.key and isinstance(node, Scalar) and node.plain and not node.text:
        return found.key
    return node.place


def _fields(model: type[Spec], path: tuple[int | str, ...]) -> Iterator[str]:
    """Names of the fields that are known at a path."""
    annotation: object = model
    for part in path:
        annotation = _below(annotation, part)
    if isinstance(annotation, type) and issubclass(annotation, Spec):
        yield from (field.alias or name for name, field in annotation.model_fields.items())


def _below(annotation: object, part: int | str) -> object:
    if isinstance(annotation, type) and issubclass(annotation, Spec):
        fields = {field.alias or name: field.annotation for name, field in annotation.model_fields.items()}
        return _bare(fields.get(str(part)))
    if get_origin(annotation) in (dict, list):
        return _bare(get_args(annotation)[-1])
    return None


def _bare(annotation: object) -> object:
    """Without its annotations, and without ``| None``."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return _bare(next(each for each in get_args(annotation) if each is not type(None)))
    return annotation
