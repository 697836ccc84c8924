"""Builders of directories: a sound fleet and image, and the service or host that a test is about."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent, indent

from reconciler.errors import Fault, InvalidInput
from reconciler.specs.desired import Desired, Host, Instance
from reconciler.specs.load import load
from reconciler.specs.placement import Placement

HEAD = "apiVersion: reconciler/v1\nkind: {kind}\nname: {name}\n"
DIGEST = "0f0e0d0c0b0a09080706050403020100ffeeddccbbaa99887766554433221100"

FLEET = HEAD.format(kind="Fleet", name="lab") + (
    'hosts:\n  sim1: {connect: "sim://", capacity: {cpus: 16, memory: 64GiB, disk: 1TiB}}\n'
)
IMAGE = HEAD.format(kind="Image", name="debian") + (
    f"source: https://images.example/d.qcow2\nsha256: {DIGEST}\nformat: qcow2\n"
)
COMPONENT = "image: debian\nresources: {cpus: 1, memory: 1GiB}\ndisks: {root: 10GiB}\n"


def service(body: str, *, name: str = "shop") -> str:
    """A Service document with this body."""
    return HEAD.format(kind="Service", name=name) + dedent(body)


def component(fields: str, *, name: str = "web") -> str:
    """A Service with one sound component, and these fields of it."""
    return service(f"components:\n  {name}:\n" + indent(COMPONENT + dedent(fields), "    "))


def write(directory: Path, **files: str) -> Path:
    """Write ``<name>.yaml`` for each argument, beside a sound fleet and image unless they are given."""
    for name, text in {"fleet": FLEET, "image": IMAGE, **files}.items():
        (directory / f"{name}.yaml").write_text(text)
    return directory


def loaded(directory: Path, **files: str) -> Desired:
    """What such a directory says."""
    return load(write(directory, **files))


def instance_of(directory: Path, fields: str, *, name: str = "web") -> Instance:
    """The first instance of a component with these fields."""
    return loaded(directory, shop=component(fields, name=name)).instances[0]


def placement_of(directory: Path, fields: str) -> Placement:
    """The placement of a component with these fields of ``placement``."""
    return instance_of(directory, f"placement: {fields}\n").placement


def host_of(directory: Path, fields: str) -> Host:
    """A host with these fields, in flow form."""
    fleet = HEAD.format(kind="Fleet", name="lab") + f"hosts: {{hv1: {{{fields}}}}}\n"
    return loaded(directory, fleet=fleet).fleet.hosts[0]


def faults_of(directory: Path, *, fleet: Path | None = None) -> tuple[Fault, ...]:
    """Why a directory cannot be loaded; nothing if it can."""
    try:
        load(directory, fleet=fleet)
    except InvalidInput as invalid:
        return invalid.faults
    return ()


def messages_of(directory: Path, *, fleet: Path | None = None) -> list[str]:
    """The faults, one line each."""
    return [str(fault) for fault in faults_of(directory, fleet=fleet)]
