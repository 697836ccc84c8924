"""``scheduler``: somebody else than the built-in one chooses hosts."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import Field, model_validator

from reconciler.specs.models.amounts import duration
from reconciler.specs.models.base import (
    Parsed,
    Short,
    Spec,
    choice,
    is_nothing,
    quoted,
    refuse,
)
from reconciler.specs.scheduling import OnScheduler, Question

_FUNCTION = r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$"
_PREFIX = "python:"
_EXAMPLE = "python:package.module:function"


def _function(text: str) -> str:
    if not re.fullmatch(_FUNCTION[1:-1], text, re.ASCII):
        raise refuse(f"expected a function such as package.module:function, got {quoted(text)}")
    return text


def _as_scheduler(value: object) -> object:
    if not isinstance(value, str) or is_nothing(value):
        return value
    if not value.startswith(_PREFIX):
        hint = f"write {_EXAMPLE}, or {{command: [PROGRAM, ARGUMENT]}}"
        raise refuse(f"expected a scheduler, got {quoted(value)}", hint)
    return {"python": _function(value.removeprefix(_PREFIX))}


def _program(text: str) -> str:
    if not text or not text.isprintable():
        raise refuse("expected the words of a command")
    return text


_Function = Annotated[str, Parsed(_function, {"type": "string", "pattern": _FUNCTION}, "a function")]
_Word = Annotated[str, Parsed(_program, {"type": "string", "minLength": 1}, "a word")]


class SchedulerModel(Spec):
    """A function or a command, and what it is asked."""

    python: _Function | None = None
    command: list[_Word] | None = Field(default=None, min_length=1, max_length=64)
    timeout: Annotated[int, duration(1)] = 30
    on_failure: Annotated[OnScheduler, choice(OnScheduler)] = OnScheduler.FAIL
    questions: list[Annotated[Question, choice(Question)]] = Field(default=list(Question), min_length=1)

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.python is None) == (self.command is None):
            raise refuse("a scheduler is either 'python' or a 'command'", f"write {_EXAMPLE}")
        if self.command and "/" in self.command[0] and not self.command[0].startswith("/"):
            hint = "give its absolute path, or its name if it is on the PATH of the controller"
            raise refuse("a scheduler is not found beside the files that name it", hint, at="command")
        return self


Scheduler = Annotated[
    SchedulerModel, Short(_as_scheduler, {"type": "string", "pattern": f"^{_PREFIX}{_FUNCTION[1:]}"})
]
