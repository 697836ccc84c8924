"""What every document begins with."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from reconciler.specs.models.base import Name, Parsed, Spec, quoted, refuse, suggestion

API_VERSION = "reconciler/v1"


class Kind(StrEnum):
    """The kinds of documents."""

    FLEET = "Fleet"
    IMAGE = "Image"
    SERVICE = "Service"


def _api_version(text: str) -> str:
    if text != API_VERSION:
        raise refuse(f"apiVersion is {quoted(text)}, expected {API_VERSION!r}")
    return text


def _kind(text: str) -> Kind:
    try:
        return Kind(text)
    except ValueError:
        hint = suggestion(text.capitalize(), [kind.value for kind in Kind]) or f"kinds are {', '.join(Kind)}"
        raise refuse(f"unknown kind {quoted(text)}", hint) from None


def only(kind: Kind) -> Parsed:
    """The kind that a model is for."""
    return Parsed(Kind, {"const": kind.value})


class Heading(Spec, extra="ignore"):
    """The part of a document that says how to read the rest."""

    api_version: Annotated[str, Parsed(_api_version, {"const": API_VERSION}, wanted="reconciler/v1")] = Field(
        alias="apiVersion"
    )
    kind: Annotated[Kind, Parsed(_kind, {"enum": list(Kind)}, wanted="a kind")]


class Document(Heading, extra="forbid"):
    """A document with a name."""

    name: Name
