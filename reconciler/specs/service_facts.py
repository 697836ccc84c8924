"""CEL over the facts of one service: what ``${{ … }}`` may ask, and the answer.

The facts are listed here and nowhere else. All of them follow from the YAML and the plan, so they are
known before a machine exists.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from reconciler.specs.expression_checks import without_literals
from reconciler.specs.expressions import Unanswered, compiled
from reconciler.specs.language import cel

if TYPE_CHECKING:
    from cel import Context

NAMES = ("components", "service", "instance")
"""What an expression sees."""
OF_SERVICE = ("name",)
OF_COMPONENT = ("addresses", "replicas", "instances")
OF_INSTANCE = ("name", "component", "ordinal", "address")
"""``address`` only where it has one."""


_REASONS = (
    "Undefined variable or function",
    "Unsupported operation",
    "No such overload",
    "division by zero",
    "index out of bounds",
)


@dataclass(frozen=True, slots=True)
class Member:
    """One instance; ``address`` as whoever asks reaches it, None where it has none."""

    name: str
    component: str
    ordinal: int
    address: str | None

    def facts(self) -> dict[str, object]:
        """As an expression sees it."""
        known: dict[str, object] = {"name": self.name, "component": self.component, "ordinal": self.ordinal}
        return known if self.address is None else {**known, "address": self.address}


@dataclass(frozen=True)
class ServiceFacts:
    """A service as some of its instances see it. Components by the names that the YAML gives them now."""

    service: str
    components: Mapping[str, Sequence[Member]]

    def answer(self, expression: str, instance: Member) -> str | Unanswered:
        """What an expression gives ``instance``, as text."""
        if asks_who(expression):
            return self._asked(expression, instance)
        if expression not in self._answers:
            self._answers[expression] = self._asked(expression, instance)
        return self._answers[expression]

    def _asked(self, expression: str, instance: Member) -> str | Unanswered:
        try:
            program = compiled(expression)
            self._asking["instance"] = instance.facts()
            value = program.execute(self._context(mentioned(expression)))
        except KeyError as error:
            return Unanswered(f"there is no field {error.args[0]!r} there")
        except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
            return Unanswered(_reason(error))
        return _text(value)

    @cached_property
    def _answers(self) -> dict[str, str | Unanswered]:
        """To what is the same for everybody."""
        return {}

    @cached_property
    def _asking(self) -> dict[str, object]:
        return {}

    @cached_property
    def _contexts(self) -> dict[Mentioned, Context]:
        return {}

    def _context(self, wanted: Mentioned) -> Context:
        """With what is mentioned and no more: all of a map is copied each time one looks into it."""
        if wanted not in self._contexts:
            context: Context = cel().Context()
            context.add_variable("components", self._visible(wanted))
            context.add_variable("service", {"name": self.service})
            context.add_function("join", _join)
            # Only this differs from one who asks to the next: the rest is converted once.
            context.set_variable_resolver(self._asking.get)
            self._contexts[wanted] = context
        return self._contexts[wanted]

    def _visible(self, wanted: Mentioned) -> dict[str, dict[str, object]]:
        if wanted is None:
            return {name: _facts(members) for name, members in self.components.items()}
        visible: dict[str, dict[str, object]] = {}
        for name, field in wanted:
            if name in self.components and field in (facts := _facts(self.components[name])):
                visible.setdefault(name, {})[field] = facts[field]
        return visible


Mentioned = frozenset[tuple[str, str]] | None
"""Components, each with one of its fields; None for all of everything."""

COMPONENT = re.compile(
    r"(?<![\w.])components\s*(?:\.\s*(?P<name>\w+)(?P<rest>-[\w-]+)?"
    r"|\[\s*(?P<quote>[\"'])(?P<key>[^\"']*)(?P=quote)\s*\])"
    r"(?:\s*\.\s*(?P<field>[A-Za-z_]\w*))?"
)
_COMPONENTS = re.compile(r"(?<!\w)components(?!\w)")
_WHO = re.compile(r"(?<!\w)instance(?!\w)")


@lru_cache(maxsize=1024)
def asks_who(expression: str) -> bool:
    """Whether the answer may be another one for each instance that asks."""
    return _WHO.search(without_literals(expression)) is not None


@lru_cache(maxsize=1024)
def mentioned(expression: str) -> Mentioned:
    """Which fields of which components an expression asks for."""
    masked = without_literals(expression)
    found = [each for each in COMPONENT.finditer(expression) if masked[each.start()] == "c"]
    if len(found) != len(_COMPONENTS.findall(masked)) or not all(each["field"] for each in found):
        return None
    return frozenset((each["key"] or each["name"] or "", each["field"]) for each in found)


def _reason(error: Exception) -> str:
    """Why there is no answer, if that says nothing of the values: they may be secret."""
    text = str(error).partition("\n")[0].partition(". ")[0].rstrip(": ")
    return text if text.startswith(_REASONS) else "it cannot be worked out"


def _facts(members: Sequence[Member]) -> dict[str, object]:
    facts: dict[str, object] = {"replicas": len(members), "instances": [each.facts() for each in members]}
    addresses = [each.address for each in members if each.address is not None]
    return facts if len(addresses) < len(members) else {**facts, "addresses": addresses}


def _join(values: object, separator: object = "") -> str | None:
    if not isinstance(values, list) or not isinstance(separator, str):
        return None
    return separator.join(_plain(value) for value in values)


def _text(value: object) -> str | Unanswered:
    if isinstance(value, list):
        return Unanswered("it gives a list")
    if not isinstance(value, str | bool | int | float):
        return Unanswered("it gives no text, number or truth")
    text = _plain(value)
    return text if text.isprintable() else Unanswered("it gives text that is not one printable line")


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
