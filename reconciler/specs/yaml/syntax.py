"""The YAML parser's complaints in our words: what is wrong, and what to write instead."""

from __future__ import annotations

from dataclasses import dataclass

import yaml

from reconciler.errors import Fault
from reconciler.specs.yaml.source import Place, Source

_QUOTE_IT = "put quotes around the value"


@dataclass(frozen=True, slots=True)
class _Rule:
    """Where ``context`` and ``problem`` (beginnings) and the character at fault fit, say this.

    CHAR in the message stands for that character.
    """

    context: str
    problem: str
    message: str
    hint: str = ""
    char: str = ""
    at_context: bool = False
    """Point at what was begun instead of where the parser gave up."""


_RULES = (
    _Rule("", "found character that cannot start", "a tab cannot indent", "indent with spaces", "\t"),
    _Rule("", "found a tab", "a tab cannot indent", "indent with spaces"),
    _Rule("", "found character '", "a tab cannot stand between words", "write a space", "\t"),
    _Rule("", "found character that cannot start", "a value cannot begin with CHAR", _QUOTE_IT),
    _Rule(
        "while scanning a simple key", "could not find expected ':'", "a key lacks its ':'", at_context=True
    ),
    _Rule(
        "while scanning a quoted",
        "found unexpected end",
        "a quote is opened and never closed",
        at_context=True,
    ),
    _Rule(
        "while scanning a quoted",
        "found unexpected document",
        "a quote is opened and never closed",
        at_context=True,
    ),
    _Rule(
        "while parsing a quoted",
        "found unknown escape",
        "unknown escape in double quotes",
        "use single quotes, or double the backslash",
    ),
    _Rule("while parsing a quoted", "found invalid Unicode", "this escape is no character"),
    _Rule(
        "",
        "mapping values are not allowed",
        "unexpected ':'",
        "check the indentation, or quote a value with ': '",
    ),
    _Rule("", "block sequence entries are not", "unexpected '- '", "a list begins on the line after its key"),
    _Rule(
        "while parsing a block mapping",
        "did not find expected key",
        "expected a key",
        "check the indentation",
    ),
    _Rule("while parsing a block collection", "", "expected '- '", "check the indentation"),
    _Rule(
        "while parsing a flow sequence", "", "'[' is not closed", "write ']', or ',' between items", "", True
    ),
    _Rule(
        "while parsing a flow mapping",
        "",
        "'{' is not closed",
        "write '}', or ',' between fields",
        "",
        True,
    ),
    _Rule("while parsing a flow node", "", "'[' or '{' is not closed"),
    _Rule("while parsing a block node", "", "expected a value, got CHAR"),
    _Rule("while scanning an anchor", "", "'&' needs a name", _QUOTE_IT),
    _Rule("while scanning an alias", "", "'*' needs a name", _QUOTE_IT),
    _Rule(
        "while scanning a block scalar", "", "unexpected text after '|' or '>'", "begin it on the next line"
    ),
    _Rule("while parsing a tag", "", "tags ('!') are not supported", _QUOTE_IT, "", True),
    _Rule("while scanning a tag", "", "tags ('!') are not supported", _QUOTE_IT, "", True),
    _Rule("", "found undefined tag handle", "tags ('!') are not supported", _QUOTE_IT),
    _Rule("", "found incompatible YAML", "this version of YAML is not supported", "drop the %YAML line"),
    _Rule("while scanning a directive", "", "unknown directive", "drop this line", "", True),
    _Rule("while scanning a %", "", "unknown directive", "drop this line", "", True),
    _Rule("", "did not find expected <document start>", "expected '---' before the next document"),
)


def syntax_fault(source: Source, error: yaml.YAMLError) -> Fault:
    """What a parser's error means to the person who wrote the file."""
    if not isinstance(error, yaml.MarkedYAMLError):
        return source.at(1, 1).fault(f"not YAML: {' '.join(str(error).split())}")
    context, problem = error.context or "", error.problem or ""
    stopped = _place(source, error.problem_mark)
    begun = _place(source, error.context_mark) if error.context_mark else stopped
    char = _char_at(stopped)
    for rule in _RULES:
        if context.startswith(rule.context) and problem.startswith(rule.problem) and rule.char in ("", char):
            place = begun if rule.at_context else stopped
            return place.fault(
                rule.message.replace("CHAR", repr(char) if char else "the end of the file"), hint=rule.hint
            )
    return stopped.fault(f"not YAML: {problem}")


def _place(source: Source, mark: yaml.Mark | None) -> Place:
    if mark is None:
        return source.at(1, 1)
    line = min(mark.line, len(source.lines) - 1)
    # The parser stands after the last line break when a file ends too soon: point at its last text.
    while line > 0 and mark.line >= line and not source.lines[line].strip() and mark.column == 0:
        line -= 1
    column = mark.column if line == mark.line else max(0, len(source.lines[line]) - 1)
    return source.at(line + 1, column + 1)


def _char_at(place: Place) -> str:
    lines = place.source.lines
    text = lines[place.line - 1] if place.line <= len(lines) else ""
    return text[place.column - 1 : place.column]
