"""What is wrong with a CEL expression on any host, found before a host is asked.

A condition or rank is compiled, its fields are looked up, and it is tried on a made-up host that has
whatever labels it asks for. A label that no host has is not wrong: hosts come and go.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache

from reconciler.specs import expressions
from reconciler.specs.expressions import Amounts, Answer, HostFacts, MissingLabel, Unanswered

LONGEST = 1000
"""Characters of an expression."""
MOST_LOOPS = 2
"""Of map, filter, all and exists in an expression: nested ones take time to the power of their number."""

_SAMPLE = HostFacts("sample", capacity=Amounts(16, 64, 1024), free=Amounts(8, 32, 512), load=0.5)
_LITERAL = re.compile(
    r"""[rRbB]*("""
    r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"""
)
_FIELD = re.compile(r"(?<![\w.])host\s*\.\s*([A-Za-z_]\w*)(?:\s*\.\s*([A-Za-z_]\w*))?")
_LOOP = re.compile(r"\.\s*(?:map|filter|all|exists|exists_one|existsOne)\s*\(")
_WHOLE = re.compile(r"(?<![\w.])\d+(?![\w.])")
_POSITION = re.compile(r"<input>:(\d+):(\d+): Syntax error: (.*)")
_AT = re.compile(r"(?:input|at:?) '(.+?)'(?: expecting|$)")
_UNDEFINED = re.compile(r"Undefined variable or function: '(.*?)'")
_MOST_LABELS = 50


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong; ``offset`` is the character where, or None where it is not known."""

    message: str
    hint: str = ""
    offset: int | None = None


@lru_cache(maxsize=1024)
def check_condition(text: str) -> Problem | None:
    """What is wrong with a `require`, or None: many components ask for the same."""
    return _check(text, bool, "true or false")


@lru_cache(maxsize=1024)
def check_rank(text: str) -> Problem | None:
    """What is wrong with a `rank`, or None."""
    return _check(text, float, "a number")


def check_text(text: str) -> Problem | None:
    """What is wrong with any expression, whatever it is about."""
    if not text.strip():
        return Problem("expected a CEL expression, got nothing")
    if len(text) > LONGEST:
        return Problem(f"an expression has at most {LONGEST} characters, this one {len(text)}")
    try:
        expressions.compiled(text)
    except ValueError as error:
        return _syntax(text, str(error))
    if loops(text) > MOST_LOOPS:
        return Problem(f"an expression goes through lists at most {MOST_LOOPS} times")
    return None


def without_literals(text: str) -> str:
    """The expression with spaces for all that is in quotes."""
    return _LITERAL.sub(lambda match: " " * len(match.group()), text)


def loops(text: str) -> int:
    """How many times it goes through lists."""
    return len(_LOOP.findall(without_literals(text)))


def _check(text: str, kind: type[bool] | type[float], wanted: str) -> Problem | None:
    masked = without_literals(text)
    return check_text(text) or _unknown_field(masked) or _tried(text, masked, kind, wanted)


def _syntax(text: str, error: str) -> Problem:
    if not (found := _POSITION.search(error)):
        return Problem("not a CEL expression")
    line, column, detail = int(found[1]), int(found[2]), found[3]
    lines = text.split("\n")
    offset = min(sum(len(each) + 1 for each in lines[: line - 1]) + column - 1, len(text))
    at = _AT.search(detail)
    if at is None or at[1] == "<EOF>":
        return Problem("not CEL: the expression ends too soon", offset=max(0, len(text) - 1))
    return Problem(f"not CEL: unexpected {at[1]!r}", offset=offset)


def _unknown_field(masked: str) -> Problem | None:
    for found in _FIELD.finditer(masked):
        field, below = found[1], found[2]
        if field not in expressions.FIELDS:
            hint = like(field, expressions.FIELDS) or f"a label is written host.labels.{field}"
            return Problem(f"a host has no field {field!r}", hint, found.start(1))
        if below and field in expressions.OF_AMOUNTS and below not in expressions.AMOUNTS:
            hint = like(below, expressions.AMOUNTS) or f"known are {', '.join(expressions.AMOUNTS)}"
            return Problem(f"host.{field} has no field {below!r}", hint, found.start(2))
    return None


def _tried(text: str, masked: str, kind: type[bool] | type[float], wanted: str) -> Problem | None:
    answers = [_answer(text, value) for value in _label_values(text)]
    for answer in answers:
        match answer:
            case MissingLabel(name=name):
                return Problem(f"a host has no field {name!r} there")
            case Unanswered(reason=reason) if problem := _certain(reason, text, masked):
                return problem
            case bool() | float() if type(answer) is not kind:
                return Problem(f"the expression should give {wanted}, it gives {_words(answer)}")
    unanswered = [answer for answer in answers if isinstance(answer, Unanswered)]
    if len(unanswered) == len(answers):
        return Problem(f"the expression has no answer: {unanswered[0].reason}")
    return None


def _answer(text: str, value: str) -> Answer:
    """Try on the sample, given every label that is asked for with the same value."""
    labels: dict[str, str] = {}
    answer = expressions.answer_with(text, _SAMPLE, labels)
    while isinstance(answer, MissingLabel) and answer.name not in labels and len(labels) < _MOST_LABELS:
        labels[answer.name] = value
        answer = expressions.answer_with(text, _SAMPLE, labels)
    return answer


def _label_values(text: str) -> Iterator[str]:
    """Values that are likely to lead into each branch: the literals of the text itself."""
    yield from ("", "1")
    yield from sorted({match[1][1:-1] for match in _LITERAL.finditer(text)})[:8]


def _certain(reason: str, text: str, masked: str) -> Problem | None:
    """A failure that no host can mend."""
    if undefined := _UNDEFINED.search(reason):
        name = undefined[1]
        found = re.search(rf"(?<![\w.]){re.escape(name)}\b", masked)
        hint = like(name, ("host",)) or "an expression sees only 'host'"
        return Problem(f"unknown name {name!r}", hint, found.start() if found else None)
    if not _is_mixed(Unanswered(reason)):
        return None
    if (whole := _WHOLE.search(masked)) and not _is_mixed(_answer(_with_doubles(text, masked), "1")):
        hint = f"facts are doubles: write {whole.group()}.0"
        return Problem("whole numbers and doubles do not mix in CEL", hint, whole.start())
    hint = "a label is text: write double(host.labels.x) to reckon with it" if "labels" in masked else ""
    return Problem("the types in this expression do not go together", hint)


def _is_mixed(answer: Answer) -> bool:
    return isinstance(answer, Unanswered) and answer.reason.startswith(
        ("No such overload", "Unsupported operation")
    )


def _with_doubles(text: str, masked: str) -> str:
    """The same expression, its whole numbers (not those in quotes) written as doubles."""
    for whole in reversed(list(_WHOLE.finditer(masked))):
        text = f"{text[: whole.end()]}.0{text[whole.end() :]}"
    return text


def like(word: str, known: Collection[str]) -> str:
    """A hint at the nearest of the known words."""
    close = difflib.get_close_matches(word, sorted(known), n=1)
    return f"did you mean {close[0]!r}?" if close else ""


def _words(answer: bool | float) -> str:
    return "true or false" if isinstance(answer, bool) else "a number"
