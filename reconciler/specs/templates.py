"""Text with expressions in it: ``${{ … }}`` in the middle of any scalar, the rest of which is plain text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from reconciler.specs.files import CLOUD_CONFIG
from reconciler.specs.guest import GuestContext

OPENING = "${{"
# An expression ends at the first "}}" that stands outside of its quotes.
_EXPRESSION = re.compile(
    r"""\$\{\{((?:[^"'}]|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\}(?!\}))*)\}\}""", re.DOTALL
)

Data = str | int | float | bool | None | list["Data"] | dict["Data", "Data"]


@dataclass(frozen=True, slots=True)
class Expression:
    """The CEL between the braces, spaces left out, and the offset in its text where that begins."""

    text: str
    offset: int


@dataclass(frozen=True, slots=True)
class Unclosed:
    """An opening without an end, at that offset."""

    offset: int


def expressions_in(text: str) -> Iterator[Expression | Unclosed]:
    """Every expression of a text, in order; whatever follows one that does not end is not looked at."""
    position = 0
    while (start := text.find(OPENING, position)) >= 0:
        found = _EXPRESSION.match(text, start)
        if found is None:
            yield Unclosed(start)
            return
        inner = found[1]
        yield Expression(inner.strip(), found.start(1) + len(inner) - len(inner.lstrip()))
        position = found.end()


def has_expressions(text: str) -> bool:
    """Whether there is anything to fill in."""
    return OPENING in text


def asks(context: GuestContext) -> bool:
    """Whether there is anything to fill in, in what is written for a guest."""
    return has_expressions(context.cloud_init) or any(
        has_expressions(text) for _, text in context.environment
    )


def texts_of(text: str) -> tuple[str, ...]:
    """The CEL of every expression of a text in which all of them end."""
    return tuple(match[1].strip() for match in _EXPRESSION.finditer(text))


@lru_cache(maxsize=256)
def document_expressions(text: str) -> tuple[str, ...]:
    """The CEL of every expression in the scalars of a cloud-config, each once. Raises yaml.YAMLError."""
    found: dict[str, None] = {}

    def note(expression: str) -> str:
        found[expression] = None
        return ""

    _filled(_read(text), note)
    return tuple(found)


def filled(text: str, answer: Callable[[str], str]) -> str:
    """The text with each expression replaced by what ``answer`` says of it."""
    return _EXPRESSION.sub(lambda match: answer(match[1].strip()), text)


def filled_document(text: str, answer: Callable[[str], str]) -> str:
    """A cloud-config with the expressions of its scalars filled in: a value stays one value, whatever is
    put into it. Raises yaml.YAMLError.
    """
    import yaml

    document = _read(text)
    return f"{CLOUD_CONFIG}\n{yaml.safe_dump(_filled(document, answer), allow_unicode=True, width=2**16)}"


def _read(text: str) -> Data:
    # Most plans have no document to fill in.
    import yaml

    document: Data = yaml.safe_load(text)
    return document


def _filled(data: Data, answer: Callable[[str], str]) -> Data:
    match data:
        case str():
            return filled(data, answer)
        case list():
            return [_filled(each, answer) for each in data]
        case dict():
            return {key: _filled(value, answer) for key, value in data.items()}
        case _:
            return data
