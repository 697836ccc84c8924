"""Where inputs begin: the examples, the corpus of malformed input, and domains as libvirt writes them."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

from fuzz.inputs import Input, read
from fuzz.targets import DOMAIN, FLEET
from reconciler.actuators.libvirt.domain_xml import Site, domain_xml
from reconciler.actuators.libvirt.mark import Mark
from reconciler.specs.load import load

ROOT = Path(__file__).parents[1]
_EXAMPLES = ROOT / "examples" / "services"
_CORPUS = ROOT / "tests" / "fixtures" / "malformed"


def loader_seeds() -> list[Input]:
    """The examples, and malformed directories: twice as many as that."""
    malformed = [*_malformed()]
    sound = read(_EXAMPLES)
    return [sound] * (len(malformed) // 2) + malformed


def _malformed() -> Iterator[Input]:
    base = read(_CORPUS / "base")
    for path in sorted(_CORPUS.glob("*/*.yaml")):
        if path.parent.name != "base" and path.is_file():
            yield {**base, "case.yaml": path.read_bytes()}
    for folder in sorted((_CORPUS / "directory").iterdir()):
        if folder.is_dir() and (files := read(folder)):
            yield files


def domain_seeds() -> list[Input]:
    """Domains of ours as libvirt lays them out and on one line, and one of somebody else's."""
    written = [_domain(mark) for mark in _marks()]
    foreign = "<domain type='kvm'><name>x</name><memory>1048576</memory><vcpu current='1'>2</vcpu></domain>"
    return [{DOMAIN: text.encode()} for text in (*written, *map(_laid_out, written), foreign)]


def _marks() -> Iterator[Mark]:
    for instance in load(_EXAMPLES).instances:
        yield Mark(FLEET, instance.key, instance.machine, complete=True)


def _domain(mark: Mark) -> str:
    return domain_xml(mark, Site("kvm", "x86_64", "/pool"), seeded=True)


def _laid_out(text: str) -> str:
    domain = ET.fromstring(text)
    ET.indent(domain, "  ")
    return ET.tostring(domain, encoding="unicode")
