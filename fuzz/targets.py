"""What is fed, and what must hold of the answer whatever was fed."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fuzz.inputs import Input, write
from reconciler.actuators.libvirt.domain_xml import Site, domain_xml
from reconciler.actuators.libvirt.mark import Mark
from reconciler.actuators.libvirt.parse import Foreign, Ours, Reader, read_domain
from reconciler.context.cloud_config import user_data
from reconciler.errors import Fault, InvalidInput
from reconciler.render.faults import fault_text
from reconciler.render.words import printable
from reconciler.specs.desired import Desired
from reconciler.specs.fingerprint import digest_of
from reconciler.specs.load import load

FLEET = "lab"
DOMAIN = "domain.xml"
_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # a disk would be most of the time
_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")


@dataclass(frozen=True, slots=True)
class Target:
    """``feed`` raises whatever is wrong with the answer to an input."""

    name: str
    feed: Callable[[Input], None]


def feed_loader(files: Input) -> None:
    """A directory is loaded, and then can be carried out; or refused, each fault in its place."""
    desired = loaded(files)
    if desired is not None:
        _can_be_carried_out(desired)


def loaded(files: Input) -> Desired | None:
    """What a directory says; None where it is refused, each fault in its place."""
    with tempfile.TemporaryDirectory(prefix="fuzz-", dir=_MEMORY) as name:
        directory = Path(name)
        write(files, directory)
        try:
            return load(directory)
        except InvalidInput as refused:
            assert refused.faults, "refused without a fault"
            for fault in refused.faults:
                _is_sound(fault)
            return None


def feed_domain(files: Input) -> None:
    """What a host says of a domain is ours or foreign, and never an error."""
    text = files[DOMAIN].decode("utf-8", "surrogateescape" if len(files[DOMAIN]) % 2 else "replace")
    found = read_domain(text, Reader(FLEET, "/pool"))
    if isinstance(found, Ours):
        assert found.mark.fleet == FLEET
        assert _NAME.fullmatch(found.mark.key.service)
        assert _NAME.fullmatch(found.mark.key.component)
    else:
        assert isinstance(found, Foreign)


def _is_sound(fault: Fault) -> None:
    assert fault.message
    assert fault.position.line >= 1
    assert fault.position.column >= 1
    assert fault.width >= 1
    assert "\n" not in str(fault), "a fault of two lines"
    said = fault_text(fault)
    assert printable(said) == said, "a fault with characters that are not shown"


def _can_be_carried_out(desired: Desired) -> None:
    digest_of(desired)
    for instance in desired.instances[:20]:
        assert _NAME.fullmatch(instance.name), instance.name
        mark = Mark(instance.fleet, instance.key, instance.machine, complete=True)
        if len(instance.machine.disks) <= 25:
            text = domain_xml(mark, Site("kvm", "x86_64", "/pool"), seeded=True)
            found = read_domain(text, Reader(instance.fleet, "/pool"))
            assert isinstance(found, Ours), "what is written is not read back"
            assert found.mark == mark
        user_data(instance)


LOADER = Target("loader", feed_loader)
DOMAINS = Target("domains", feed_domain)
