"""Where a component may run, and would rather run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from pydantic import Field

from reconciler.specs import expression_checks
from reconciler.specs.expression_checks import Problem
from reconciler.specs.models.amounts import whole
from reconciler.specs.models.base import (
    Flag,
    LabelKey,
    Name,
    Parsed,
    Short,
    Spec,
    choice,
    mistyped,
    refuse,
)
from reconciler.specs.placement import Evict

_LABEL = {"type": "string"}
MOST_PRIORITY = 1000


def _cel(check: Callable[[str], Problem | None]) -> Parsed:
    def parse(text: str) -> str:
        if problem := check(text):
            raise refuse(problem.message, problem.hint, offset=problem.offset)
        return text

    return Parsed(parse, {"type": ["string", "number", "boolean"]}, wanted="a CEL expression")


def _as_list(value: object) -> object:
    if isinstance(value, str):
        raise mistyped("a mapping, or a list of them", value)
    return [value] if isinstance(value, dict) else value


def _as_rules(value: object) -> object:
    """``host`` for ``[{over: host}]``."""
    values = value if isinstance(value, list) else [value]
    return [{"over": item} if isinstance(item, str) else item for item in values]


def _as_texts(value: object) -> object:
    return [value] if isinstance(value, str) else value


class AffinityModel(Spec):
    """To share the value of a label with another component."""

    to: Name
    over: LabelKey = "host"
    strict: Flag = True


class AntiAffinityModel(Spec):
    """Never to share the value of a label with a component: this one, unless ``to`` says another."""

    to: Name | None = None
    over: LabelKey = "host"
    strict: Flag = True


class SpreadModel(Spec):
    """Replicas over the values of a label differ in number by at most ``max_skew``."""

    over: LabelKey
    max_skew: Annotated[int, whole(1, 10_000)] = 1
    strict: Flag = True


def _one(model: str) -> dict[str, object]:
    return {"$ref": f"#/$defs/{model}"}


class PlacementModel(Spec):
    """Rules: ``strict`` ones and ``require`` must hold, the others are preferred."""

    cluster: Name | None = None
    require: Annotated[
        list[Annotated[str, _cel(expression_checks.check_condition)]], Short(_as_texts, {"type": "string"})
    ] = Field(default_factory=list)
    anti_affinity: Annotated[
        list[Annotated[AntiAffinityModel, Short(lambda value: value, _LABEL)]],
        Short(_as_rules, {"anyOf": [_LABEL, _one("AntiAffinityModel")]}),
    ] = Field(default_factory=list)
    affinity: Annotated[list[AffinityModel], Short(_as_list, _one("AffinityModel"))] = Field(
        default_factory=list
    )
    spread: Annotated[list[SpreadModel], Short(_as_list, _one("SpreadModel"))] = Field(default_factory=list)
    rank: Annotated[str, _cel(expression_checks.check_rank)] | None = None
    priority: Annotated[int, whole(0, MOST_PRIORITY)] = 0
    evict: Annotated[Evict, choice(Evict)] = Evict.LIVE
