"""What of a file may be shown: secrets are covered, column for column, whatever state the file is in.

A fault shows the line it is about, and that line may hold a secret. What is covered follows from the
text alone, because a file that does not parse has secrets too: what stands below a key that is called,
or nearly called, ``environment`` (or by another word for secrets), but for the names on lines of their
own; a ``cloud_init`` that is no path; passwords in URLs; private keys. In doubt it is covered.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

_KEY = re.compile(
    r"""(?:^|(?<=[\s{,\[?]))["']?([\w.-]+)["']?[ \t]*(?::|(?=[{\[]))|^[ \t?]*([\w.-]+)[ \t]*$"""
)
_NEARLY = "environment"
_WORDS = frozenset(
    {_NEARLY, "env", "envs", "env_vars", "env_file", "vars", "variables"}
    | {"secret", "secrets", "password", "passwords", "passwd", "passphrase", "token", "tokens"}
    | {"credential", "credentials", "user_data", "userdata", "cloud_config", "write_files", "runcmd"}
)
_CLOUD_INIT = re.compile(r"cloud_?init")
_PATH = re.compile(r"""[ \t]*(["']?)(?:[^\s:{}\[\]|>"'#]|:(?=\S))+\1[ \t]*([,}#].*)?""")
_NAME = re.compile(r"""([ \t]*(?:- +)?)["']?[\w.-]+["']?[ \t]*:(?=[ \t]|$)""")
_AFTER = re.compile(r"""[ \t]*(?:- +)?(?:["']?[\w.-]+["']?[ \t]*:(?:[ \t]|$)|---|\.\.\.)""")
"""What a line at the indentation of the key, or before it, is where it does not belong to the key."""
_TOKEN = re.compile(r"""(?:^|(?<=\s))\#.*|"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|["'\[\]{},]""")
_CLOSING = {'"': re.compile(r'(?:[^"\\]|\\.)*"'), "'": re.compile(r"(?:[^']|'')*'")}
_BEGINS_VALUE = re.compile(r"(?:^|[\s:\[{,-])$")
_URL_PASSWORD = re.compile(r"(?<=://)([^\s:/@]*:)(\S*)(?=@)")
_PRIVATE_KEY = re.compile(r"(?<=PRIVATE KEY).*", re.DOTALL)
_QUOTED = re.compile(r"""(?<![^\s(])(?:'(?:[^'\\]|\\.){2,}'|"(?:[^"\\]|\\.){2,}")""", re.DOTALL)
_LONGEST_WORD = 40


def covered(lines: Sequence[str]) -> tuple[str, ...]:
    """The same lines, each as long as it was, what stands below secret keys covered."""
    scanner = _Scanner()
    return tuple(map(scanner.shown, lines))


def without_credentials(text: str) -> str:
    """The same text, as long as it was, without the passwords of URLs and what follows PRIVATE KEY."""
    text = _URL_PASSWORD.sub(lambda found: found[1] + _stars(found[2]), text)
    return _PRIVATE_KEY.sub(lambda found: _stars(found[0]), text)


def without_quotes(message: str) -> str:
    """What a message says without what it quotes."""
    return _QUOTED.sub("'…'", message)


def secret_free(path: str) -> str:
    """A dotted path as far as its parts can be names, and not what was written in place of one."""
    parts = path.split(".")
    odd = next((index for index, part in enumerate(parts) if not re.fullmatch(r"[\w\[\]-]*", part)), None)
    return path if odd is None else ".".join([*parts[:odd], "…"])


def _stars(text: str) -> str:
    return re.sub(r"\S", "*", text)


@dataclass(slots=True)
class _Region:
    """What stands below one key. ``levels`` are the indentations that it may end at, that of the key the
    last. ``flow``: the key is inside of braces on its own line.
    """

    levels: tuple[int, ...]
    flow: bool
    depth: int = 0
    quote: str = ""
    names_at: int | None = None
    """Indentation of the names in a block, which are shown."""

    @property
    def indent(self) -> int:
        """Indentation of the key."""
        return self.levels[-1]

    def entered(self, line: str) -> int | None:
        """Column from which the next line is covered; None where the region is over."""
        text = line.lstrip()
        indent = len(line) - len(text)
        if self.quote or self.depth or self.flow or not text:
            return 0
        # Anything else is damage, and what comes after it may still belong here.
        is_item = text[0] in "-:" and not text.startswith("---")
        is_inside = indent > self.indent or (indent == self.indent and is_item)
        if not is_inside and indent in self.levels and _AFTER.match(line):
            return None
        if self.names_at is None:
            self.names_at = indent
        name = _NAME.match(line) if indent == self.names_at else None
        return name.end() if name else 0

    def end(self, line: str, start: int) -> int:
        """Column at which it ends in this line; the line's length where it does not."""
        if self.quote:
            closing = _CLOSING[self.quote].match(line, start)
            if closing is None:
                return len(line)
            start, self.quote = closing.end(), ""
        for token in _TOKEN.finditer(line, start):
            mark = token[0]
            if mark in ('"', "'"):
                self._open(mark, line[: token.start()])
            elif mark in ("[", "{"):
                self.depth += bool(
                    self.depth or self.flow or _BEGINS_VALUE.search(line[: token.start()][-1:])
                )
            elif mark in ("]", "}", ",") and not self.depth:
                if self.flow:
                    return token.start()
            elif mark in ("]", "}"):
                self.depth -= 1
        return len(line)

    def _open(self, quote: str, before: str) -> None:
        # Elsewhere it is an apostrophe.
        if _BEGINS_VALUE.search(before[-1:]):
            self.quote = quote


@dataclass(slots=True)
class _Scanner:
    """Line by line, the region that is not over yet."""

    region: _Region | None = None
    levels: tuple[int, ...] = ()
    """Indentations of the lines that it may be below of."""

    def shown(self, line: str) -> str:
        """One line with its secrets covered."""
        text, at = "", 0
        if self.region is not None and (start := self.region.entered(line)) is not None:
            text, at = self._covered(self.region, line, 0, start)
        else:
            self.region = None
            indent = len(line) - len(line.lstrip())
            if indent < len(line):
                self.levels = (*(level for level in self.levels if level < indent), indent)
        while self.region is None and (start := _below_a_secret_key(line, at)) is not None:
            before = line[:start]
            region = _Region(self.levels, flow=sum(map(before.count, "[{")) > sum(map(before.count, "]}")))
            more, at = self._covered(region, line, at, start)
            text += more
        return text + line[at:]

    def _covered(self, region: _Region, line: str, at: int, start: int) -> tuple[str, int]:
        end = region.end(line, start)
        self.region = region if end == len(line) else None
        return line[at:start] + _stars(line[start:end]), end


def _below_a_secret_key(line: str, at: int) -> int | None:
    """Column after the first such key from ``at``, or None."""
    for found in _KEY.finditer(line, at):
        key = (found[1] or found[2]).lower().replace("-", "_")
        if _is_secret(key) or (_CLOUD_INIT.match(key) and not _PATH.fullmatch(line, found.end())):
            return found.end()
    return None


@lru_cache(maxsize=4096)
def _is_secret(key: str) -> bool:
    if key in _WORDS or len(key) > _LONGEST_WORD:
        return key in _WORDS
    alike = len(set(key) & set(_NEARLY)) >= 6
    return alike and bool(difflib.get_close_matches(key, [_NEARLY], cutoff=0.75))
