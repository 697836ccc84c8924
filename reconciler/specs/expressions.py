"""CEL over the facts of one host: what `require` and `rank` may ask, and the answer.

The facts are listed here and nowhere else. All numbers are doubles: CEL does not mix its number
types in arithmetic, so that users write ``4.0``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import TYPE_CHECKING

from reconciler.specs.desired import Host, Resources
from reconciler.specs.language import cel

if TYPE_CHECKING:
    from cel import Program

_GIB = 1024  # MiB


@dataclass(frozen=True, slots=True)
class Amounts:
    """``host.capacity`` and ``host.free``: CPUs, GiB of memory, GiB of disk."""

    cpus: float = 0.0
    memory_gib: float = 0.0
    disk_gib: float = 0.0


@dataclass(frozen=True, slots=True)
class HostFacts:
    """``host``: what an expression can see of one host.

    ``load`` is the virtual CPUs of running machines over the host's physical CPUs.
    """

    name: str
    cluster: str = "default"
    hypervisor: str = "kvm"
    arch: str = "x86_64"
    labels: tuple[tuple[str, str], ...] = ()
    capacity: Amounts = Amounts()
    free: Amounts = Amounts()
    load: float = 0.0


@dataclass(frozen=True, slots=True)
class MissingLabel:
    """The host lacks a label that the expression needs."""

    name: str


@dataclass(frozen=True, slots=True)
class Unanswered:
    """The expression has no answer for this host: a division by zero, a wrong type."""

    reason: str


Answer = bool | float | MissingLabel | Unanswered

AMOUNTS = tuple(field.name for field in fields(Amounts))
FIELDS = tuple(field.name for field in fields(HostFacts))
OF_AMOUNTS = ("capacity", "free")
_CHANGES = ("free", "load")
"""What a plan changes as it gives room away."""
_WORD, _LABEL = re.compile(r"\w+"), re.compile(r"\blabels(?:\.(\w+)(?!\s*\()|\[\s*[\"'](\w+)[\"']\s*\])")
_HOST = re.compile(r"\bhost\b")
_FREE = re.compile(r"\bhost\.free\.(cpus|memory_gib|disk_gib)\b")
_OTHER = re.compile(r"\bhost\.(?!free\b|load\b)\w")
"""What of a host no plan changes."""
_WORDS: Mapping[type, str] = {str: "text", dict: "a map", list: "a list", float: "no number"}


def facts_of(host: Host, arch: str, capacity: Resources, free: Resources, load: float) -> HostFacts:
    """What an expression sees of a host: ``capacity`` is what may be given out, ``free`` what is left."""
    return HostFacts(
        name=host.name,
        cluster=host.cluster,
        hypervisor=host.hypervisor,
        arch=arch,
        labels=host.labels,
        capacity=_amounts(capacity),
        free=_amounts(free),
        load=load,
    )


def evaluate(text: str, facts: HostFacts) -> Answer:
    """Ask one host. bool for a condition, float for a rank; a missing label is an answer, too."""
    labels = dict(facts.labels)
    answer = answer_with(text, facts, labels)
    if isinstance(answer, MissingLabel):
        again = answer_with(text, facts, {**labels, answer.name: ""})
        if again == answer:  # adding the label does not help: it is not a label that is missing
            return Unanswered(f"a host has no field {answer.name!r} there")
    return answer


@dataclass(frozen=True, slots=True)
class Asks:
    """Which facts an expression can depend on; a word too many does no harm.

    ``labels`` are those that it names, or None where it may look at any; ``free`` is what it names of what is
    free, or None where it may look at all of it, or at the load.
    """

    words: frozenset[str]
    labels: frozenset[str] | None
    free: frozenset[str] | None

    @property
    def changes(self) -> bool:
        """Whether the answer may change as room is given away."""
        return any(word in self.words for word in _CHANGES)


@lru_cache(maxsize=4096)
def asks(text: str) -> Asks:
    """Read an expression for the facts that it names."""
    labels = [name or quoted for name, quoted in _LABEL.findall(text)]
    words = frozenset(_WORD.findall(text))
    whole = len(labels) != len(re.findall(r"\blabels\b", text)) or "host[" in text.replace(" ", "")
    free = _FREE.findall(text)
    any_free = "load" in words or len(free) != len(_HOST.findall(text)) - len(_OTHER.findall(text))
    return Asks(words, None if whole else frozenset(labels), None if any_free else frozenset(free))


def steady_answer(text: str, facts: HostFacts) -> Answer | None:
    """The answer that holds whatever is free and however high the load; None where there is none."""
    if not asks(text).changes:
        return evaluate(text, facts)
    try:
        visible = _visible(facts, dict(facts.labels))
        known = {name: value for name, value in visible.items() if name not in _CHANGES}
        value = compiled(text).execute({"host": known})
    except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError):
        return None
    return value if isinstance(value, bool) else None


def answer_with(text: str, facts: HostFacts, labels: Mapping[str, str]) -> Answer:
    """Ask a host as if it had these labels; every key that is not there is taken for a label."""
    try:
        value = compiled(text).execute({"host": _visible(facts, labels)})
    except KeyError as error:
        return MissingLabel(str(error.args[0]))
    except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
        return Unanswered(str(error).partition("\n")[0].rstrip(": "))
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float) and not math.isnan(value):
        return float(value)
    return Unanswered(f"it gives {_WORDS.get(type(value), 'something')}, not a number or true or false")


@lru_cache(maxsize=4096)
def compiled(text: str) -> Program:
    """Compile once. Raises ValueError with the parser's words."""
    program: Program = cel().compile(text)
    return program


def _visible(facts: HostFacts, labels: Mapping[str, str]) -> dict[str, object]:
    visible: dict[str, object] = {name: getattr(facts, name) for name in FIELDS}
    for name in OF_AMOUNTS:
        visible[name] = {each: float(getattr(visible[name], each)) for each in AMOUNTS}
    return {**visible, "load": float(facts.load), "labels": dict(labels)}


def _amounts(resources: Resources) -> Amounts:
    return Amounts(float(resources.cpus), resources.memory_mib / _GIB, resources.disk_mib / _GIB)
