"""The way of a directory through the whole of the program: load, domain, seed, plan, apply, status."""

from __future__ import annotations

import unicodedata
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

from reconciler.actuators.libvirt.domain_xml import Site, domain_xml
from reconciler.actuators.libvirt.mark import Mark
from reconciler.actuators.libvirt.parse import Ours, Reader, read_domain
from reconciler.context.cloud_config import meta_data, user_data
from reconciler.errors import Fault, InvalidInput
from reconciler.render.faults import faults_text
from reconciler.specs.desired import Desired, Instance
from reconciler.specs.load import load

Shape = tuple[object, ...]
"""What a tree is made of, without what it says."""

VERBS = (
    ("apply", "--yes"),
    ("snapshot",),
)


@dataclass(frozen=True)
class Journey:
    """How far a directory came: ``faults`` where it was refused, else what was made of it."""

    faults: tuple[Fault, ...] = ()
    domains: tuple[Shape, ...] = ()
    seeds: tuple[Shape, ...] = ()
    printed: str = ""


def travel(directory: Path, typed: Callable[..., str]) -> Journey:
    """Send a directory through; ``typed`` runs the command line and returns all that it printed."""
    try:
        desired = load(directory)
    except InvalidInput as refused:
        return Journey(refused.faults, printed=faults_text(refused.faults))
    printed = "".join(typed(verb, directory, *options) for verb, *options in VERBS)
    return Journey((), *_made(desired), printed)


def _made(desired: Desired) -> tuple[tuple[Shape, ...], tuple[Shape, ...]]:
    told = [each for each in desired.instances if each.context is not None]
    return (
        tuple(_domain(each) for each in desired.instances),
        tuple(_document(yaml.safe_load(text(each))) for each in told for text in (meta_data, user_data)),
    )


def _domain(instance: Instance) -> Shape:
    mark = Mark(instance.fleet, instance.key, instance.machine, complete=True)
    text = domain_xml(mark, Site("kvm", "x86_64", "/pool"), seeded=instance.context is not None)
    found = read_domain(text, Reader(instance.fleet, "/pool"))
    assert isinstance(found, Ours), "what was written is not read back as ours"
    assert found.mark == mark
    return _element(ET.fromstring(text))


def _element(element: ET.Element) -> Shape:
    return (element.tag, *sorted(element.keys()), *map(_element, element))


def _document(value: object) -> Shape:
    if isinstance(value, dict):
        return tuple((key, _document(value[key])) for key in sorted(value))
    if isinstance(value, list):
        return ("list", *map(_document, value))
    return (type(value).__name__,)


def unseen(text: str) -> set[str]:
    """Characters that a terminal obeys or does not show."""
    return {char for char in text if char != "\n" and unicodedata.category(char)[0] == "C"}
