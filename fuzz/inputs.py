"""What is fed to a target: a few named files, kept as a folder when they are worth keeping."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

Input = Mapping[str, bytes]
"""Contents by name; names may have folders."""


def digest(files: Input) -> str:
    """The same eight digits for the same files."""
    text = b"\0".join(name.encode() + b"\0" + files[name] for name in sorted(files))
    return hashlib.sha256(text).hexdigest()[:8]


def write(files: Input, folder: Path) -> None:
    """Lay the files out; what is there under other names stays."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def read(folder: Path) -> Input:
    """What ``write`` wrote."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
