"""What a directory was found to say the last time, where nothing that decides it has changed since.

Only what was right is kept: a fault is found anew each time. What decides is all of the text, where it
lies, the files that it refers to, and the code that reads it. What is kept is believed when all of that
is the same, and is never missed when it is gone.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from reconciler.errors import Fault
from reconciler.specs.desired import Desired
from reconciler.specs.files import read_source, real
from reconciler.specs.packing import pack, unpack
from reconciler.specs.yaml.source import Source

_FLEET = re.compile(r"\bkind:\s*[\"']?Fleet\b")


class Memory(Protocol):
    """Keeps bytes under a name in or near a folder, for this user alone; forgets as it likes."""

    @property
    def least(self) -> int:
        """How many characters of YAML are worth it: fewer are understood as quickly as they are recalled."""

    def recall(self, folder: Path, name: str) -> bytes | None:
        """What was kept, whole and by this user, or None."""

    def keep(self, folder: Path, name: str, data: bytes) -> None:
        """Keep it, if that can be had; never raises."""


@dataclass(frozen=True, slots=True)
class Question:
    """The text of a directory, and of the fleet file that was given with it, if any."""

    directory: Path
    sources: tuple[Source, ...]
    fleet: Source | None

    @property
    def size(self) -> int:
        """Characters of it."""
        return sum(len(each.text) for each in self.sources)

    @property
    def name(self) -> str:
        """The same for the same directory and fleet file."""
        where = f"{real(self.directory)}\0{self.fleet and real(self.fleet.path)}"
        return hashlib.sha256(where.encode(errors="surrogateescape")).hexdigest()[:16]

    def folder(self) -> Path | None:
        """Where the fleet file lies, as far as can be told without reading it."""
        if self.fleet is not None:
            return self.fleet.path.parent
        found = (each for each in self.sources if _FLEET.search(each.text))
        return next((each.path.parent for each in found), None)

    def digest(self) -> str:
        """SHA-256 of all that decides the answer, but for the files that the text refers to."""
        found = hashlib.sha256(_code())
        told = [os.fspath(self.directory), os.fspath(real(self.directory)), _home()]
        for source in (*self.sources, *([self.fleet] if self.fleet else ())):
            told += [source.name, os.fspath(source.path), os.fspath(real(source.path)), source.text]
        told.append(f"{self.fleet is not None}")
        for text in told:
            data = text.encode(errors="surrogateescape")
            found.update(len(data).to_bytes(8, "big") + data)
        return found.hexdigest()


def recalled(question: Question, memory: Memory) -> Desired | None:
    """What was found then, where the question is the same."""
    folder = question.folder() if question.size >= memory.least else None
    kept = None if folder is None else memory.recall(folder, question.name)
    if kept is None:
        return None
    try:
        answer = json.loads(kept)
        if answer["question"] != question.digest():
            return None
        if answer["files"] != _files(Path(each[0]) for each in answer["files"]):
            return None
        desired = unpack(answer["blocks"])
    except (ValueError, TypeError, LookupError, RecursionError):
        return None
    return desired if _images_are_there(desired) else None


def remember(question: Question, files: Iterable[Path], desired: Desired, memory: Memory) -> None:
    """Keep what was found, and all of it was right; ``files`` are those that the text refers to."""
    if question.size < memory.least:
        return
    head = {"question": question.digest(), "files": _files(files)}
    data = f'{json.dumps(head)[:-1]}, "blocks": {pack(desired)}}}'
    memory.keep(Path(desired.directory), question.name, data.encode())


def _files(paths: Iterable[Path]) -> list[list[str]]:
    """What lies at these paths: each with where it leads to, and a digest of what it says."""
    return [[os.fspath(path), os.fspath(real(path)), _digest(read_source(path, ""))] for path in paths]


def _digest(source: Source | Fault) -> str:
    if isinstance(source, Fault):
        return ""
    return hashlib.sha256(source.text.encode()).hexdigest()


def _images_are_there(desired: Desired) -> bool:
    """Image files of this machine are looked for each time, be the text as it was."""
    sources = (part.source for image in desired.images for part in image.parts)
    return all("://" in source or Path(source).is_file() for source in sources)


def _home() -> str:
    """What a ``~`` in the files stands for."""
    try:
        return os.fspath(Path.home())
    except RuntimeError:
        return ""


@lru_cache(maxsize=1)
def _code() -> bytes:
    """A digest of the code that reads the files: another version may find something else in them."""
    found = hashlib.sha256(sys.version.encode())
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        found.update(path.read_bytes())
    return found.digest()
