"""Files of text, and places in them: where something is written, and what may be shown of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from reconciler.errors import Fault, Position

_LINE_BREAK = re.compile(
    "\r\n|[\n\r\x85\u2028\u2029]"
)  # those of YAML 1.1: lines are counted as the parser does
_LONGEST_EXCERPT = 200
_LONGEST_LINE = 1000  # of which passwords are looked for


def printable(text: str) -> str:
    """Text of the same length that cannot take a terminal over, nor hide anything from a reader."""
    return text if text.isascii() and text.isprintable() else _unprintable().sub("\ufffd", text)


@lru_cache(maxsize=1)
def _unprintable() -> re.Pattern[str]:
    # Compiling it takes 8 ms, and most names and lines are printable ASCII.
    return re.compile(
        r"[^\t\x20-\x7e\xa0-\u200a\u2010-\u2027\u202f-\u205f\u2070-\ud7ff\ue000-\ufefe\uff00-\ufffd"
        r"\U00010000-\U000dffff\U000e1000-\U0010ffff]"
    )


@dataclass(frozen=True, eq=False)
class Source:
    """A text file: ``name`` as faults show it, ``path`` absolute, ``text`` as it was read.

    Of a ``private`` file no line is ever shown, and what is said of it must quote none.
    """

    name: str
    path: Path
    text: str
    private: bool = False

    @staticmethod
    def of(name: str, path: Path, text: str, *, private: bool = False) -> Source:
        """A file from its whole text."""
        return Source(printable(name), path, text, private)

    @cached_property
    def lines(self) -> tuple[str, ...]:
        """Its lines without their ends: not asked for where it is as it was."""
        return tuple(_LINE_BREAK.split(self.text))

    def at(self, line: int, column: int, *, width: int = 1, path: str = "") -> Place:
        """A place in this file; line and column count from 1."""
        return Place(self, line, column, width, path)


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is written, how wide it is, and which dotted field it is."""

    source: Source
    line: int
    column: int
    width: int
    path: str

    @property
    def position(self) -> Position:
        """File, line and column."""
        return Position(self.source.name, self.line, self.column)

    def fault(self, message: str, *, hint: str = "") -> Fault:
        """Say that something is wrong here."""
        # Most files have no fault.
        from reconciler.specs.yaml.secrets import secret_free, without_credentials, without_quotes

        line, shown = _line(self.source.lines, self.line), _line(_shown(self.source), self.line)
        here = slice(self.column - 1, self.column - 1 + self.width)
        path = self.path
        if line[here] != shown[here] and not self.source.private:
            message, hint, path = without_quotes(message), without_quotes(hint), secret_free(path)
        excerpt = without_credentials(shown[:_LONGEST_LINE])[:_LONGEST_EXCERPT]
        excerpt = printable(excerpt) if self.column <= _LONGEST_EXCERPT else ""
        width = max(1, min(self.width, len(excerpt) - self.column + 1))
        return Fault(
            self.position,
            without_credentials(message),
            path=printable(path.replace("\t", " ")),
            excerpt=excerpt,
            width=width,
            hint=without_credentials(hint),
        )

    def narrowed(self, offset: int, width: int = 1) -> Place:
        """So many characters, ``offset`` columns to the right."""
        return Place(self.source, self.line, self.column + offset, width, self.path)


def _line(lines: tuple[str, ...], number: int) -> str:
    return lines[number - 1] if number <= len(lines) else ""


@lru_cache(maxsize=16)
def _shown(source: Source) -> tuple[str, ...]:
    """The lines of a file as they may be shown: worked out once there is a fault in it."""
    from reconciler.specs.yaml.secrets import covered

    return ("",) * len(source.lines) if source.private else covered(source.lines)
