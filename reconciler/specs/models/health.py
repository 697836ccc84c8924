"""How a component's guests are asked for their health, and how its replicas are exchanged."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import Field, model_validator

from reconciler.specs.health import OnFailure, Order
from reconciler.specs.models.amounts import duration, whole
from reconciler.specs.models.base import Line, Parsed, Short, Spec, choice, quoted, refuse

MOST_PORT = 65_535
LONGEST_PATTERN = 200
HTTP_PATTERN = r"^:[1-9][0-9]{0,4}/[!-~]*$"

_KINDS = ("tcp", "http", "agent", "console")
_EVERY = ", ".join(_KINDS[:-1]) + f" and {_KINDS[-1]}"


def _http(text: str) -> tuple[int, str]:
    if not re.fullmatch(HTTP_PATTERN[1:-1], text):
        port = re.fullmatch(r"(?:https?://[^/:]*)?:?([1-9][0-9]{0,4})?(/[!-~]*)?", text)
        hint = f"write ':{port[1] or 80}{port[2] or '/'}'" if port and text else ""
        raise refuse(f"expected a port and a path such as ':8080/healthz', got {quoted(text)}", hint)
    port_text, slash, path = text[1:].partition("/")
    if int(port_text) > MOST_PORT:
        raise refuse(f"expected a port from 1 to {MOST_PORT}, got {port_text}")
    return int(port_text), slash + path


def _console(text: str) -> str:
    if not text or not text.isprintable() or len(text) > LONGEST_PATTERN:
        raise refuse(f"expected a text or a regular expression of at most {LONGEST_PATTERN} characters")
    strange = re.search(r"\\([0-9A-Za-z])", text.replace("\\\\", ""))
    if strange is not None and strange[1] not in "wWsSb":
        hint = "write [0-9]" if strange[1] == "d" else ""
        raise refuse(f"'\\{strange[1]}' is not known to grep -E, which looks for it", hint)
    try:
        re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        hint = "put a '\\' before what stands for itself"
        raise refuse(f"not a regular expression: {error}", hint) from None
    return text


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _as_agent(value: object) -> object:
    """``true`` for a ping: an empty command."""
    if value == "true":
        return []
    if isinstance(value, str):
        hint = "write true" if value in ("yes", "on", "ping") else "write [COMMAND, ARGUMENT]"
        raise refuse(f"expected true or a list of words, got {quoted(value)}", hint)
    if value == []:
        raise refuse("expected at least one word", "write true for a ping")
    return value


_STATUS = Annotated[int, whole(100, 599)]
_STATUSES = {"type": "integer", "minimum": 100, "maximum": 599}


class HealthcheckModel(Spec):
    """One question to the guest, and how often and how long it is asked."""

    tcp: Annotated[int, whole(1, MOST_PORT)] | None = None
    http: (
        Annotated[
            tuple[int, str],
            Parsed(_http, {"type": "string", "pattern": HTTP_PATTERN}, wanted="a port and a path"),
        ]
        | None
    ) = None
    expect: Annotated[list[_STATUS], Short(_as_list, _STATUSES)] = Field(default=[200], min_length=1)
    agent: Annotated[list[Line], Short(_as_agent, {"const": True})] | None = None
    console: Annotated[str, Parsed(_console, {"type": "string", "minLength": 1}, "a pattern")] | None = None
    interval: Annotated[int, duration(1)] = 10
    retries: Annotated[int, whole(1, 1000)] = 6
    start_period: Annotated[int, duration()] = 120
    timeout: Annotated[int, duration(1)] = 5

    @model_validator(mode="after")
    def _asks_one_thing(self) -> Self:
        given = [name for name in _KINDS if name in self.model_fields_set]
        if not given:
            raise refuse(f"a health check needs one of {_EVERY}")
        if len(given) > 1:
            raise refuse(
                f"a health check asks one thing: {given[0]!r} and {given[1]!r} do not go together",
                at=given[1],
            )
        if "expect" in self.model_fields_set and self.http is None:
            raise refuse("'expect' goes with 'http'", at="expect")
        return self


class UpdateModel(Spec):
    """How many replicas may be away at one time, when one counts as back, and what if it never is."""

    parallelism: Annotated[int, whole(0, 10_000)] = 1
    order: Annotated[Order, choice(Order)] = Order.STOP_FIRST
    monitor: Annotated[int, duration()] = 0
    on_failure: Annotated[OnFailure, choice(OnFailure)] = OnFailure.PAUSE
