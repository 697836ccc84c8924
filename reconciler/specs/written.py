"""Where things are written: a line for each field, looked up only for what is told of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

CLUSTERS = "clusters"
"""What the fleet's own ``Written`` is about."""


@dataclass(frozen=True, slots=True, order=True)
class Written:
    """The lines of one thing: ``about`` is ``service/component``, a service, or ``CLUSTERS``.

    ``lines`` are words such as ``resources.cpus:14``, in the order in which they are written; the one without
    a path is the thing itself. All is in one ``file``.
    """

    about: str
    file: str
    lines: str


@dataclass(slots=True)
class Lines:
    """The lines of everything, taken apart when they are asked for."""

    written: Iterable[Written]
    _by_about: dict[str, Written] = field(default_factory=dict)
    _known: dict[str, Mapping[str, str]] = field(default_factory=dict)

    def of(self, about: str, path: str = "") -> str:
        """``file:line`` of a field, or of the nearest thing around it that is written; empty: none is."""
        lines = self._lines(about)
        while path not in lines:
            if not path:
                return ""
            path = path.rpartition(".")[0]
        return lines[path]

    def under(self, about: str, path: str) -> tuple[str, ...]:
        """The names that are written right under a field, in their order."""
        inside = f"{path}." if path else ""
        depth = inside.count(".")
        return tuple(
            each.rpartition(".")[2]
            for each in self._lines(about)
            if each.startswith(inside) and each.count(".") == depth and each
        )

    def _lines(self, about: str) -> Mapping[str, str]:
        if about not in self._known:
            if not self._by_about:
                self._by_about.update((each.about, each) for each in self.written)
            found = self._by_about.get(about)
            words = [] if found is None else [word.rpartition(":") for word in found.lines.split()]
            self._known[about] = {path: f"{found.file}:{line}" for path, _, line in words if found}
        return self._known[about]
