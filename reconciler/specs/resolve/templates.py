"""Where ``${{ … }}`` may stand, and whether each expression has an answer for whoever is told it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import yaml

from reconciler.errors import Fault
from reconciler.specs.documents import Document
from reconciler.specs.expression_checks import Problem
from reconciler.specs.models.service import ServiceModel
from reconciler.specs.resolve.attachments import Attachments
from reconciler.specs.resolve.moves import key_of_service, keys_of_components
from reconciler.specs.service_facts import Member, ServiceFacts
from reconciler.specs.template_checks import check_expression
from reconciler.specs.templates import OPENING, Expression, expressions_in, has_expressions
from reconciler.specs.yaml.compose import LOADER
from reconciler.specs.yaml.nodes import Scalar
from reconciler.specs.yaml.secrets import without_quotes
from reconciler.specs.yaml.source import Place, Source

_UNCLOSED = "this expression does not end"
_HINT = "write }} after it"


def check_templates(document: Document[ServiceModel], attachments: Attachments) -> Iterator[Fault]:
    """Every expression of a service's environments and cloud-configs."""
    facts: ServiceFacts | None = None
    for name in document.model.components:
        file = _cloud_config(document, name, attachments)
        yield from _keys(file)
        texts = [*_environment(document, name), *_values(file)]
        if not texts:
            continue
        facts = facts or _made_up(document.model)
        # What is made of none is checked as if it were made of one.
        askers = facts.components[name] or _members(document.model, name, 1)
        for text in texts:
            for expression in expressions_in(text.text):
                if not isinstance(expression, Expression):
                    yield text.at(expression.offset).fault(_UNCLOSED, hint=_HINT)
                elif problem := check_expression(expression.text, facts, askers):
                    yield _fault(text, expression, problem)


@dataclass(frozen=True, slots=True)
class _Text:
    """A text with expressions in it; ``at`` gives the place of an offset in it."""

    text: str
    at: Callable[[int], Place]


def _fault(text: _Text, expression: Expression, problem: Problem) -> Fault:
    place = text.at(expression.offset + (problem.offset or 0))
    message, hint = problem.message, problem.hint
    if place.source.private:
        message, hint = without_quotes(message), without_quotes(hint)
    return place.fault(message, hint=hint)


def _environment(document: Document[ServiceModel], component: str) -> Iterator[_Text]:
    for variable, text in document.model.components[component].environment.items():
        node = document.find("components", component, "environment", variable).node
        if has_expressions(text) and isinstance(node, Scalar):
            yield _Text(text, node.inside)


def _cloud_config(
    document: Document[ServiceModel], component: str, attachments: Attachments
) -> Source | None:
    """The component's own file, where there is an expression in it."""
    path = document.model.components[component].cloud_init
    if path is None:
        return None
    source = attachments.source(document.source.path.parent, path)
    return None if isinstance(source, Fault) or not any(OPENING in line for line in source.lines) else source


def _values(source: Source | None) -> Iterator[_Text]:
    for each in _scalars(source):
        if not each.is_key:
            yield _in_file(each.source, each.node)


def _keys(source: Source | None) -> Iterator[Fault]:
    for each in _scalars(source):
        if each.is_key:
            mark = each.node.start_mark
            yield each.source.at(mark.line + 1, mark.column + 1).fault("an expression cannot be a key")


@dataclass(frozen=True, slots=True)
class _Scalar:
    source: Source
    node: yaml.ScalarNode
    is_key: bool


def _scalars(source: Source | None) -> Iterator[_Scalar]:
    """The scalars of a cloud-config that have expressions; none where it cannot be read, told elsewhere."""
    if source is None:
        return
    try:
        root = yaml.compose("\n".join(source.lines), Loader=LOADER)
    except yaml.YAMLError:
        return
    seen: set[int] = set()
    waiting: list[tuple[yaml.Node, bool]] = [(root, False)] if root is not None else []
    while waiting:
        node, is_key = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.ScalarNode) and has_expressions(node.value):
            yield _Scalar(source, node, is_key)
        elif isinstance(node, yaml.SequenceNode):
            waiting.extend((each, False) for each in reversed(node.value))
        elif isinstance(node, yaml.MappingNode):
            pairs = [((key, True), (value, False)) for key, value in node.value]
            waiting.extend(each for pair in reversed(pairs) for each in reversed(pair))


def _in_file(source: Source, node: yaml.ScalarNode) -> _Text:
    """A scalar of a file: offsets are found by their number of openings, and by columns from there on."""

    def at(offset: int) -> Place:
        number = len(re.findall(re.escape(OPENING), node.value[: offset + len(OPENING)])) - 1
        start = node.value.rfind(OPENING, 0, offset + len(OPENING))
        line, column = _opening(source, node, max(0, number))
        return source.at(line, column + max(0, offset - start))

    return _Text(node.value, at)


def _opening(source: Source, node: yaml.ScalarNode, number: int) -> tuple[int, int]:
    """Line and column, from 1, of the ``number``-th opening in a scalar, from 0; else of the scalar."""
    first, last = node.start_mark, node.end_mark
    for line in range(first.line, min(last.line + 1, len(source.lines))):
        begin = first.column if line == first.line else 0
        for found in re.finditer(re.escape(OPENING), source.lines[line][begin:]):
            if number == 0:
                return line + 1, begin + found.start() + 1
            number -= 1
    return first.line + 1, first.column + 1


def _made_up(service: ServiceModel) -> ServiceFacts:
    components = {
        name: _members(service, name, component.replicas) for name, component in service.components.items()
    }
    return ServiceFacts(service.name, components)


def _members(service: ServiceModel, component: str, count: int) -> tuple[Member, ...]:
    """So many instances, with addresses for documentation where they will have some that we know."""
    name = f"{key_of_service(service)}-{keys_of_components(service)[component]}"
    plugs = service.components[component].networks
    addressed = any(service.networks[each].cidr for each in plugs if each in service.networks)
    return tuple(
        Member(f"{name}-{ordinal}", component, ordinal, f"192.0.2.{ordinal % 254 + 1}" if addressed else None)
        for ordinal in range(count)
    )
