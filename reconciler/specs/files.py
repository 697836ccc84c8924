"""Which files of a directory are read, and that they are text of a sane size."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from reconciler.errors import Fault, Position
from reconciler.specs.yaml.source import Place, Source, printable

MOST_BYTES = 1 << 20
"""Size of a file that is still read."""

CLOUD_CONFIG = "#cloud-config"
"""The first line of a file that is none of our documents. It may hold secrets, and is never shown."""

_SUFFIXES = (".yaml", ".yml")
# Those that change the direction of text, too: they show a reviewer another file than is read.
_CONTROL = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff]"
)
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Reading:
    """Files in the order of their names, and what could not be read."""

    sources: tuple[Source, ...] = ()
    faults: tuple[Fault, ...] = ()


def read_directory(root: Path) -> Reading:
    """Read every YAML file under ``root``, each real file once; dot-directories are not entered."""
    if not root.is_dir():
        reason = "is a file, not a directory" if root.exists() else "there is no such directory"
        return Reading(faults=(_about(str(root), reason),))
    sources: list[Source] = []
    faults: list[Fault] = []
    seen: set[Path] = set()
    real_root = real(root)
    for path in sorted(_candidates(root, faults)):
        target = real(path)
        if path.is_symlink() and not target.is_relative_to(real_root):
            faults.append(_about(_name(path, root), f"this link leaves the directory: it leads to {target}"))
        elif target not in seen and not (target.is_dir() and path.is_symlink()):
            seen.add(target)
            read = read_source(path, _name(path, root))
            if isinstance(read, Source):
                sources.append(read)
            else:
                faults.append(read)
    return Reading(tuple(sources), tuple(faults))


def read_source(path: Path, name: str) -> Source | Fault:
    """Read one UTF-8 text file, or say why not. ``name`` is what faults call it."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            return _about(name, "is not a regular file")
        if found.st_size > MOST_BYTES:
            return _about(name, f"is larger than 1 MiB ({found.st_size} bytes)")
        data = path.read_bytes()
    except FileNotFoundError:
        return _about(name, "there is no such file")
    except (OSError, ValueError) as error:
        return _about(name, f"cannot be read: {getattr(error, 'strerror', None) or error}")
    return _decode(data, path, name)


def real(path: Path) -> Path:
    """Where a path leads to, all links followed as far as they go; never raises."""
    return Path(os.path.realpath(path))


def names_beside(path: Path) -> list[str]:
    """What else is in the folder of a file that is not there; nothing where that cannot be told."""
    try:
        return sorted(each.name for each in path.parent.iterdir())
    except OSError:
        return []


def is_there(path: Path) -> bool:
    """Whether anything is there, as far as can be told."""
    return os.path.lexists(path)


def _candidates(root: Path, faults: list[Fault]) -> Iterator[Path]:
    def unreadable(error: OSError) -> None:
        faults.append(_about(_name(Path(error.filename), root), f"cannot be read: {error.strerror}"))

    for folder, folders, files in os.walk(root, onerror=unreadable):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(folder, name) for name in files if name.endswith(_SUFFIXES))
        # Links are looked at, not followed: what they lead to inside of the tree is found there.
        yield from (path for name in folders if (path := Path(folder, name)).is_symlink())


def _decode(data: bytes, path: Path, name: str) -> Source | Fault:
    if data.startswith(_UTF16):
        return _about(name, "is UTF-16, not UTF-8", hint="save it as UTF-8")
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        source = Source.of(name, path.absolute(), data.decode(errors="replace"), private=True)
        return _at(source, data[: error.start].decode()).fault("is not UTF-8", hint="save it as UTF-8")
    if unwanted := _CONTROL.search(text):
        code = f"U+{ord(unwanted.group()):04X}"
        source = Source.of(name, path.absolute(), text, private=True)
        return _at(source, text[: unwanted.start()]).fault(f"control character {code}", hint="delete it")
    return Source.of(name, path.absolute(), text, private=text.startswith(CLOUD_CONFIG))


def _at(source: Source, before: str) -> Place:
    lines = Source.of("", source.path, before).lines
    return source.at(len(lines), len(lines[-1]) + 1)


def _about(name: str, message: str, *, hint: str = "") -> Fault:
    return Fault(Position(printable(name), 1, 1), message, hint=hint)


def _name(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()
