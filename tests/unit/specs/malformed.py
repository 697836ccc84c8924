"""The corpus of malformed input: each case, the directory it makes, and what it should say.

A case is a YAML file (put beside the sound documents of ``base/``, but for its own kind) or a whole
directory; ``<case>.expected`` beside it holds the diagnostics exactly as a person reads them.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from reconciler.errors import Fault, InvalidInput
from reconciler.specs.load import load
from reconciler.specs.recall import Memory

CORPUS = Path(__file__).parents[2] / "fixtures" / "malformed"

# A case of one kind stands in for the sound document of that kind.
_BASE = {
    "yaml": ("fleet.yaml", "images.yaml"),
    "fleet": ("images.yaml",),
    "image": ("fleet.yaml",),
    "service": ("fleet.yaml", "images.yaml"),
    "directory": (),
}


@dataclass(frozen=True, slots=True)
class Case:
    """One malformed input: ``path`` is its file or directory."""

    path: Path

    @property
    def name(self) -> str:
        return f"{self.path.parent.name}/{self.path.stem}"

    @property
    def expected(self) -> str:
        return self.path.with_suffix(".expected").read_text()

    def lay_out(self, directory: Path) -> None:
        """Make the directory that is to be loaded."""
        if self.path.is_dir():
            shutil.copytree(self.path, directory, dirs_exist_ok=True, symlinks=True)
            return
        for name in _BASE[self.path.parent.name]:
            shutil.copy(CORPUS / "base" / name, directory)
        shutil.copy(self.path, directory / "case.yaml")

    def diagnostics(self, directory: Path, memory: Memory | None = None) -> str:
        """What loading the laid out directory says; empty if it is accepted."""
        try:
            load(directory, memory=memory)
        except InvalidInput as invalid:
            return "\n".join(shown(fault) for fault in invalid.faults).replace(str(directory), "DIR") + "\n"
        return ""


def cases() -> list[Case]:
    """All of the corpus, by name."""
    files = [path for group in _BASE for path in (CORPUS / group).glob("*.yaml")]
    folders = [path for path in (CORPUS / "directory").iterdir() if path.is_dir()]
    return [Case(path) for path in sorted([*files, *folders])]


def shown(fault: Fault) -> str:
    """A fault with its line, caret and hint."""
    lines = [str(fault)]
    if fault.excerpt:
        lines.append(f"    {fault.position.line} | {fault.excerpt}")
        caret = " " * (fault.position.column - 1) + "^" * fault.width
        lines.append(f"    {' ' * len(str(fault.position.line))} | {caret}  {fault.hint}".rstrip())
    elif fault.hint:
        lines.append(f"    {fault.hint}")
    return "\n".join(lines)
