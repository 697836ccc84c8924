"""Two recordings of one script, step by step: where they differ, and a table that says so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass
from itertools import zip_longest

from tests.contract.recording import Step

_WIDTH = 44


@dataclass(frozen=True, slots=True)
class Difference:
    """One field of one step. ``number`` counts from 1."""

    number: int
    what: str
    field: str
    simulated: str
    real: str


def differences(simulated: Sequence[Step], real: Sequence[Step]) -> tuple[Difference, ...]:
    """Every field in which two recordings are not the same."""
    missing = Step("(nothing)")
    found = []
    for number, (ours, theirs) in enumerate(zip_longest(simulated, real, fillvalue=missing), start=1):
        left, right = dict(_flat("", ours)), dict(_flat("", theirs))
        for name in sorted({*left, *right}):
            a, b = left.get(name, "—"), right.get(name, "—")
            if a != b:
                found.append(Difference(number, theirs.what, name, a, b))
    return tuple(found)


def table(found: Sequence[Difference]) -> str:
    """One line a difference."""
    head = Difference(0, "step", "field", "simulated", "libvirtd")
    return "\n".join(_line(each) for each in (head, *found))


def _line(each: Difference) -> str:
    number = f"{each.number:>3}" if each.number else "  #"
    cells = (each.what, each.field, each.simulated, each.real)
    return " | ".join((number, *(cell[:_WIDTH].ljust(_WIDTH) for cell in cells)))


def _flat(path: str, value: object) -> Iterator[tuple[str, str]]:
    """Every leaf by its path; the length of a sequence is a leaf too."""
    if is_dataclass(value):
        for each in fields(value):
            yield from _flat(f"{path}.{each.name}".lstrip("."), getattr(value, each.name))
    elif isinstance(value, tuple):
        yield f"{path}.length", str(len(value))
        for index, item in enumerate(value):
            yield from _flat(f"{path}[{index}]", item)
    else:
        yield path, str(value)
