"""Files that documents refer to: public keys and cloud-configs, which must lie in the directory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from reconciler.errors import Fault
from reconciler.specs.files import is_there, names_beside, read_source, real
from reconciler.specs.models.base import quoted, suggestion
from reconciler.specs.models.component import PUBLIC_KEY
from reconciler.specs.yaml.nodes import Scalar
from reconciler.specs.yaml.source import Source


@dataclass(slots=True)
class Attachments:
    """Files beside the documents under ``root``, each read once. They hold secrets: no line is shown."""

    root: Path
    _read: dict[Path, Source | Fault] = field(default_factory=dict)
    _inside: dict[Path, bool] = field(default_factory=dict)

    @property
    def paths(self) -> tuple[Path, ...]:
        """Every file that was read."""
        return tuple(sorted(self._read))

    def source(self, base: Path, path: str) -> Source | Fault:
        """The file at ``path``, beside the document in the folder ``base``."""
        full = base / path
        if full not in self._read:
            read = read_source(full, self._name(full))
            self._read[full] = replace(read, private=True) if isinstance(read, Source) else read
        return self._read[full]

    def check(self, node: Scalar, path: str) -> tuple[Source | None, tuple[Fault, ...]]:
        """The file that ``node`` refers to, or why it cannot be used."""
        base = node.place.source.path.parent
        full = base / path
        if not self._is_inside(full):
            return None, (
                node.place.fault(f"{quoted(path)} is outside of the directory", hint="copy the file here"),
            )
        if not is_there(full):
            hint = suggestion(full.name, names_beside(full))
            return None, (node.place.fault(f"there is no file {quoted(path)}", hint=hint),)
        source = self.source(base, path)
        if isinstance(source, Fault):
            return None, (node.place.fault(f"{quoted(path)}: {source.message}", hint=source.hint),)
        return source, ()

    def _is_inside(self, full: Path) -> bool:
        """Whether a path leads to somewhere in the directory; asked once, like what is read there."""
        if full not in self._inside:
            self._inside[full] = real(full).is_relative_to(real(self.root))
        return self._inside[full]

    def _name(self, full: Path) -> str:
        resolved, root = real(full), real(self.root)
        return resolved.relative_to(root).as_posix() if resolved.is_relative_to(root) else str(full)


def check_keys(source: Source) -> Iterator[Fault]:
    """Whether a file holds public keys, one a line."""
    for number, line in _key_lines(source):
        if "PRIVATE KEY" in line:
            yield source.at(number, 1, width=len(line)).fault(
                "this is a private key: it must never be here", hint="give the public one, which ends in .pub"
            )
            return
        if not PUBLIC_KEY.fullmatch(line):
            yield source.at(number, 1, width=len(line)).fault(
                "expected an SSH public key such as 'ssh-ed25519 AAAA…'"
            )
    if not list(_key_lines(source)):
        yield source.at(1, 1).fault("there is no key in this file")


def keys_in(source: Source) -> tuple[str, ...]:
    """The keys of a file, comments left out."""
    return tuple(line for _, line in _key_lines(source))


def _key_lines(source: Source) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(source.lines, start=1):
        if (text := line.strip()) and not text.startswith("#"):
            yield number, text
