"""What is wrong with a ``${{ … }}`` expression, found before a host is asked.

It is compiled, its fields are looked up, and it is answered for every instance that will ask, with made-up
addresses in the place of those that only the plan knows.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from reconciler.specs import service_facts
from reconciler.specs.expression_checks import Problem, check_text, like, loops, without_literals
from reconciler.specs.expressions import Unanswered
from reconciler.specs.service_facts import COMPONENT, Member, ServiceFacts

MOST_VISITS = 1_000_000
"""Of instances, by those who ask with an expression that goes through lists."""

_FIELD = re.compile(r"(?<![\w.])(service|instance)\s*\.\s*([A-Za-z_]\w*)")
_INDEX = re.compile(r"\[\s*(-?\d+)\s*\]")
_OUT_OF_BOUNDS = re.compile(r"index out of bounds: (-?\d+)")
_UNDEFINED = re.compile(r"Undefined variable or function: '(.*?)'")


def check_expression(text: str, facts: ServiceFacts, askers: Sequence[Member]) -> Problem | None:
    """What is wrong with an expression that ``askers``, members of the service, will ask; or None."""
    if problem := check_text(text) or _unknown(text, facts):
        return problem
    everybody = 1 + sum(len(members) for members in facts.components.values())
    visits = everybody ** loops(text) * len(askers)
    if loops(text) and visits > MOST_VISITS:
        return Problem(f"{len(askers)} instances would go through {everybody - 1} others: too many to ask")
    for asker in askers:
        answer = facts.answer(text, asker)
        if isinstance(answer, Unanswered):
            return _unanswered(text, answer.reason, asker)
    return None


def _unknown(text: str, facts: ServiceFacts) -> Problem | None:
    """A component or a field that there is not."""
    masked = without_literals(text)
    for found in COMPONENT.finditer(text):
        if masked[found.start()] != text[found.start()]:
            continue
        if problem := _unknown_component(found, facts):
            return problem
    for found in _FIELD.finditer(masked):
        known = service_facts.OF_SERVICE if found[1] == "service" else service_facts.OF_INSTANCE
        if found[2] not in known:
            article = "an" if found[1] == "instance" else "a"
            return Problem(
                f"{article} {found[1]} has no field {found[2]!r}", _one_of(found[2], known), found.start(2)
            )
    return None


def _unknown_component(found: re.Match[str], facts: ServiceFacts) -> Problem | None:
    part = "key" if found["key"] is not None else "name"
    name = found[part]
    if name not in facts.components:
        whole = f"{name}{found['rest'] or ''}"
        hint = f"write components[{whole!r}]" if whole in facts.components else like(name, facts.components)
        return Problem(f"unknown component {name!r}", hint, found.start(part))
    field = found["field"]
    if field is not None and field not in service_facts.OF_COMPONENT:
        hint = _one_of(field, service_facts.OF_COMPONENT)
        return Problem(f"components.{name} has no field {field!r}", hint, found.start("field"))
    members = facts.components[name]
    if field == "addresses" and any(each.address is None for each in members):
        hint = "give it a card on a network with a cidr"
        return Problem(f"the addresses of {name!r} are not known to us", hint, found.start("field"))
    return None


def _unanswered(text: str, reason: str, asker: Member) -> Problem:
    masked = without_literals(text)
    if undefined := _UNDEFINED.search(reason):
        name = undefined[1]
        found = re.search(rf"(?<!\w){re.escape(name)}\b", masked)
        hint = like(name, service_facts.NAMES) or f"known are {', '.join(service_facts.NAMES)}"
        return Problem(f"unknown name {name!r}", hint, found.start() if found else None)
    if beyond := _OUT_OF_BOUNDS.search(reason):
        index = next((each for each in _INDEX.finditer(masked) if each[1] == beyond[1]), None)
        hint = "lists begin at 0, and have one entry for each replica"
        who = "" if index else f", asked by {asker.name}"
        offset = index.start(1) if index else None
        return Problem(f"there is no number {beyond[1]} in the list{who}", hint, offset)
    if reason.startswith("it gives"):
        hint = "take one of it with [0], or all with .join(',')" if reason.endswith("list") else ""
        return Problem(f"the expression should give text or a number, {reason}", hint)
    return Problem(f"the expression has no answer for {asker.name}: {reason}")


def _one_of(word: str, known: Collection[str]) -> str:
    return like(word, known) or f"known are {', '.join(known)}"
