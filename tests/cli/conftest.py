"""A command line to type at, and a small directory to type about."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from reconciler.cli.main import run

FLEET = """\
apiVersion: reconciler/v1
kind: Fleet
name: lab
hosts:
  hv1: {connect: "sim://", capacity: {cpus: 8, memory: 16GiB, disk: 200GiB}, labels: {rack: r1}}
  hv2: {connect: "sim://", capacity: {cpus: 8, memory: 16GiB, disk: 200GiB}, labels: {rack: r2}}
"""

IMAGE = f"""\
apiVersion: reconciler/v1
kind: Image
name: debian-12
source: https://images.example/debian-12.qcow2
sha256: "{"ab" * 32}"
format: qcow2
"""

SERVICE = """\
apiVersion: reconciler/v1
kind: Service
name: shop
networks:
  lan: {bridge: br0}
defaults: {image: debian-12}
components:
  db:
    resources: {cpus: 2, memory: 2GiB}
    disks: {root: 10GiB, data: {size: 20GiB, on_delete: retain}}
    networks: [lan]
  web:
    replicas: 2
    depends_on: [db]
    resources: {cpus: 1, memory: 1GiB}
    disks: {root: 10GiB}
    networks: [lan]
    placement: {anti_affinity: host}
"""


@dataclass(frozen=True)
class Answer:
    """What the command line said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, object]:
        """Standard output as one JSON object."""
        value = json.loads(self.out)
        assert isinstance(value, dict)
        return value


Reconcile = Callable[..., Answer]


@pytest.fixture
def reconcile(capsys: pytest.CaptureFixture[str]) -> Reconcile:
    """Type a command."""

    def typed(*argv: str | Path) -> Answer:
        code = run([str(word) for word in argv])
        out, err = capsys.readouterr()
        return Answer(code, out, err)

    return typed


class Directory:
    """A directory of YAML that a test edits."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.write("fleet.yaml", FLEET)
        self.write("image.yaml", IMAGE)
        self.write("shop.yaml", SERVICE)

    def write(self, name: str, text: str) -> None:
        """Put a file."""
        (self.path / name).write_text(text)

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace a text that must be there."""
        text = (self.path / name).read_text()
        assert old in text
        self.write(name, text.replace(old, new))

    def __fspath__(self) -> str:
        return str(self.path)

    def __str__(self) -> str:
        return str(self.path)


@pytest.fixture
def directory(tmp_path: Path) -> Directory:
    """Two simulated hosts, one image, one service of two components."""
    path = tmp_path / "services"
    path.mkdir()
    return Directory(path)
