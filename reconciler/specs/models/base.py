"""What all documents are made of: strict shapes, fields read from their text, and their short forms.

A field is read from the text that was written, by one function, and published as one JSON Schema.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from reconciler.specs.yaml.nodes import Quoted

REFUSED = "refused"
"""The type of every error that comes with its own words."""
MISTYPED = "mistyped"
"""The type of an error about the kind of a value."""

_LONGEST_QUOTE = 40
_MOST_COMPARED = 200
NAME_PATTERN = r"^[a-z][a-z0-9-]{0,62}$"

JsonSchema = Mapping[str, object]
Parse = Callable[[str], object]


def refuse(message: str, hint: str = "", *, offset: int | None = None, at: str = "") -> PydanticCustomError:
    """An error in our words. ``offset`` is a character of the text, ``at`` a field of the model."""
    told = {"message": message, "hint": hint, "offset": offset, "at": at}
    return PydanticCustomError(REFUSED, "{message}", told)


def missing(field: str, *, at: str, hint: str = "") -> PydanticCustomError:
    """A field that is needed beside the field ``at``."""
    told = {"message": f"missing field {field!r}", "hint": hint, "offset": None, "at": at, "field": field}
    return PydanticCustomError(REFUSED, "{message}", told)


def mistyped(wanted: str, value: object, hint: str = "") -> PydanticCustomError:
    """Another kind of value than was wanted."""
    return PydanticCustomError(
        MISTYPED, "{message}", {"message": f"expected {wanted}, got {describe(value)}", "hint": hint}
    )


class Spec(BaseModel):
    """A mapping of known fields."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


@dataclass(frozen=True, slots=True, eq=False)
class Parsed:
    """A field that is read from its text by ``parse`` (which may ``refuse``)."""

    parse: Parse
    schema: JsonSchema
    wanted: str = "text"
    plain: bool = False
    """Only from plain text: quotes say that it is meant as text."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._read)

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return dict(self.schema)

    def _read(self, value: object) -> object:
        if not isinstance(value, str):
            raise mistyped(self.wanted, value)
        if self.plain and isinstance(value, Quoted):
            raise refuse(f"expected {self.wanted}, got the text {quoted(value)}", "remove the quotes")
        if is_nothing(value) and self.wanted != "text":
            raise mistyped(self.wanted, value)
        return self.parse(str(value))


@dataclass(frozen=True, slots=True, eq=False)
class Short:
    """A field that has a short form: ``expand`` gives the long one, and anything else back as it is."""

    expand: Callable[[object], object]
    schema: JsonSchema

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self.expand, handler(source))

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [dict(self.schema), handler(core)]}


def describe(value: object) -> str:
    """What was found, in the words of YAML."""
    match value:
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case "" if not isinstance(value, Quoted):
            return "nothing"
        case _:
            return quoted(str(value))


def quoted(text: str) -> str:
    """Text in quotes, cut where it is long."""
    return repr(str(text) if len(text) <= _LONGEST_QUOTE else text[: _LONGEST_QUOTE - 1] + "…")


def suggestion(word: str, known: Collection[str]) -> str:
    """A hint at the nearest of the known words, or nothing where there is none (or too many to look at)."""
    if len(known) > _MOST_COMPARED:
        return ""
    close = difflib.get_close_matches(word[:80], sorted(known), n=1)
    return f"did you mean {close[0]!r}?" if close else ""


def is_nothing(value: object) -> bool:
    """Whether nothing was written after the ':'."""
    return value == "" and not isinstance(value, Quoted)


def text_like(pattern: str, what: str, hint: str = "") -> Parsed:
    """Text that matches a pattern as a whole."""
    compiled = re.compile(pattern)

    def parse(text: str) -> str:
        if not compiled.fullmatch(text):
            raise refuse(f"{quoted(text)} is not {what}", hint)
        return text

    return Parsed(parse, {"type": "string", "pattern": pattern})


def choice(options: type[StrEnum]) -> Parsed:
    """One of a few words."""
    words = [option.value for option in options]

    def parse(text: str) -> StrEnum:
        if text not in words:
            raise refuse(f"expected {' or '.join(words)}, got {quoted(text)}", suggestion(text, words))
        return options(text)

    return Parsed(parse, {"enum": words}, wanted=" or ".join(words))


def _name(text: str) -> str:
    if re.fullmatch(NAME_PATTERN[1:-1], text):
        return text
    nearest = re.sub(r"[^a-z0-9-]+", "-", text.lower()).strip("-")[:63]
    hint = f"write {nearest!r}" if re.fullmatch(NAME_PATTERN[1:-1], nearest) else ""
    if len(text) > 63:
        raise refuse(f"a name has at most 63 characters, {quoted(text)} has {len(text)}")
    raise refuse(f"{quoted(text)} is not a name: a-z, 0-9 and '-', beginning with a letter", hint)


def _flag(text: str) -> bool:
    if text in ("true", "false"):
        return text == "true"
    meant = {"yes": "true", "on": "true", "no": "false", "off": "false"}.get(text.lower(), text.lower())
    raise refuse(
        f"expected true or false, got {quoted(text)}", f"write {meant}" if meant in ("true", "false") else ""
    )


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise refuse("expected one line of printable text")
    return text


_ANY_SCALAR: JsonSchema = {"type": ["string", "number", "boolean", "null"]}

Name = Annotated[str, Parsed(_name, {"type": "string", "pattern": NAME_PATTERN}, wanted="a name")]
Line = Annotated[str, Parsed(_one_line, _ANY_SCALAR)]
"""Printable text without line breaks."""
LabelKey = Annotated[
    str, text_like(r"^[a-zA-Z0-9_.-]{1,63}$", "a label's name", "use letters, digits, '_', '.' and '-'")
]
Flag = Annotated[bool, Parsed(_flag, {"type": "boolean"}, wanted="true or false", plain=True)]
